#!/usr/bin/env python3
"""The release build of the agent is one static file that runs where nothing else is.
Not one of the acceptance tests by name: it needs `swift build -c release` first."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from iml_lab import IML, ROOT, run, write_trees

RELEASE = pathlib.Path(os.environ.get("IML_RELEASE") or ROOT / ".build-release" / "release")
AGENT = RELEASE / "iml-agent"


class StaticAgent(unittest.TestCase):
    def test_it_needs_no_shared_library_and_no_interpreter(self):
        program = run("readelf", "-W", "-l", AGENT)[1]
        self.assertNotIn("INTERP", program)
        self.assertNotIn("NEEDED", run("readelf", "-W", "-d", AGENT)[1])
        self.assertRegex(run("file", "-b", AGENT)[1], r"statically linked|static-pie linked")

    def test_it_inspects_a_tree_where_nothing_else_is(self):
        """In a root with itself, a server's tree and /proc: no /lib, no /etc, no environment."""
        if os.geteuid() != 0:
            self.skipTest("a root of its own needs root")
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory) / "root"
            (root / "proc").mkdir(parents=True)
            shutil.copy(AGENT, root / "iml-agent")
            trees = write_trees(
                pathlib.Path(directory) / "trees", "--layout", "2.17", "--servers", "4")
            shutil.copytree(trees["oss01"], root / "tree")
            # Swift's runtime finds its arguments by /proc. The mount ends with its namespace.
            script = ('mount -t proc proc "$0/proc" && '
                      'exec env -i /usr/sbin/chroot "$0" /iml-agent inspect --root /tree -o json')
            done = subprocess.run(
                ["unshare", "--mount", "sh", "-c", script, root], stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            alone = json.loads(done.stdout)
            self.assertGreater(len(alone["series"]), 50)
            with_all = json.loads(
                run(AGENT, "inspect", "--root", trees["oss01"], "-o", "json")[1])
            self.assertEqual(alone["series"], with_all["series"])

    def test_it_says_its_version(self):
        self.assertRegex(run(AGENT, "--version")[1], r"\d")


if __name__ == "__main__":
    unittest.main()
