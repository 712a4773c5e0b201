#!/usr/bin/env python3
"""`iml demo` shows a live site, obeys its duration, and its faults can be seen."""

import re
import shutil
import signal
import time
import unittest
from pathlib import Path

from iml_lab import IML, Lab, Program, run, wait_until


class Demo(Lab):
    def demo(self, *options):
        self.state = self.path / "demo"
        program = self.keep(Program("demo", [IML, "demo", "--state-dir", self.state, *options]))
        program.wait_line(r"https://\S+:\d+")
        return program

    def json(self, *words):
        import json
        return json.loads(run(IML, "--state-dir", self.state, *words, "-o", "json",
                              expect=(0, 5))[1])

    def targets(self):
        return {target["label"]: target for target in self.json("target", "list")}

    def test_it_shows_a_live_site_and_ends_by_itself(self):
        begun = time.monotonic()
        program = self.demo("--duration", "60s", "--seed", "7")
        wait_until(lambda: self.json("status")["servers"]
                   and all(s["contact"] == "connected" for s in self.json("status")["servers"]),
                   "all servers connected")
        status = self.json("status")
        self.assertEqual(len(status["servers"]), 6)
        self.assertEqual({fs["name"] for fs in status["fileSystems"]}, {"scratch", "home"})
        wait_until(lambda: all(fs["state"] == "available" for fs in self.json("fs", "list")),
                   "both file systems available")
        text = run(IML, "--state-dir", self.state, "status", expect=(0, 5))[1]
        for word in ("scratch", "home", "oss01"):
            self.assertIn(word, text)

        def moving():
            answer = self.json("metrics", "query", "lustre_write_bytes_total", "--rate",
                               "--by", "fs", "--last", "20s")
            return any((group["value"] or 0) > 0 for group in answer["groups"])
        wait_until(moving, "something is written")
        self.assertEqual(program.wait(80), 0, program.tail())
        self.assertGreater(time.monotonic() - begun, 55, "it ended before its time")

    def test_a_power_loss_and_return_can_be_seen(self):
        program = self.demo("--duration", "120s", "--fault", "power-loss:oss01@25s+15s")
        wait_until(lambda: self.targets().get("scratch-OST0000", {}).get("activeOn") == "oss01",
                   "scratch-OST0000 active on oss01", seconds=20)
        mine = {label for label, target in self.targets().items()
                if target["activeOn"] == "oss01"}
        wait_until(lambda: next(s for s in self.json("server", "list")
                                if s["hostname"] == "oss01")["contact"] == "lost",
                   "oss01 lost", seconds=40)

        def seen_away():
            targets = self.targets()
            # Unknown, or served by the twin by its own evidence: never still mounted on oss01.
            return all(targets[label]["state"] == "unknown"
                       or targets[label]["activeOn"] == "oss02" for label in mine)
        wait_until(seen_away, "its targets unknown, or on oss02", seconds=10)
        self.assertEqual(run(IML, "--state-dir", self.state, "status", expect=None)[0], 5)
        wait_until(lambda: next(s for s in self.json("server", "list")
                                if s["hostname"] == "oss01")["contact"] == "connected",
                   "oss01 back", seconds=40)

        def whole():
            shown = self.json("server", "show", "oss01")
            told = {s["key"]["name"]: s["body"] for s in shown["sections"] if s["isCurrent"]}
            fates = {c["name"]: c["outcome"] for c in told["collectors"]["collectors"]}
            return fates.get("spool") == "sampled" and not shown["findings"]
        wait_until(whole, "oss01 without a finding, and its spool its own")
        program.terminate()

    def test_what_it_made_for_itself_is_removed_and_a_double_mount_is_told(self):
        program = self.keep(Program("demo", [
            IML, "demo", "--duration", "12s", "--fault", "mount-twice:scratch-OST0001@2s+3s"]))
        line = program.wait_line(r"state directory /tmp/iml-demo-\S+")
        state = Path(re.search(r"/tmp/iml-demo-\S+", line if isinstance(line, str)
                               else line.group(0)).group(0))
        program.wait_line(r"simulated: scratch-OST0001 is mounted on oss01 and oss02 at once")
        program.wait_line(r"simulated: scratch-OST0001 is mounted on oss01 alone again")
        program.wait_line(rf"{state} is removed")
        self.assertEqual(program.wait(30), 0, program.tail())
        self.assertFalse(state.exists())

    def test_it_leaves_nothing_behind_when_its_terminal_is_closed_or_a_port_is_taken(self):
        program = self.keep(Program("demo", [IML, "demo", "--servers", "4"]))
        state = Path(program.wait_line(r"state directory (/tmp/iml-demo-\S+)").group(1))
        address = program.wait_line(r"https://(\S+:\d+)").group(1)
        made = re.compile(r"/tmp/iml-demo-\S+(?= is removed)")
        code, out, errors = run(IML, "demo", "--servers", "4", "--https", address, expect=None)
        self.assertEqual(code, 1, errors)
        self.assertIn("port-in-use", errors)
        self.assertFalse(Path(made.search(out + errors).group(0)).exists())
        program.process.send_signal(signal.SIGHUP)
        self.assertEqual(program.wait(30), 0, program.tail())
        self.assertFalse(state.exists())

    def test_a_second_one_leaves_the_first_alone(self):
        program = self.demo("--duration", "60s")
        wait_until(lambda: self.json("status")["servers"], "servers")

        def files():
            return {path for path in (self.state / "trees").rglob("*") if path.suffix != ".tmp"}
        before = len(files())
        code, _, errors = run(IML, "demo", "--servers", "4", "--state-dir", self.state, expect=None)
        self.assertEqual(code, 1, errors)
        self.assertIn("uses this state directory", errors)
        self.assertGreater(len(files()), before * 0.9)
        self.assertTrue(program.is_running)
        # One that can not begin leaves nothing of its own.
        code, out, errors = run(IML, "demo", "--https", "no.such.host.invalid:1", expect=None)
        self.assertEqual(code, 1, errors)
        self.assertIn("no such address or name", errors)
        made = re.search(r"/tmp/iml-demo-\S+(?= is removed)", out + errors)
        self.assertFalse(Path(made.group(0)).exists())

    def test_what_is_not_a_demos_is_left_alone(self):
        def refused(*words):
            code, _, errors = run(IML, "demo", "--servers", "4", *words, expect=None)
            self.assertNotEqual(code, 0)
            return errors

        trees = self.path / "trees"
        (trees / "oss01").mkdir(parents=True)
        (trees / "oss01/file").write_text("mine")
        (trees / "README").write_text("Captured on our servers.\n")
        self.assertIn("no README of simulated trees", refused("--write-trees", trees))
        self.assertEqual((trees / "oss01/file").read_text(), "mine")
        self.assertEqual((trees / "README").read_text(), "Captured on our servers.\n")
        other, elsewhere = self.path / "other", self.path / "elsewhere"
        run(IML, "demo", "--servers", "4", "--write-trees", other)
        (elsewhere / "etc").mkdir(parents=True)
        (elsewhere / "etc/file").write_text("mine")
        shutil.rmtree(other / "oss02")
        (other / "oss02").symlink_to(elsewhere)
        self.assertIn("is a link", refused("--write-trees", other))
        self.assertEqual([path.name for path in elsewhere.rglob("*")], ["etc", "file"])
        manager = self.manager()
        manager.program.terminate()
        before = sorted(path.name for path in manager.state.iterdir())
        self.assertIn("nothing of an earlier demo", refused("--duration", "1s", "--state-dir", manager.state))
        self.assertEqual(sorted(path.name for path in manager.state.iterdir()), before)
        # One of its own may go on.
        mine = self.path / "mine"
        for _ in range(2):
            run(IML, "demo", "--servers", "4", "--duration", "2s", "--state-dir", mine, expect=(0, 5), timeout=120)

    def test_a_fault_that_is_none_is_a_usage_error(self):
        code, _, errors = run(IML, "demo", "--fault", "earthquake:oss01", expect=None)
        self.assertEqual(code, 2)
        self.assertIn("earthquake", errors)

    def test_written_trees_are_the_same_for_the_same_seed(self):
        def written(name, seed):
            where = self.path / name
            run(IML, "demo", "--write-trees", where, "--layout", "2.15", "--seed", seed,
                "--servers", "4")
            return {str(path.relative_to(where)): path.read_bytes()
                    for path in sorted(where.rglob("*")) if path.is_file()}
        first, again, other = written("a", 3), written("b", 3), written("c", 4)
        self.assertGreater(len(first), 100)
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)


if __name__ == "__main__":
    unittest.main()
