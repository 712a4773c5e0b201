#!/usr/bin/env python3
"""Completion as the shells do it: each script is loaded by its own shell, and the names are those
that the manager knows at that moment."""

import fcntl
import os
import pty
import re
import select
import shutil
import subprocess
import termios
import time
import unittest

from iml_lab import BIN, IML, IN_CI, Agent, Lab, run, wait_until


def need(shell):
    if shutil.which(shell) is None:
        if IN_CI:
            raise AssertionError(f"no {shell}: make setup installs it")
        raise unittest.SkipTest(f"no {shell} here (left out: its completion)")


class Completion(Lab):
    def setUp(self):
        super().setUp()
        self.environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}", "IML_SOCKET": "", "IML_STATE_DIR": "",
            "IML_MANAGER": "", "HOME": str(self.path), "LC_ALL": "C.UTF-8"}

    def site(self):
        """A manager that knows mds01, oss01 and oss02; the first two run."""
        manager = self.manager()
        trees = self.trees("--layout", "2.15", "--servers", "4")
        for name in ("mds01", "oss01"):
            Agent(self, manager, trees[name]).enrolled().wait_connected()
        Agent(self, manager, trees["oss02"]).enrol()
        wait_until(lambda: {target["label"] for target in manager.json("target", "list")}
                   >= {"scratch-OST0000", "scratch-MDT0000"}, "targets")
        self.environment["IML_STATE_DIR"] = str(manager.state)
        return manager

    def script(self, shell, name):
        path = self.path / name
        path.write_text(run(IML, "completion", shell)[1])
        return path

    def bash(self, *words):
        """What bash offers for the last word."""
        script = self.script("bash", "iml.bash")
        code = f"""
            source {script}
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMPREPLY=()
            COMP_POINT=${{#COMP_LINE}}
            $(complete -p iml | sed -E 's/.* -F ([^ ]+) .*/\\1/') iml "${{@: -1}}" "${{@: -2:1}}"
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        output = run("bash", "--norc", "-uc", code, "bash", *words, env=self.environment)
        self.assertEqual(output[2], "", words)
        return output[1].split()

    def offers(self, wanted, *words):
        """The shell waits for a name a second; on a busy machine it may have to ask again."""
        wait_until(lambda: sorted(self.bash(*words)) == wanted, f"{wanted} for {words}")

    def test_bash_offers_verbs_words_and_live_names(self):
        self.site()
        self.assertLessEqual({"status", "server", "completion"}, set(self.bash("iml", "")))
        self.assertEqual(self.bash("iml", "server", "sh"), ["show"])
        self.assertEqual(self.bash("iml", "status", "-o", "nd"), ["ndjson"])
        self.offers(["oss01", "oss02"], "iml", "server", "show", "oss")
        self.offers(["oss01,mds01"], "iml", "server", "list", "oss01,m")
        self.offers(["scratch-MDT0000", "scratch-MDT0001"], "iml", "target", "show", "scratch-M")
        self.offers(["scratch"], "iml", "fs", "show", "sc")
        self.offers(["scratch"], "iml", "target", "list", "--fs", "sc")
        self.offers(["mds01"], "iml", "target", "list", "--server", "mds")
        wait_until(lambda: "lustre_write_bytes_total"
                   in self.bash("iml", "metrics", "query", "lustre_write_b"), "metrics")

    def test_the_line_itself_may_name_the_manager(self):
        site = self.site()
        self.environment["IML_STATE_DIR"] = ""
        self.assertEqual(self.bash("iml", "server", "show", "oss"), [])
        for where in (["--state-dir", str(site.state)], ["--socket", str(site.state / "manager.sock")]):
            self.offers(["oss01", "oss02"], "iml", "server", "show", *where, "oss")

    def test_lines_are_completed_as_bash_breaks_them(self):
        site = self.site()
        self.offers(["oss01", "oss02"], "iml", "target", "list", "--server=oss")
        self.offers(["oss01!oss01", "oss01!oss02"], "iml", "server", "list", "oss01!o")
        self.environment["IML_STATE_DIR"] = ""
        socket = str(site.state / "manager.sock")
        for where in (["--state-dir", str(site.state)], [f"--socket={socket}"], ["-o", "json", "--socket", socket]):
            self.offers(["oss01", "oss02"], "iml", *where, "server", "show", "oss")
            self.offers(["show"], "iml", *where, "server", "sh")
        self.assertEqual(self.bash("iml", "-o", "js"), ["json"])
        self.assertEqual(self.bash("iml", "--color=al"), ["always"])
        self.assertEqual(self.bash("iml", "--manager", ""), [])
        # As somebody's alias, or by a path that only the shell understands.
        self.offers(["oss01", "oss02"], "~/iml", "server", "show", f"--state-dir={site.state}", "oss")
        self.offers(["oss01", "oss02"], "iml", "server", "show", f"--state-dir={site.state}", "oss")

    def test_words_in_quotes_are_what_the_shell_takes_them_for(self):
        site = self.site()
        self.environment["IML_STATE_DIR"] = ""
        spaced = self.path / "a b"
        spaced.symlink_to(site.state)
        escaped = str(spaced).replace(" ", "\\ ")
        for folder in (f'"{spaced}"', f"'{spaced}'", escaped):
            self.offers(["oss01", "oss02"], "iml", "server", "show", "--state-dir", folder, "oss")
        self.offers(["oss01", "oss02"], "iml", f'--state-dir="{site.state}"', "server", "show", "oss")
        # Within a quote that is open the name goes on; where one stands in a word, nobody knows.
        self.offers(["oss01", "oss02"], "iml", "server", "show", "--state-dir", str(site.state), "'oss")
        for word in ("oss0'", "os''s", "o\\s", '"oss"'):
            self.assertEqual(
                self.bash("iml", "server", "show", "--state-dir", str(site.state), word), [], word)

    def test_what_is_left_out_is_completed_as_what_the_verb_lists(self):
        self.site()
        self.offers(["oss01", "oss02"], "iml", "server", "list", "-x", "oss")
        self.offers(["oss01", "oss02"], "iml", "-o", "json", "server", "list", "--exclude", "oss")
        self.offers(["scratch-MDT0000", "scratch-MDT0001"], "iml", "target", "list", "-x", "scratch-M")
        self.offers(["scratch"], "iml", "fs", "list", "-x", "s")

    def test_bash_reads_no_name_as_more_than_text(self):
        folder = self.path / "fake"
        folder.mkdir()
        trap = self.path / "trap"
        names = [f"a$(touch${{IFS}}{trap})", f"a`touch {trap}`", "a*", "a$HOME", "a b"]
        (folder / "iml").write_text("#!/bin/sh\ncat << 'END'\n" + "\n".join(names) + "\nEND\n")
        (folder / "iml").chmod(0o755)
        script = self.script("bash", "iml.bash")
        self.environment["PATH"] = f"{folder}:{self.environment['PATH']}"
        code = f"""
            source {script}
            COMP_LINE="iml target show a" COMP_POINT=17 COMPREPLY=()
            $(complete -p iml | sed -E 's/.* -F ([^ ]+) .*/\\1/') iml a show
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        output = run("bash", "--norc", "-uc", code, env=self.environment)
        self.assertEqual(output[1].splitlines(), names)
        self.assertFalse(trap.exists())

    def test_groups_are_offered(self):
        (self.path / "groups").write_text("odd: oss[01,03]\neven: oss02\n")
        self.environment["IML_STATE_DIR"] = str(self.path)
        self.assertEqual(self.bash("iml", "server", "list", "@o"), ["@odd"])

    def test_without_a_manager_there_is_no_name_no_word_and_no_waiting(self):
        self.environment["IML_STATE_DIR"] = str(self.path)
        begun = time.monotonic()
        self.assertEqual(self.bash("iml", "server", "show", ""), [])
        self.assertLess(time.monotonic() - begun, 20)
        silent = self.proxy(1)  # accepts, and passes on to nobody
        self.environment.update(
            IML_MANAGER=f"127.0.0.1:{silent.port}", IML_TOKEN="t", IML_CA_PIN="ab" * 32)
        self.assertEqual(self.bash("iml", "server", "show", ""), [])
        self.assertLess(time.monotonic() - begun, 40)

    def on_terminal(self, *command):
        """A shell at a terminal: (a function that types, one that waits for a pattern)."""
        leader, follower = pty.openpty()
        shell = subprocess.Popen(
            command, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
            env={**os.environ, **self.environment, "TERM": "xterm"},
            # Job control wants the terminal to be the session's own.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(follower)
        self.addCleanup(os.close, leader)
        self.addCleanup(shell.wait)
        self.addCleanup(shell.kill)
        seen = ""

        def shows(pattern):
            nonlocal seen
            while select.select([leader], [], [], 0)[0]:
                try:
                    seen += os.read(leader, 65536).decode(errors="replace")
                except OSError as error:
                    raise RuntimeError(f"{command[0]} ended: {seen!r}") from error
            plain = re.sub(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[()][A-Z0-9]|[=>])", "", seen)
            return re.search(pattern, plain)

        return (lambda text: os.write(leader, text.encode()),
                lambda pattern, what: wait_until(lambda: shows(pattern), f"{what}: {seen[-2000:]!r}"))

    def test_fish_offers_live_names(self):
        need("fish")
        self.site()
        script = self.script("fish", "iml.fish")
        # fish tells a completion the line that is edited, so there must be one.
        enter, wait = self.on_terminal("fish", "--no-config", "--interactive")
        enter(f"source {script}; echo rea''dy\n")
        wait(r"ready\s", "fish is ready")
        enter("iml server show oss\t")
        wait(r"oss01\s+oss02", "names in fish")

    def test_zsh_offers_live_names(self):
        need("zsh")
        self.site()
        self.script("zsh", "_iml")
        enter, wait = self.on_terminal("zsh", "-f", "-i")
        enter(f"fpath=({self.path} $fpath); autoload -Uz compinit; compinit -u -D; "
              "print rea''dy\n")
        wait(r"ready\r\n", "zsh is ready")
        enter("iml server show oss\t\t")
        wait(r"oss01\s+oss02", "names in zsh")


if __name__ == "__main__":
    unittest.main()
