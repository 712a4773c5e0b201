#!/usr/bin/env python3
"""A cut link, a silent link, a killed agent, a killed manager, all in the middle of load: each
heals by itself, and every batch is accounted for: held, or said to be lost."""

import os
import signal
import time
import unittest

from iml_lab import IN_CI, Agent, Lab, wait_until
from trees import Stepper, Tree

# How long links are down. A minute in CI; elsewhere long enough to lose the session and its blocks.
OUTAGE = float(os.environ.get("IML_OUTAGE_SECONDS") or (60 if IN_CI else 20))
COLLECT = 1.0
METRIC = "lustre_write_bytes_total"


class Faults(Lab):
    """Load on two servers; one of them behind a proxy."""

    FLUSH = "2s"

    def setUp(self):
        super().setUp()
        paths = self.trees("--layout", "mixed", "--servers", "4")
        # The counters get their first values before anyone reads them.
        self.stepper = Stepper(self.path)
        for host in ("oss01", "oss02"):
            self.stepper.add_tree(Tree(paths[host]), host)
        self.fields = {label: (base, rate) for label, file in self.stepper.files
                       for name, base, rate in file.fields if name.endswith("write_bytes sum")}
        self.assertGreaterEqual(len(self.fields), 4)
        self.server = self.manager(flush=self.FLUSH)
        self.link = self.proxy(self.server.agent_port)
        self.far = Agent(self, self.server, paths["oss01"], through=self.link).enrolled()
        self.near = Agent(self, self.server, paths["oss02"]).enrolled()
        for agent in (self.far, self.near):
            agent.wait_connected()
        first = {label: base for label, (base, _) in self.fields.items()}
        wait_until(lambda: {label: g["value"] for label, g in self.tracks().items()} == first,
                   f"the first sample of each target: {first}")
        self.stepper.start()
        time.sleep(5)

    def tracks(self):
        return {label: group for label, group in self.server.metric(
            METRIC, "--by", "target", "--last", "15m").items() if group["value"] is not None}

    def end_load(self):
        """Stops the load and waits until the last value of each counter has arrived."""
        self.stepper.stop()
        last = {label: base + int(rate * self.stepper.seconds)
                for label, (base, rate) in self.fields.items()}
        wait_until(lambda: {label: g["value"] for label, g in self.tracks().items()} == last,
                   f"the last values {last}")
        time.sleep(2 * COLLECT)
        return last

    def holes(self, agent):
        """[(last before, first after)] of the times without a sample, from every target's points."""
        found = set()
        for label, group in self.tracks().items():
            if label not in Tree(agent.tree).osts():
                continue
            points = [point[0] for point in group["points"]]
            self.assertEqual(len(points), group["samples"], "points are not the samples")
            self.assertEqual(points, sorted(set(points)), f"{label}: a sample twice")
            found |= {(a, b) for a, b in zip(points, points[1:]) if b - a > 2.5 * COLLECT * 1e9}
        return sorted(found)

    def check_values(self, last):
        """The whole increase is there, reset-free, and never anything that was not in the file."""
        for label, group in self.tracks().items():
            base, _ = self.fields[label]
            values = [point[1] for point in group["points"]]
            self.assertEqual(group["resets"], 0, label)
            self.assertEqual(values, sorted(values), f"{label}: a counter that went back")
            self.assertEqual(values[-1] - values[0], last[label] - base,
                             f"{label}: the increase is not the known one")

    def check_nothing_lost(self, *agents):
        for agent in agents:
            self.assertEqual(self.server.server(agent.name)["losses"], [], agent.name)
            self.assertEqual(self.holes(agent), [], f"{agent.name}: a hole that no loss explains")

    def check_losses_are_the_holes(self, agent):
        """Each hole is in exactly one loss, and no loss is told where nothing is missing."""
        slack = 0.5e9
        losses, holes = self.server.server(agent.name)["losses"], self.holes(agent)
        for a, b in holes:
            over = [loss for loss in losses
                    if (loss.get("afterNanoseconds") or 0) <= a + slack
                    and loss["beforeNanoseconds"] >= b - slack - 2 * COLLECT * 1e9]
            self.assertEqual(len(over), 1, f"the hole of {(b - a) / 1e9:.1f} s and {losses}")
        self.assertEqual(len(losses), len(holes), f"{losses} for {holes}")
        return losses

    def check_pause(self, agent, *downtimes, resets=0):
        """All that was sampled is there, at its own time; the only holes are the times in which the
        agent was down, and each is told once, as a time in which nothing was sampled."""
        holes = self.holes(agent)
        self.assertEqual(len(holes), len(downtimes), f"{holes} for {downtimes}")
        for (a, b), (killed, started, cycle) in zip(holes, downtimes):
            # The last cycle before the kill and the first after the start, with a machine's slowness.
            self.assertLess((killed - a) / 1e9, 2.2 * cycle, "a sample before the kill is missing")
            self.assertGreater((b - killed) / 1e9, 0)
            self.assertLess((b - started) / 1e9, 10, "a sample after the start is missing")
        losses = self.check_losses_are_the_holes(agent)
        for loss in losses:
            self.assertEqual((loss["batches"], loss["samples"]), (0, 0), loss)
            self.assertIn("nothing was sampled until its next start", loss["reason"])
        self.assertNotIn("samples-lost", self.server.codes())
        for label, group in self.tracks().items():
            if label not in Tree(agent.tree).osts():
                continue
            base, rate = self.fields[label]
            # Each value tells when the file was written, and so when it was read.
            late = [point[0] / 1e9 - (point[1] - base) / rate
                    for point in group["points"][1:]
                    if base < point[1] < base + int(rate * self.stepper.seconds)]
            self.assertGreater(len(late), 5)
            self.assertLess(max(late) - min(late), 0.9 * COLLECT, f"{label}: not at its own time")
            self.assertEqual(group["resets"], resets, label)
        return losses

    def lost_then_back(self, during=None):
        wait_until(lambda: self.server.contact(self.far.name) == "lost", "the far agent lost",
                   seconds=10)
        self.assertIn(self.server.contact(self.near.name), ("connected", "suspect"))
        if during:
            during()

    def check_shown_as_unknown(self):
        """While nobody hears of them, its targets are not shown as if all were well."""
        for label in Tree(self.far.tree).osts():
            summary = self.server.json("target", "show", label)["summary"]
            self.assertEqual(summary["state"], "unknown")
            self.assertNotEqual(summary["reason"], "")
            self.assertIsNone(summary.get("activeOn"))
            self.assertEqual(summary["lastActiveOn"], self.far.name)
        self.server.cli("status", expect=(5,))


class Links(Faults):
    def test_a_cut_link_heals_and_loses_nothing(self):
        self.link.cut()
        self.lost_then_back(self.check_shown_as_unknown)
        time.sleep(OUTAGE)
        self.link.heal()
        self.far.wait_connected()
        last = self.end_load()
        self.check_values(last)
        self.check_nothing_lost(self.far, self.near)
        wait_until(lambda: self.server.json("target", "show", min(Tree(self.far.tree).osts()))[
            "summary"]["state"] == "mounted", "its targets mounted again")

    def test_a_silent_link_is_noticed_and_loses_nothing(self):
        self.link.swallow()
        self.lost_then_back(self.check_shown_as_unknown)
        self.far.program.wait_error(r"silent|peer-silent|nothing|no byte")
        time.sleep(OUTAGE)
        self.link.heal()
        self.far.wait_connected()
        last = self.end_load()
        self.check_values(last)
        self.check_nothing_lost(self.far, self.near)

    def test_a_link_that_flaps_loses_nothing(self):
        for pause in (0.3, 1.0, 2.5, 0.3, 4.0):
            self.link.cut()
            time.sleep(pause)
            self.link.heal()
            time.sleep(pause)
        self.far.wait_connected()
        last = self.end_load()
        self.check_values(last)
        self.check_nothing_lost(self.far, self.near)


class KilledAgents(Faults):
    def down(self, cycle=COLLECT):
        """Kills the far agent and starts it again; gives both times and how often it sampled."""
        self.far.kill()
        killed = time.time_ns()
        time.sleep(4)
        started = time.time_ns()
        self.far.start()
        return killed, started, cycle

    def test_a_killed_agent_comes_back_and_has_lost_nothing(self):
        self.far.kill()
        killed = time.time_ns()
        self.lost_then_back(self.check_shown_as_unknown)
        time.sleep(3)
        started = time.time_ns()
        self.far.start()
        self.far.wait_connected()
        time.sleep(5)
        last = self.end_load()
        self.check_values(last)
        losses = self.check_pause(self.far, (killed, started, COLLECT))
        self.assertIn("process ended", losses[0]["reason"])
        self.check_nothing_lost(self.near)

    def test_agents_killed_behind_a_cut_link_replay_all_that_they_spooled(self):
        self.link.cut()
        time.sleep(8)
        first = self.down()
        # Until a manager tells it how often, an agent samples each ten seconds: once in this life.
        time.sleep(5)
        second = self.down(cycle=5)
        self.assertGreaterEqual(len(list((self.far.state / "spool").glob("*.segment"))), 2)
        self.link.heal()
        self.far.wait_connected()
        time.sleep(4)
        last = self.end_load()
        self.check_values(last)
        self.check_pause(self.far, first, second)
        wait_until(lambda: len(list((self.far.state / "spool").glob("*.segment"))) == 1,
                   "what is acknowledged is removed")
        self.check_nothing_lost(self.near)

    def test_a_rebooted_server_replays_what_it_spooled_with_its_own_times(self):
        self.link.cut()
        time.sleep(8)
        self.far.kill()
        killed = time.time_ns()
        boot = next(self.far.tree.glob("proc/sys/kernel/random/boot_id"))
        boot.write_text("11111111-2222-4333-8444-555555555555\n")
        time.sleep(4)
        self.link.heal()
        started = time.time_ns()
        self.far.start()
        self.far.wait_connected()
        time.sleep(4)
        self.end_load()
        losses = self.check_pause(self.far, (killed, started, COLLECT), resets=1)
        self.assertIn("the server was restarted", losses[0]["reason"])
        self.check_nothing_lost(self.near)

    def test_a_spool_that_can_not_be_written_is_told_and_recovers(self):
        spool = self.far.state / "spool"
        self.far.program.terminate()
        (self.far.state / "kept").mkdir()
        spool.rename(self.far.state / "kept" / "spool")
        spool.write_text("no folder\n")
        self.far.start()
        self.far.wait_connected()

        def failing():
            return [f for f in self.server.findings() if f["code"] == "collector-failed"
                    and f["subject"] == self.far.name and "spool" in f["reason"]]
        wait_until(failing, "the spool's failure among the findings")
        spool.unlink()
        wait_until(lambda: not failing(), "the spool's recovery")
        wait_until(lambda: list(spool.glob("*.segment")), "a segment")

    def test_an_agent_that_is_stopped_loses_nothing_that_it_held(self):
        code, seconds = self.far.program.terminate()
        self.assertEqual((code, seconds < 2), (0, True))
        time.sleep(6)
        self.far.start()
        self.far.wait_connected()
        time.sleep(3)
        last = self.end_load()
        self.check_values(last)
        self.check_losses_are_the_holes(self.far)
        self.check_nothing_lost(self.near)


class HeldUpAgents(Faults):
    def test_a_pause_that_outlasts_a_restart_of_the_manager_is_told(self):
        os.kill(self.far.program.pid, signal.SIGSTOP)
        self.lost_then_back()
        self.server.kill()
        time.sleep(2)
        self.server.start()
        self.near.wait_connected()
        os.kill(self.far.program.pid, signal.SIGCONT)
        self.far.wait_connected()
        time.sleep(4)
        last = self.end_load()
        self.check_values(last)
        self.assertEqual(len(self.holes(self.far)), 1)
        losses = self.check_losses_are_the_holes(self.far)
        self.assertEqual((losses[0]["batches"], losses[0]["samples"]), (0, 0), losses)
        self.assertIn("held up", losses[0]["reason"])
        self.assertNotIn("samples-lost", self.server.codes())
        self.check_nothing_lost(self.near)


class KilledManagers(Faults):
    # So that a kill finds nearly all samples in the frame log, and a few in blocks. The default is
    # ten minutes.
    FLUSH = "10s"

    def test_a_manager_killed_under_load_loses_nothing(self):
        for _ in range(2):
            time.sleep(6)
            self.server.kill()
            time.sleep(4)
            self.server.start()
            for agent in (self.far, self.near):
                agent.wait_connected()
        last = self.end_load()
        self.check_values(last)
        self.check_nothing_lost(self.far, self.near)

    def test_what_was_known_before_the_kill_is_known_after_it(self):
        before = {t["label"]: t["id"] for t in self.server.json("target", "list")}
        servers = {s["hostname"]: s["id"] for s in self.server.json("server", "list")}
        self.server.kill()
        self.link.cut()
        self.server.start()
        self.near.wait_connected()
        self.assertEqual({s["hostname"]: s["id"] for s in self.server.json("server", "list")},
                         servers)
        self.assertEqual({t["label"]: t["id"] for t in self.server.json("target", "list")}, before)
        # Who has not been heard since is not shown as if he had been.
        self.assertNotEqual(self.server.contact(self.far.name), "connected")
        for label in Tree(self.far.tree).osts():
            self.assertEqual(
                self.server.json("target", "show", label)["summary"]["state"], "unknown")
        self.link.heal()
        self.far.wait_connected()
        self.stepper.stop()

    def test_a_manager_and_an_agent_killed_at_once_lose_nothing(self):
        # What the manager has acknowledged is in its frame log; the rest is in the agent's spool.
        time.sleep(12)
        self.far.kill()
        killed = time.time_ns()
        self.server.kill()
        time.sleep(5)
        self.server.start()
        started = time.time_ns()
        self.far.start()
        for agent in (self.far, self.near):
            agent.wait_connected()
        time.sleep(3)
        last = self.end_load()
        self.check_values(last)
        self.check_pause(self.far, (killed, started, COLLECT))
        self.check_nothing_lost(self.near)


if __name__ == "__main__":
    unittest.main()
