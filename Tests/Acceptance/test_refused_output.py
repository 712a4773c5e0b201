#!/usr/bin/env python3
"""What the real programs say when their output, or their own identity, is of no use."""

import shutil
import subprocess
import unittest

from iml_lab import AGENT, IML, Agent, Lab, wait_until


class RefusedOutput(Lab):
    def check(self, command, *words):
        with open("/dev/full", "w") as nowhere:
            full = subprocess.run(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=nowhere,
                stderr=subprocess.PIPE, text=True, timeout=30)
        closed = subprocess.run(
            ["sh", "-c", '"$@" >&-', "sh", *map(str, command)], stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, timeout=30)
        self.assertEqual((full.returncode, closed.returncode), (1, 1), command)
        for word in ("standard output: it can not be written: No space left on device", *words):
            self.assertIn(word, full.stderr)
        self.assertIn("standard output: it can not be written: Bad file descriptor", closed.stderr)

    def test_output_that_can_not_be_written_is_no_success(self):
        manager = self.manager()
        tree = self.trees("--layout", "2.15", "--servers", "4")["oss01"]
        at = ("--state-dir", manager.state)
        self.check([IML, "server", "list", "-o", "csv", *at])
        self.check([IML, "help"])
        self.check([IML, "completion", "bash"])
        self.check([IML, "server", "token", "create", *at], "nobody has its secret",
                   "iml server token revoke ")
        self.check([AGENT, "inspect", "--root", tree])
        self.check([AGENT, "inspect", "--root", tree, "-o", "json"])
        self.check([AGENT, "--help"])


class DamagedIdentity(Lab):
    def test_what_is_damaged_of_an_agents_identity_is_named(self):
        manager = self.manager()
        trees = self.trees("--layout", "2.15", "--servers", "4")
        agent, other = (Agent(self, manager, trees[name]) for name in ("oss01", "oss02"))
        agent.enrol()
        other.enrol()
        kept = {name: (agent.state / name).read_bytes()
                for name in ("certificate.pem", "authority.pem", "key.pem")}
        for name in kept:
            (agent.state / name).write_text("garbage")
            agent.start()
            agent.program.wait_error(
                rf"file={agent.state}/{name} .*reason=.*can be read.*remedy=.*iml-agent enroll")
            agent.kill()
            (agent.state / name).write_bytes(kept[name])
        shutil.copy(other.state / "key.pem", agent.state / "key.pem")
        agent.start()
        agent.program.wait_error(rf"file={agent.state}/certificate.pem .*it is not for the key in")
        agent.kill()
        (agent.state / "key.pem").write_bytes(kept["key.pem"])
        agent.start().wait_connected()

    def test_the_way_out_that_is_named_is_one(self):
        manager = self.manager()
        agent = Agent(self, manager, self.trees("--layout", "2.15", "--servers", "4")["oss01"])
        agent.enrol()
        (agent.state / "key.pem").write_text("garbage")
        (agent.state / "agent.conf").rename(self.path / "agent.conf")
        agent.enrolled()
        # Two have its name now: the one of before is to be forgotten.
        wait_until(lambda: "connected" in {each["contact"] for each in manager.json("server", "list")
                                           if each["hostname"] == "oss01"} or None,
                   "one of the two connected")


if __name__ == "__main__":
    unittest.main()
