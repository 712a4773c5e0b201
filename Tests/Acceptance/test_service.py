#!/usr/bin/env python3
"""Both programs are good systemd services: they tell when they are ready, that they live, that
they stop; SIGTERM ends them within 2 s; their log lines carry the journal's priorities."""

import os
import re
import socket
import subprocess
import time
import unittest

from iml_lab import IML, ROOT, Agent, Lab, Manager, wait_until


class NotifySocket:
    """The datagram socket that systemd gives a service of Type=notify."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.lines = []

    def environment(self, watchdog_seconds):
        return {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(int(watchdog_seconds * 1e6)),
                "JOURNAL_STREAM": "8:12345"}

    def read(self):
        while True:
            try:
                self.lines += self.socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.lines

    def wait(self, line, count=1):
        wait_until(lambda: self.read().count(line) >= count, f"{count} × {line} on the notify socket")

    def close(self):
        self.socket.close()


class Services(Lab):
    def notify(self, name):
        notify = NotifySocket(self.path / name)
        self.addCleanup(notify.close)
        return notify

    def check_life(self, program, notify):
        notify.wait("READY=1")
        # Watchdog of 2 s: a service tells at least twice in it.
        notify.wait("WATCHDOG=1", count=2)
        begun, before = time.monotonic(), notify.read().count("WATCHDOG=1")
        notify.wait("WATCHDOG=1", count=before + 3)
        self.assertLess(time.monotonic() - begun, 3 * 2, "slower than the watchdog allows")
        self.assertNotIn("STOPPING=1", notify.read())
        code, seconds = program.terminate()
        self.assertEqual(code, 0)
        self.assertLess(seconds, 2)
        self.assertIn("STOPPING=1", notify.read())
        self.assertGreater(len(program.err), 0)
        for line in program.err:
            self.assertRegex(line, r"^<[0-7]>", "a line without the journal's priority")

    def test_the_manager_is_a_good_service(self):
        notify = self.notify("manager.notify")
        manager = Manager(self, env=notify.environment(2)).start()
        self.check_life(manager.program, notify)
        self.assertFalse((manager.state / "manager.sock").exists(), "its socket is left behind")

    def test_the_agent_is_a_good_service_under_load(self):
        paths = self.trees("--layout", "mixed", "--servers", "4")
        manager = self.manager()
        agent = Agent(self, manager, paths["oss01"])
        agent.enrol()
        notify = self.notify("agent.notify")
        agent.start(env=notify.environment(2)).wait_connected()
        self.check_life(agent.program, notify)
        # It said goodbye: the manager knows that it stopped, and does not take it for lost.
        manager.log(r"agent-stopping|stopp")

    def test_the_agent_is_ready_without_a_manager(self):
        paths = self.trees("--layout", "mixed", "--servers", "4")
        manager = self.manager()
        agent = Agent(self, manager, paths["oss01"])
        agent.enrol()
        manager.kill()
        notify = self.notify("agent.notify")
        agent.start(env=notify.environment(2))
        notify.wait("READY=1")
        notify.wait("WATCHDOG=1", count=2)
        code, seconds = agent.program.terminate()
        self.assertEqual(code, 0)
        self.assertLess(seconds, 2)

    def test_what_is_not_for_systemd_reads_well_for_a_person(self):
        manager = self.manager()
        wait_until(lambda: manager.program.err, "a log line")
        for line in manager.program.err:
            self.assertIsNone(re.match(r"^<[0-7]>", line))

    def test_a_second_manager_on_the_same_state_is_refused_in_one_sentence(self):
        manager = self.manager()
        second = Manager(self)
        with self.assertRaises(AssertionError):
            second.start()
        self.assertNotEqual(second.program.wait(), 0)
        self.assertRegex("\n".join(second.program.err), "another manager")
        self.assertEqual(manager.contact("nobody"), None)

    def where_it_listens(self, options, ask):
        """Runs a manager where /var/lib and /run are its own, and asks it as the README says."""
        script = f"""
            mount -t tmpfs none /var/lib; mount -t tmpfs none /run; mkdir /run/iml
            {IML} serve {options} --https 127.0.0.1:0 --agents 127.0.0.1:0 >/run/out & manager=$!
            for try in $(seq 300); do grep -q socket /run/out && break; sleep 0.1; done
            {ask}; code=$?
            kill $manager; wait $manager; cat /run/out; exit $code"""
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=60,
            stdin=subprocess.DEVNULL, env={k: v for k, v in os.environ.items() if "IML_S" not in k})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_it_is_found_where_the_unit_starts_it(self):
        unit = (ROOT / "packaging/systemd/iml-manager.service").read_text()
        self.assertRegex(unit, r"(?m)^ExecStart=/usr/bin/iml serve$")
        self.assertRegex(unit, r"(?m)^RuntimeDirectory=iml$")
        # Of a site without servers nothing is known, and unknown is not healthy: exit 5.
        out = self.where_it_listens("", f"{IML} server list && {{ {IML} status; test $? = 5; }}")
        self.assertIn("socket /run/iml/manager.sock", out)

    def test_it_is_found_where_the_readme_starts_it(self):
        readme = (ROOT / "README.md").read_text()
        self.assertIn("iml serve --state-dir /var/lib/iml", readme)
        out = self.where_it_listens(
            "--state-dir /var/lib/iml", f"{IML} --state-dir /var/lib/iml server token create")
        self.assertIn("socket /var/lib/iml/manager.sock", out)

    def test_private_things_are_private(self):
        manager = self.manager()
        self.assertEqual(os.stat(manager.state).st_mode & 0o777, 0o700)
        for path in manager.state.rglob("*"):
            if path.suffix in (".pem", ".key") and "PRIVATE KEY" in path.read_text():
                self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)


if __name__ == "__main__":
    unittest.main()
