#!/usr/bin/env python3
"""Jobs whose counters grow by known amounts: `iml job top` says exactly these, through a cut link and
a manager that is killed, and what nobody names is told as unnamed."""

import os
import time
import unittest

from iml_lab import Agent, Lab, run, wait_until

OPERATIONS = ("getattr", "punch", "sync")


class JobStats:
    """One target's job_stats, replaced as a whole so that no reading sees half of it."""

    def __init__(self, tree, label, started=False):
        self.file = tree / "proc/fs/lustre/obdfilter" / label / "job_stats"
        self.file.parent.mkdir(parents=True)
        self.started, self.jobs = started, {}

    def add(self, job, read=0, write=0, reads=0, writes=0, metadata=0):
        known = self.jobs.setdefault(job, [0, 0, 0, 0, 0, len(self.jobs) + 1])
        for place, amount in enumerate((read, write, reads, writes, metadata)):
            known[place] += amount

    def write(self):
        text = "job_stats:\n"
        for job, (read, write, reads, writes, metadata, life) in self.jobs.items():
            text += f"- job_id:          {job}\n  snapshot_time:   1749555518.1 secs.nsecs\n"
            if self.started:
                text += f"  start_time:      1749555500.{life:09} secs.nsecs\n"
            for name, samples, total in (("read_bytes", reads, read), ("write_bytes", writes, write)):
                text += (f"  {name + ':':16} {{ samples: {samples:11}, unit: bytes, min: {0:7}, "
                         f"max: {0:7}, sum: {total:15} }}\n")
            text += f"  getattr:         {{ samples: {metadata:11}, unit:  reqs }}\n"
        part = self.file.with_name("job_stats.new")
        part.write_text(text)
        os.replace(part, self.file)


class Jobs(Lab):
    def site(self, *labels, through=None):
        """A manager and an agent on a tree with these targets."""
        tree = self.path / "oss01"
        (tree / "sys/fs/lustre").mkdir(parents=True)
        (tree / "sys/fs/lustre/version").write_text("2.15.8\n")
        (tree / "proc/sys/kernel").mkdir(parents=True)
        (tree / "proc/sys/kernel/hostname").write_text("oss01\n")
        targets = [JobStats(tree, label, started=index % 2 == 0) for index, label in enumerate(labels)]
        for target in targets:
            target.add("old.1", read=10**15, reads=1)  # from before: never counted
            target.write()
        server = self.manager()
        proxy = self.proxy(server.agent_port)
        agent = Agent(self, server, tree, through=proxy).enrolled()
        agent.wait_connected()
        # The first reading only tells where the jobs stand.
        wait_until(lambda: server.metric("lustre_job_stats_jobs", "--by", "target"), "first reading")
        return server, agent, proxy, targets

    def shown(self, server, *options):
        view = server.json("job", "top", "--limit", "1000", *options)
        return view, {job["job"]: job["increase"] for job in view["jobs"]}

    def test_increases_are_exact_through_a_cut_link_and_a_killed_manager(self):
        server, agent, proxy, targets = self.site("fs-OST0000", "fs-OST0001")
        expected = {}

        def step(number):
            for index, target in enumerate(targets):
                for job in ("dd.0", f"task@{index}@node", "a b:c"):
                    amounts = dict(read=4096 * number, write=1_000_003 * (index + 1), reads=number,
                                   writes=2, metadata=7 * number)
                    target.add(job, **amounts)
                    sums = expected.setdefault(job, [0, 0, 0, 0])
                    for place, amount in enumerate((
                            amounts["read"], amounts["write"], amounts["reads"] + amounts["writes"],
                            amounts["metadata"])):
                        sums[place] += amount
                target.write()

        def settled():
            _, shown = self.shown(server, "--by", "iops")
            return {job: [increase[key] for key in (
                "readBytes", "writtenBytes", "ioOperations", "metadataOperations")]
                for job, increase in shown.items()} == expected

        for number in range(1, 4):
            step(number)
            wait_until(settled, f"step {number} is told")
        proxy.cut()
        step(4)
        proxy.heal()
        wait_until(settled, "what was done behind the cut link is told once")
        server.kill()
        step(5)
        server.start()
        agent.wait_connected()
        wait_until(settled, "what the killed manager had not stored is sent again, and counted once")
        view, shown = self.shown(server)
        self.assertNotIn("old.1", shown)
        self.assertEqual(view["unnamed"], {"readBytes": 0, "writtenBytes": 0, "ioOperations": 0,
                                           "metadataOperations": 0})
        self.assertEqual((view["targets"], view["silentTargets"]), (2, []))
        one, _ = self.shown(server, "--target", "fs-OST0001")
        self.assertEqual([job["job"] for job in one["jobs"]].count("task@0@node"), 0)
        both, _ = self.shown(server, "--target", "fs-OST[0000-0001]")
        self.assertEqual(both["jobs"], view["jobs"])
        whole, _ = self.shown(server, "--fs", "fs")
        self.assertEqual(whole["jobs"], view["jobs"])

    def test_reports_that_could_not_be_taken_come_again(self):
        server, agent, _, (target,) = self.site("fs-OST0000")
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
        broken = server.state / f"jobs/jobs-{day}.sqlite"
        server.kill()
        broken.mkdir()
        server.start()
        agent.wait_connected()
        for _ in range(3):
            target.add("dd.0", write=1_000, writes=1)
            target.write()
            time.sleep(1.5)
        told = wait_until(lambda: [f for f in server.findings() if f["subject"] == str(broken)], "it is told")
        self.assertIn("Move what is there away", told[0]["remedy"])
        broken.rmdir()
        target.add("dd.0", write=1_000, writes=1)
        target.write()
        wait_until(lambda: (v := self.shown(server)[0])["total"]["writtenBytes"] == 4_000 and v,
                   "all that was done is told, once")
        time.sleep(3)
        self.assertEqual(self.shown(server)[0]["total"]["writtenBytes"], 4_000)
        self.assertNotIn("state-directory-unusable", server.codes())

    def test_files_that_go_or_are_spoilt_are_told_and_cost_what_was_in_them(self):
        server, agent, _, (target,) = self.site("fs-OST0000")

        def work(job):
            target.add(job, write=1_000, writes=1)
            target.write()
            wait_until(lambda: self.shown(server)[1].get(job, {}).get("writtenBytes") == 1_000, f"{job} is told")

        def restart(damage):
            server.program.terminate()  # what is held back until then is written
            damage()
            server.start()
            agent.wait_connected()

        def findings():
            return {f["subject"]: f for f in server.findings() if f["subject"].startswith("jobs/")}

        work("dd.1")
        restart(lambda: None)
        (file,) = (server.state / "jobs").glob("jobs-*.sqlite")
        name = f"jobs/{file.name}"
        work("dd.2")
        restart(file.unlink)
        self.assertIn("removed, replaced or emptied", findings()[name]["reason"])
        work("dd.3")
        view, shown = self.shown(server)
        self.assertNotIn("dd.1", shown)
        self.assertEqual([gap["file"] for gap in view["unreadable"]], [name])
        self.assertIn(f"{name}: it was removed", server.cli("job", "top"))
        self.assertIn(f"error    {name}: it was", server.cli("status"))
        garbage = b"this is no database"
        restart(lambda: file.write_bytes(garbage))
        work("dd.4")
        restart(lambda: None)
        self.assertEqual((file.parent / (file.name + ".damaged")).read_bytes(), garbage)
        self.assertEqual(findings()[name]["code"], "database-corrupt")
        self.assertEqual(self.shown(server)[1]["dd.4"]["writtenBytes"], 1_000)

    def test_what_is_not_named_is_counted(self):
        server, _, _, (target,) = self.site("fs-OST0000")
        for number in range(200):
            target.add(f"many.{number}", write=1_000 + number, writes=1)
        target.write()
        total = sum(1_000 + number for number in range(200))
        view = wait_until(
            lambda: (v := self.shown(server)[0])["total"]["writtenBytes"] == total and v, "all told")
        named = {job["job"]: job["increase"]["writtenBytes"] for job in view["jobs"]}
        self.assertLess(len(named), 200)
        for number in range(180, 200):
            self.assertEqual(named[f"many.{number}"], 1_000 + number, "the top is exact")
        self.assertEqual(view["unnamed"]["writtenBytes"], total - sum(named.values()))
        text = server.cli("job", "top", "--by", "write", "--limit", "3")
        self.assertRegex(text, r"many\.199 .*B/s")
        self.assertIn("(unnamed)", text)
        self.assertIn("(all)", text)

    def test_what_can_not_be_asked_is_said(self):
        server = self.manager()
        self.assertIn("No target has told of jobs", self.hint(server))
        for words, code in ((("--by", "cheese"), 2), (("--limit", "0"), 2),
                            (("--target", "nobody"), 1), (("--target", "a", "--fs", "b"), 2)):
            with self.subTest(words):
                server.cli("job", "top", *words, expect=(code,))

    def hint(self, server):
        from iml_lab import IML
        return run(IML, "--state-dir", server.state, "job", "top")[2]


if __name__ == "__main__":
    unittest.main()
