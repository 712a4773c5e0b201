#!/usr/bin/env python3
"""What was known stays known: over a killed manager, with its age, and over an agent's start without
its manager; and a tree that is gone is no evidence of anything."""

import shutil
import time
import unittest

from iml_lab import Agent, Lab, wait_until


class Memory(Lab):
    def setUp(self):
        super().setUp()
        self.paths = self.trees("--layout", "mixed", "--servers", "4")
        self.server = self.manager()
        self.agent = Agent(self, self.server, self.paths["oss01"]).enrolled().wait_connected()

    def targets(self):
        """Those that are on oss01."""
        return {each["label"]: each for each in self.server.json("target", "list")
                if each.get("lastActiveOn") == "oss01" or each.get("activeOn") == "oss01"}

    def mounted(self):
        held = {label: each for label, each in self.targets().items()
                if each["state"] == "mounted" and each.get("bytesTotal")}
        return held if len(held) >= 2 else None

    def test_a_server_that_never_comes_back_is_remembered_over_a_killed_manager(self):
        before = wait_until(self.mounted, "targets with their capacity")
        label = min(before)
        shown = self.server.json("target", "show", label)
        self.assertTrue(shown["device"], shown)
        version = self.server.server("oss01")["summary"]["lustreVersion"]
        agent_version = self.server.server("oss01")["agentVersion"]
        self.assertTrue(version)
        time.sleep(14)  # What is new is written down within ten seconds.
        self.agent.kill()
        killed = time.time()
        time.sleep(1.5)  # The frame log is synced each second.
        self.server.kill()
        self.server.start()
        after = self.server.json("target", "show", label)
        self.assertEqual(after["summary"]["state"], "unknown")
        for key in ("device", "mountPoint", "uuid"):
            self.assertEqual(after.get(key), shown.get(key))
        self.assertEqual(after["summary"]["bytesTotal"], before[label]["bytesTotal"])
        # To some seconds, not to the minutes between two writings.
        gone = time.time() - killed
        age = after["summary"]["evidenceSecondsAgo"]
        self.assertLess(abs(age - gone), 4, f"seen {age} s ago, killed {gone} s ago")
        server = self.server.server("oss01")
        self.assertEqual(server["summary"]["lustreVersion"], version)
        self.assertEqual(server["agentVersion"], agent_version)
        self.assertEqual((server["summary"]["contact"], server["summary"]["health"]),
                         ("lost", "unknown"))
        self.assertFalse(any(section["isCurrent"] for section in server["sections"]))
        self.agent.start().wait_connected()
        wait_until(self.mounted, "all of it again")

    def test_a_tree_that_vanishes_unmounts_nothing(self):
        held = wait_until(self.mounted, "the targets")
        away = self.paths["oss01"].with_name("away")
        shutil.move(self.paths["oss01"], away)
        wait_until(lambda: "collector-failed" in self.server.codes(), "a finding")
        until = time.monotonic() + 6
        while time.monotonic() < until:
            for label, each in self.targets().items():
                self.assertNotEqual(each["state"], "unmounted", each)
            time.sleep(0.5)
        states = {self.targets()[label]["state"] for label in held}
        self.assertEqual(states, {"unknown"})
        reasons = [each["reason"] for each in self.server.findings()
                   if each["code"] == "collector-failed"]
        self.assertTrue(any("is not there" in reason for reason in reasons), reasons)
        shutil.move(away, self.paths["oss01"])
        wait_until(self.mounted, "the targets again")

    def test_an_agent_that_starts_without_its_manager_keeps_the_pace_it_was_told(self):
        told = self.agent.state / "collect-milliseconds"
        wait_until(told.exists, "the interval kept")
        self.assertEqual(told.read_text(), "1000\n")
        self.agent.kill()
        self.server.kill()
        self.agent.start()
        begun = time.time()
        time.sleep(12)
        self.server.start()
        self.agent.wait_connected()

        def times():
            group = self.server.metric("lustre_node_context_switches_total", "--by", "server",
                                       "--last", "5m").get("oss01")
            return [point[0] / 1e9 for point in group["points"]] if group else []
        inside = wait_until(
            lambda: [at for at in times() if begun + 2 < at < begun + 12] or None, "samples")
        self.assertGreaterEqual(len(inside), 7, "samples in 10 s without a manager")


if __name__ == "__main__":
    unittest.main()
