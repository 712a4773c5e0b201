#!/usr/bin/env python3
"""`--watch` on a real terminal: it lives through its manager's death, and however it ends the
terminal is given back."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest

from iml_lab import IML, PATIENCE, Lab, wait_until

TAKEN, GIVEN_BACK = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"


class OnTerminal:
    """A program whose terminal is this test."""

    def __init__(self, *command):
        self.leader, follower = pty.openpty()
        os.set_blocking(self.leader, False)
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=follower, stdout=follower, stderr=follower,
            start_new_session=True, env={**os.environ, "TERM": "xterm", "NO_COLOR": ""})
        os.close(follower)
        self.text = ""

    def read(self):
        while select.select([self.leader], [], [], 0)[0]:
            try:
                data = os.read(self.leader, 65536)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode(errors="replace")
        return self.text

    def wait_for(self, pattern, since=0):
        wait_until(lambda: re.search(pattern, self.read()[since:]), f"/{pattern}/ on the terminal")

    def end(self, number):
        self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE)
        self.read()
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.leader)


class Watching(Lab):
    def watch(self, site, *words):
        terminal = OnTerminal(IML, "--state-dir", site.state, *words, "--watch", "1s")
        self.addCleanup(terminal.close)
        terminal.wait_for("Answered ")
        return terminal

    def test_it_lives_through_the_managers_death(self):
        site = self.manager()
        terminal = self.watch(site, "status")
        self.assertTrue(terminal.text.startswith(TAKEN))
        site.kill()
        terminal.wait_for("NO ANSWER for ")
        seen = len(terminal.text)
        site.start()
        terminal.wait_for("Answered ", since=seen)
        self.assertEqual(terminal.end(signal.SIGTERM), -signal.SIGTERM)
        self.assertTrue(terminal.text.endswith(GIVEN_BACK), repr(terminal.text[-80:]))

    def test_every_way_to_end_gives_the_terminal_back(self):
        site = self.manager()
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            terminal = self.watch(site, "server", "list")
            self.assertEqual(terminal.end(number), -number)
            self.assertTrue(terminal.text.endswith(GIVEN_BACK), repr(terminal.text[-80:]))

    def test_putting_it_aside_gives_the_terminal_back_for_the_time(self):
        site = self.manager()
        terminal = self.watch(site, "status")
        # A group of its own without a shell is orphaned: the kernel lets no SIGTSTP stop it. What
        # is seen is that the first screen comes, and with SIGCONT the second.
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.wait_for(re.escape(GIVEN_BACK))
        seen = len(terminal.read())
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait_for(re.escape(TAKEN) + "(.|\r|\n)*Answered ", since=seen)
        self.assertEqual(terminal.end(signal.SIGINT), -signal.SIGINT)

    def test_a_program_that_stops_reading_ends_it(self):
        site = self.manager()
        watch = subprocess.Popen(
            [IML, "--state-dir", site.state, "status", "-o", "ndjson", "--watch", "1s"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        first = json.loads(watch.stdout.readline())
        self.assertEqual(first["document"]["servers"], [])
        self.assertAlmostEqual(first["nanoseconds"] / 1e9, time.time(), delta=60)
        watch.stdout.close()
        watch.wait(timeout=PATIENCE)
        self.assertEqual(watch.stderr.read(), "")
        watch.stderr.close()


if __name__ == "__main__":
    unittest.main()
