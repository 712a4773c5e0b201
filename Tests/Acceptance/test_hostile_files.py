#!/usr/bin/env python3
"""Whatever files say, or fail to say: the agent lives, tells what it could not read, tells nothing
that was not there, and all other files are read as if nothing were."""

import errno
import os
import pathlib
import random
import re
import shutil
import time
import unittest

import hostile
from hostile import Look, Reads
from iml_lab import Agent, Lab, wait_until
from trees import Tree

OST = "scratch-OST0000"
STATS = f"obdfilter/{OST}/stats"
NOISE = random.Random(4).randbytes(8192)
# Numbers that need no file's text: an empty list of clients or of jobs has none.
COUNTED = {"lustre_connected_clients", "lustre_job_stats_jobs"}


class Files(Lab):
    def setUp(self):
        super().setUp()
        self.tree = self.trees("--layout", "mixed", "--servers", "4")["oss01"]
        self.good = Look(self.tree)

    def all_files(self):
        return [path for path in self.tree.rglob("*") if path.is_file() and not path.is_symlink()]

    def stats(self, target=OST):
        return Tree(self.tree).find(f"obdfilter/{target}/stats")[0]

    def check_others_untouched(self, look, target=OST):
        """Every number of every other target and of the server is there, and is the same."""
        def others(values):
            return {k: v for k, v in values.items() if dict(k[1]).get("target") != target}
        self.assertEqual(others(look.values()), others(self.good.values()))

    def check_sober(self, look):
        """Not slower and larger than what the limits on files allow, even in a debug build."""
        self.assertLess(look.megabytes, self.good.megabytes + 64)
        self.assertLess(look.seconds, 40)


class BadContents(Files):
    def test_files_of_nonsense_make_no_numbers(self):
        for name, data in (("empty", b""), ("a blank line", b"\n"), ("noise", NOISE),
                           ("no UTF-8", b"\xff\xfe \xc3\x28 1 \xed\xa0\x80\n" * 40),
                           ("zeros", bytes(5000)), ("one long line", b"9" * 100_000),
                           ("words", b"no such thing\n" * 300)):
            with self.subTest(name):
                for path in self.all_files():
                    path.write_bytes(data)
                look = Look(self.tree)
                made = {k: v for k, v in look.values().items()
                        if k[0] not in COUNTED or v != 0}
                self.assertEqual(made, {})
                for target, section in look.json["sections"].get("exports", {}).items():
                    self.assertEqual(section["clients"], [], target)
                self.check_sober(look)
                if data.strip(b"\n\0"):
                    self.assertGreater(len(look.json["leftovers"]), 0, "kept, and visible")

    def test_every_file_cut_at_the_same_byte(self):
        """Each parser is cut at every byte of its texts by the unit tests; here all files are cut
        at once, so that what collectors make of several halves is tried too."""
        whole = {path: path.read_bytes() for path in self.all_files()}
        kept = self.good.values()
        for cut in [*range(0, 48), 64, 100, 150, 250, 400, 800]:
            for path, data in whole.items():
                if len(data) >= cut:
                    path.write_bytes(data[:cut])
            look = Look(self.tree)
            self.assertLessEqual({k for k, _ in look.values()}, {k for k, _ in kept},
                                 f"cut at {cut}: metrics that the whole files do not have")

    def test_huge_files_are_refused_and_named(self):
        huge = [self.stats(), *Tree(self.tree).find(f"obdfilter/{OST}/recovery_status"),
                *Tree(self.tree).find("devices"), self.tree / "proc/meminfo",
                *Tree(self.tree).find(f"obdfilter/{OST}/num_exports")]
        self.assertEqual(len(huge), 5)
        for path in huge:
            os.truncate(path, 100 << 20)
        look = Look(self.tree)
        failures = look.failures()
        for source in (f"obdfilter.{OST}.stats", f"obdfilter.{OST}.recovery_status", "devices",
                       "/proc/meminfo", f"obdfilter.{OST}.num_exports"):
            self.assertRegex(failures.get(source, ""), "larger than", source)
        self.check_sober(look)
        del failures
        metrics = {metric for metric, _ in look.values(OST)}
        self.assertNotIn("lustre_write_bytes_total", metrics)
        self.assertIn("lustre_capacity_bytes", metrics, "what is sound of the same target is told")
        kept = {k: v for k, v in self.good.values().items()
                if dict(k[1]).get("target") not in (OST, None)}
        self.assertEqual({k: look.values().get(k) for k in kept}, kept)

    def test_the_memory_of_huge_files_is_given_back(self):
        huge = [path for path in self.all_files() if "obdfilter" in str(path) and path.name in
                ("stats", "recovery_status", "num_exports")]
        self.assertGreater(len(huge), 10)
        agent = Agent(self, self.manager(), self.tree).enrolled().wait_connected()
        status = pathlib.Path(f"/proc/{agent.program.process.pid}/status")

        def megabytes():
            return int(re.search(r"RssAnon:\s+(\d+)", status.read_text())[1]) / 1024

        before = megabytes()
        for path in huge:
            os.truncate(path, 300 << 20)
        wait_until(lambda: any(f["code"] == "reads-failing" and "larger than" in f["reason"]
                               for f in agent.manager.findings()), "the huge files told")
        time.sleep(5)  # Some cycles.
        self.assertLess(megabytes(), before + 32, "the limit of four files")

    def test_a_hundred_megabytes_of_jobs_are_read_in_pieces(self):
        path = Tree(self.tree).find(f"obdfilter/{OST}/job_stats")[0]
        entry = ("- job_id:          {}\n  snapshot_time:   1767225720\n"
                 "  write_bytes:     {{ samples: 1, unit: bytes, min: 1, max: 1, sum: 1 }}\n")
        with open(path, "w") as file:
            file.write("job_stats:\n")
            for index in range(2_000):
                file.write(entry.format(f"job{index}"))
            file.truncate(100 << 20)  # and then zeros without end of line
        look = Look(self.tree)
        self.assertEqual(look.code, 0)
        self.check_others_untouched(look)
        self.check_sober(look)
        jobs = {(s["labels"].get("target")): s["value"] for s in look.json["series"]
                if s["metric"] == "lustre_job_stats_jobs"}
        self.assertEqual(jobs[OST], 2_000)

    def test_nids_with_colons(self):
        nid = "2001:db8:0:1::3@tcp"
        exports = self.stats().parent / "exports"
        old = next(path for path in sorted(exports.iterdir())
                   if "@" in path.name and "_UUID" not in (path / "uuid").read_text())
        uuid = (old / "uuid").read_text().strip()
        old.rename(exports / nid)
        for path in Tree(self.tree).find("nis", ("proc/sys/lnet", "sys/kernel/debug/lnet")):
            text = path.read_text()
            own = next(w for w in text.split() if "@tcp" in w)
            path.write_text(text.replace(own, "fd00::20:1@tcp"))
        for name in ("proc/self/mountinfo", "proc/self/mounts", "proc/mounts"):
            path = self.tree / name
            path.write_text(path.read_text().replace(
                "mgsnode=10.73.10.11@tcp:10.73.10.12@tcp",
                "mgsnode=fd00::10:11@tcp,10.73.10.11@o2ib:fd00::10:12@tcp"))
        found = Look(self.tree).json["sections"]
        self.assertIn({"nid": nid, "uuid": uuid}, found["exports"][OST]["clients"])
        self.assertIn("fd00::20:1@tcp", [i["nid"] for i in found["lnet"]["interfaces"]])
        self.assertEqual(found["target"][OST]["reference"]["mgs"],
                         ["fd00::10:11@tcp", "10.73.10.11@o2ib", "fd00::10:12@tcp"])
        # And all the way to the operator.
        manager = self.manager()
        agent = Agent(self, manager, self.tree).enrolled().wait_connected()
        wait_until(lambda: {"nid": nid, "uuid": uuid} in [
            {"nid": c["nid"], "uuid": c["uuid"]}
            for c in manager.json("target", "show", OST)["clientList"]], f"the client at {nid}")
        self.assertIn(nid, manager.cli("target", "show", OST, "-o", "yaml"))
        self.assertTrue(agent.program.is_running)

    def test_a_tree_without_lustre_is_a_server_without_targets(self):
        for path in ("proc/fs/lustre", "sys/fs/lustre", "sys/kernel/debug/lustre",
                     "sys/kernel/debug/lnet", "proc/sys/lnet"):
            shutil.rmtree(self.tree / path, ignore_errors=True)
        look = Look(self.tree)
        outcomes = look.outcomes()
        for name in ("lustre", "mgs", "mdt", "ost", "exports", "imports", "jobs", "lnet"):
            self.assertEqual(outcomes[name], "notApplicable", name)
        self.assertEqual(outcomes["host"], "sampled")
        self.assertEqual(look.json["failures"], [])
        self.assertEqual(look.values(OST), {})


class FailingReads(Files):
    """Reads that fail after some bytes: half a file is told as none."""

    def check_failed(self, look, reason):
        self.assertRegex(look.failures().get(f"obdfilter.{OST}.stats", ""), reason)
        self.check_others_untouched(look)
        told = {metric for metric, _ in look.values(OST)}
        self.assertFalse({m for m in told if "write_" in m or "read_" in m},
                         "numbers of half a file")
        self.assertIn("lustre_capacity_bytes", told)

    def test_errors_in_the_middle_of_a_read(self):
        reads = Reads(self.path)
        for number, reason in ((errno.EIO, "EIO"), (errno.EPERM, "EPERM"), (errno.ENODEV, "ENODEV"),
                               (errno.ESHUTDOWN, "ESHUTDOWN"), (errno.EINVAL, "EINVAL")):
            for after in (0, 1, 90, 150):
                with self.subTest(reason, after=after):
                    reads.fail(f"{OST}/stats", after, number)
                    self.check_failed(Look(self.tree, env=reads.environment), reason)

    def test_a_file_that_never_ends(self):
        reads = Reads(self.path)
        reads.never_end(f"{OST}/stats", 60)
        look = Look(self.tree, env=reads.environment)
        self.check_failed(look, "larger than")
        self.check_sober(look)

    def test_an_input_error_of_the_kernel_itself(self):
        """No library stands between here: address 0 of a process is not mapped, and reading it
        through /proc/PID/mem is an EIO of the kernel."""
        hostile.private_mounts()
        hostile.mount("--bind", f"/proc/{os.getpid()}/mem", self.stats())
        try:
            self.check_failed(Look(self.tree), "EIO")
        finally:
            hostile.unmount(self.stats())

    def test_what_can_not_be_read_for_a_while_is_told_and_comes_back(self):
        reads = Reads(self.path)
        manager = self.manager()
        agent = Agent(self, manager, self.tree)
        agent.enrol()
        agent.start(env=reads.environment).wait_connected()

        def samples(target):
            group = manager.metric("lustre_write_bytes_total", "--by", "target",
                                   "--last", "15m").get(target)
            return group["samples"] if group else 0
        wait_until(lambda: samples(OST) > 1, "the first samples")

        def told():
            sections = manager.server(agent.name)["sections"]
            fates = next(s["body"] for s in sections if s["key"]["name"] == "collectors")
            return any(f"obdfilter.{OST}.stats" in text and "ENODEV" in text
                       for c in fates["collectors"] for text in c["failures"])
        reads.fail(f"{OST}/stats", 90, errno.ENODEV)
        wait_until(told, "the failure in what the server shows")
        before, others = samples(OST), samples("scratch-OST0001")
        wait_until(lambda: samples("scratch-OST0001") > others + 1, "samples of the others")
        self.assertLessEqual(samples(OST), before + 1)
        # A target whose numbers can not be read is there all the same.
        self.assertEqual(manager.json("target", "show", OST)["summary"]["state"], "mounted")
        reads.heal()
        wait_until(lambda: samples(OST) > before + 1, "samples again")
        wait_until(lambda: not told(), "the failure gone")
        group = manager.metric("lustre_write_bytes_total", "--by", "target", "--last", "15m")[OST]
        self.assertEqual(group["resets"], 0)


class NoPermission(Files):
    PREFIX = ("setpriv", f"--reuid={hostile.NOBODY}", f"--regid={hostile.NOBODY}", "--clear-groups")

    def setUp(self):
        super().setUp()
        hostile.need_root()
        self.path.chmod(0o711)

    def deny(self):
        for name in ("proc", "sys"):
            (self.tree / name).chmod(0)

    def test_no_permission_is_not_no_lustre(self):
        self.deny()
        look = Look(self.tree, prefix=self.PREFIX)
        outcomes = look.outcomes()
        for name in ("lustre", "mgs", "mdt", "ost", "exports", "imports", "jobs", "mounts", "lnet"):
            self.assertEqual(outcomes[name], "failed", name)
        self.assertEqual(look.values(), {})
        self.assertTrue(all("EACCES" in reason for reason in look.failures().values()))

    def test_files_that_may_not_be_read_are_named(self):
        for path in self.all_files():
            path.chmod(0)
        look = Look(self.tree, prefix=self.PREFIX)
        self.assertGreater(len(look.failures()), 10)
        self.assertTrue(all("EACCES" in reason for reason in look.failures().values()),
                        look.failures())
        made = {k: v for k, v in look.values().items() if v != 0}
        self.assertEqual(made, {})
        # The folders say that the targets are there; nothing says how they are.
        self.assertEqual(outcome := look.outcomes()["ost"], "sampled", outcome)

    def test_targets_of_an_agent_that_may_see_nothing_are_unknown(self):
        """It saw them mounted, then may see nothing: that is no news of an unmount. The manager
        is no root either, as its unit has it."""
        (self.path / "manager").mkdir(mode=0o700)
        os.chown(self.path / "manager", hostile.NOBODY, hostile.NOBODY)
        manager = self.manager(prefix=self.PREFIX)
        agent = Agent(self, manager, self.tree)
        agent.enrol()
        for path in [agent.state, *agent.state.rglob("*")]:
            os.chown(path, hostile.NOBODY, hostile.NOBODY)
        agent.start(prefix=self.PREFIX).wait_connected()

        def state():
            return manager.json("target", "show", OST)["summary"]["state"]
        wait_until(lambda: state() == "mounted", f"{OST} mounted")
        self.deny()
        wait_until(lambda: state() != "mounted", f"{OST} no longer shown as mounted")
        self.assertEqual(state(), "unknown")
        wait_until(lambda: any(f["code"] == "collector-failed" and "EACCES" in f["reason"]
                               for f in manager.findings()), "the failed collectors told")
        for name in ("proc", "sys"):
            (self.tree / name).chmod(0o755)
        wait_until(lambda: state() == "mounted", f"{OST} mounted again")


class UnknownIsNotHealthy(Lab):
    """Each server of a pair is healthy, until something of one target can not be told."""

    def setUp(self):
        super().setUp()
        trees = self.trees("--layout", "2.17", "--servers", "4")
        self.tree = trees["oss01"]
        self.desk = self.manager()
        for name in sorted(trees):
            Agent(self, self.desk, trees[name]).enrolled().wait_connected()
        wait_until(lambda: self.status()["health"] == "healthy", "a healthy site")
        self.desk.cli("status", expect=(0,))

    def status(self):
        return self.desk.json("status")


    def target(self):
        return self.desk.json("target", "show", OST)["summary"]

    def recovery(self):
        return Tree(self.tree).find(f"obdfilter/{OST}/recovery_status")[0]

    def check_unknown(self):
        wait_until(lambda: self.target()["state"] == "unknown", f"{OST} unknown")
        target = self.target()
        self.assertEqual(target["activeOn"], "oss01")
        self.assertIn("recovery", target["reason"])
        self.assertNotEqual(self.status()["health"], "healthy")
        for words in (("status",), ("target", "show", OST), ("fs", "show", "scratch")):
            self.desk.cli(*words, expect=(5,))

    def test_a_recovery_that_can_not_be_told_is_unknown(self):
        path = self.recovery()
        whole = path.read_bytes()
        for name, data in (("empty", b""), ("noise", NOISE), ("a word nobody knows",
                                                              b"status: HOVERING\n")):
            with self.subTest(name):
                path.write_bytes(data)
                self.check_unknown()
                path.write_bytes(whole)
                wait_until(lambda: self.status()["health"] == "healthy", "healthy again")
        with self.subTest("missing"):
            path.unlink()
            self.check_unknown()
            path.write_bytes(whole)
        with self.subTest("a pipe in its place"):
            path.unlink()
            os.mkfifo(path)
            self.check_unknown()
            wait_until(lambda: "reads-failing" in self.desk.codes()
                       or "collector-stalled" in self.desk.codes(), "a finding")

    def test_a_server_without_debugfs_is_not_healthy(self):
        (self.tree / "sys/kernel/debug").rename(self.tree / "elsewhere")
        self.check_unknown()
        wait_until(lambda: "debugfs-unreadable" in self.desk.codes(), "a finding")
        self.desk.cli("server", "show", "oss01", expect=(5,))
        (self.tree / "elsewhere").rename(self.tree / "sys/kernel/debug")
        wait_until(lambda: self.status()["health"] == "healthy", "healthy again")

    def test_a_file_of_a_target_that_can_not_be_read_is_a_finding_of_the_target(self):
        path = Tree(self.tree).find(f"obdfilter/{OST}/stats")[0]
        os.truncate(path, 100 << 20)
        wait_until(lambda: "reads-failing" in self.desk.codes(), "a finding")
        self.desk.cli("status", expect=(5,))
        codes = [f["diagnostic"]["code"]
                 for f in self.desk.json("target", "show", OST)["findings"]]
        self.assertEqual(codes, ["reads-failing"])
        self.assertEqual(self.target()["state"], "mounted")


class Counters(Lab):
    """Counters that wrap and counters that go back, as `iml metrics query --rate` shows them."""

    def test_rates_and_resets_of_counters_that_wrap_or_go_back(self):
        tree = self.trees("--layout", "mixed", "--servers", "4")["oss01"]
        targets = sorted(Tree(tree).osts())
        self.assertEqual(len(targets), 3)
        lnet = Tree(tree).find("stats", ("proc/sys/lnet", "sys/kernel/debug/lnet"))[0]
        scratch = self.path / "scratch"
        step, top = 1_000_000, 1 << 64

        def write(path, text):
            scratch.write_text(text)
            os.replace(scratch, path)

        def put(round):
            # Twelve rounds; the event is in the middle of them.
            grows = 7_000_000_000 + step * round
            cleared = grows if round < 6 else step * (round - 6)
            wraps = (top - 6 * step + step * round) % top
            for target, value in zip(targets, (grows, cleared, wraps)):
                write(Tree(tree).find(f"obdfilter/{target}/stats")[0],
                      "snapshot_time             1767225720.000000000 secs.nsecs\n"
                      f"write_bytes               {10 + round} samples [bytes] 1 1 {value}\n")
            messages = ((1 << 32) - 5_500 + 1_000 * round) % (1 << 32)
            back = 9_000 + 1_000 * round if round < 6 else 1_000 * (round - 6)
            # allocated, maximum, errors, sent, received, routed, dropped, then lengths
            write(lnet, f"0 28 0 {messages} {back} 0 0 {grows} {wraps} 0 0\n")

        put(0)
        manager = self.manager(flush="1s")
        agent = Agent(self, manager, tree).enrolled().wait_connected()

        def raw(metric, by):
            return manager.metric(metric, "--by", by, "--last", "5m")

        def arrived(round):
            group = raw("lustre_receive_count_total", "server").get(agent.name)
            last = 9_000 + 1_000 * round if round < 6 else 1_000 * (round - 6)
            return group and group["value"] == last
        for round in range(12):
            put(round)
            wait_until(lambda: arrived(round), f"round {round}")
        # The last round of all files may be one cycle behind that of LNet's.
        wait_until(lambda: raw("lustre_write_bytes_total", "target")[targets[0]]["value"]
                   == 7_000_000_000 + step * 11, "the last values")
        # So that rates and points are of the same samples.
        agent.program.terminate()
        wait_until(lambda: manager.contact(agent.name) == "lost", "the agent gone")

        def check(metric, by, subject, increase, resets):
            group = manager.metric(metric, "--rate", "--by", by, "--last", "5m")[subject]
            plain = raw(metric, by)[subject]
            points = plain["points"]
            seconds = (points[-1][0] - points[0][0]) / 1e9
            self.assertEqual((metric, subject, group["resets"]), (metric, subject, resets))
            self.assertAlmostEqual(group["value"] * seconds, increase, delta=0.02 * increase + 1,
                                   msg=f"{metric} of {subject}")
            for point in group["points"]:
                self.assertGreaterEqual(point[1] or 0, 0, "a rate below zero")
                # The largest step that there was, in the shortest time between two samples.
                self.assertLess(point[1] or 0, 40 * increase)
        by = "target"
        check("lustre_write_bytes_total", by, targets[0], 11 * step, 0)
        # Five steps, then cleared: what was counted before the clearing and after it.
        check("lustre_write_bytes_total", by, targets[1], 10 * step, 1)
        # 64 bits wrap onto 0: no better known than a clearing.
        check("lustre_write_bytes_total", by, targets[2], 10 * step, 1)
        by = "server"
        check("lustre_send_bytes_total", by, agent.name, 11 * step, 0)
        # 32 bits wrap in days: that is no reset.
        check("lustre_send_count_total", by, agent.name, 11_000, 0)
        check("lustre_receive_count_total", by, agent.name, 10_000, 1)
        check("lustre_receive_bytes_total", by, agent.name, 10 * step, 1)


if __name__ == "__main__":
    unittest.main()
