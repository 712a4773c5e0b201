#!/usr/bin/env python3
"""Manual pages of the real program: every verb and option has its place, and readers of manual
pages find nothing to complain about."""

import json
import re
import shutil
import subprocess
import unittest

from iml_lab import AGENT, IML, IN_CI, ROOT, Lab, run


class Manual(Lab):
    def setUp(self):
        super().setUp()
        self.pages = self.path / "man1"
        run(IML, "manual", "--output", self.pages)

    def tool(self, name):
        if shutil.which(name) is None:
            if IN_CI:
                raise AssertionError(f"no {name}: make setup installs it")
            self.skipTest(f"no {name} here (left out: its judgement of the pages)")
        return name

    def test_every_option_of_every_verb_is_on_its_page(self):
        seen = 0

        def check(command, parents):
            nonlocal seen
            words = parents + [command["commandName"]]
            if command["commandName"] == "help":
                return
            text = (self.pages / ("-".join(words) + ".1")).read_text().replace("\\-", "-")
            for argument in command["arguments"]:
                for name in argument.get("names", []):
                    typed = ("--" if name["kind"] == "long" else "-") + name["name"]
                    self.assertIn(f"\\fB{typed}\\fR", text, words)
                    seen += 1
            for child in command.get("subcommands", []):
                check(child, words)

        check(json.loads(run(IML, "--experimental-dump-help")[1])["command"], [])
        self.assertGreater(seen, 200)

    def test_the_documents_name_no_option_that_is_not_there(self):
        there = "".join(page.read_text().replace("\\-", "-") for page in self.pages.iterdir())
        for verb in ("run", "inspect", "enroll"):
            there += run(AGENT, verb, "--help")[1]
        options = set(re.findall(r"--[a-z0-9][a-z0-9-]*", there))
        seen = 0
        for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
            for words in re.findall(r"`[^`\n]*`", document.read_text()):
                if words.startswith("`swift "):
                    continue
                for option in re.findall(r"(?<![\w-])--[a-z0-9][a-z0-9-]*", words):
                    self.assertIn(option, options, f"{document.name}: {words}")
                    seen += 1
        self.assertGreater(seen, 20)

    def test_mandoc_has_nothing_to_complain_about(self):
        pages = sorted(self.pages.iterdir())
        done = subprocess.run([self.tool("mandoc"), "-T", "lint", "-W", "base", *pages],
                              capture_output=True, text=True)
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("", "", 0))

    def test_a_page_reads_as_it_should(self):
        done = subprocess.run(
            [self.tool("mandoc"), "-T", "ascii", self.pages / "iml-server-show.1"],
            capture_output=True, text=True, check=True)
        text = re.sub(".\b", "", done.stdout)
        self.assertIn("iml server show [option...] name...", text)
        self.assertIn("or a list such as oss[01-16,20].", text)
        self.assertNotIn("\\", text)


if __name__ == "__main__":
    unittest.main()
