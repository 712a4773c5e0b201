#!/usr/bin/env python3
"""Captured trees of real servers, one agent each: every target and every number of it is shown."""

import re
import unittest

from iml_lab import ROOT, Agent, Lab, fixtures, inspect, wait_until
from trees import Tree, stats_numbers


def setUpModule():
    fixtures()


class CapturedTrees(Lab):
    def tree(self, name):
        found = fixtures()
        self.assertIn(name, found)
        return found[name]

    def agent(self, manager, name):
        # The trees were taken without a host name.
        return Agent(self, manager, self.tree(name), name=name).enrolled().wait_connected()

    def check_tree(self, name):
        tree = Tree(self.tree(name))
        labels = tree.osts() | tree.mdts()
        self.assertGreater(len(labels), 0)
        manager = self.manager()
        agent = self.agent(manager, name)
        wait_until(lambda: labels <= {t["label"] for t in manager.json("target", "list")
                                      if t["state"] in ("mounted", "recovering")},
                   f"all of {sorted(labels)} mounted")
        listed = {t["label"] for t in manager.json("target", "list") if t["kind"] != "MGT"}
        self.assertLessEqual(labels, listed)
        for label in sorted(labels):
            with self.subTest(tree=name, target=label):
                self.check_target(manager, tree, label)
        with self.subTest(tree=name, what="stats"):
            self.check_stats(tree, labels, inspect(tree.path)["series"])
        with self.subTest(tree=name, what="parameters"):
            self.check_parameters(tree.path, inspect(tree.path)["series"])
        with self.subTest(tree=name, what="end to end"):
            self.check_manager_has_all(manager, inspect(tree.path)["series"])
        self.assertEqual(manager.server(agent.name)["losses"], [])

    def check_target(self, manager, tree, label):
        shown = manager.json("target", "show", label)
        summary = shown["summary"]
        self.assertEqual(
            tuple(summary.get(key) for key in (
                "bytesTotal", "bytesFree", "bytesAvailable", "inodesTotal", "inodesFree")),
            tree.space(label))
        self.assertEqual({c["uuid"] for c in shown["clientList"]}, tree.clients(label))
        recovery = tree.text(f"mdt/{label}/recovery_status") or tree.text(
            f"obdfilter/{label}/recovery_status")
        if recovery:
            self.assertEqual(summary["recovery"], recovery.split("\n")[0].split(":")[1].strip())

    def check_stats(self, tree, labels, series):
        """Every count and sum of the stats files is some series' value, exactly."""
        values = {}
        for one in series:
            values.setdefault(one["labels"].get("target"), []).append(one["value"])
        missing = []
        for label in sorted(labels):
            text = (tree.text(f"obdfilter/{label}/stats") or "") + (
                tree.text(f"mdt/{label}/md_stats") or "")
            for name, numbers in stats_numbers(text).items():
                for number in numbers:
                    if number is not None and number not in values.get(label, []):
                        missing.append(f"{label} {name} {number}")
        self.assertEqual(missing, [])

    ROOTS = ("proc/fs/lustre", "sys/fs/lustre", "sys/kernel/debug/lustre", "proc/sys/lnet",
             "sys/kernel/debug/lnet")

    def parameters(self, path):
        """(name, target or None, text) of every file of the tree that docs/metrics.md names."""
        sources = set(re.findall(
            r"`([^`/ ]+)`", "\n".join(re.findall(r"\| ([^|]+) \|$", (ROOT / "docs/metrics.md").read_text(), re.M))))
        for source in sorted(sources):
            parts = [re.sub(r"\{[^}]*\}", "*", part) for part in source.split(".")]
            hole = next((i for i, part in enumerate(source.split(".")) if part == "{target}"), None)
            for root in self.ROOTS:
                for file in sorted((path / root).glob("/".join(parts))):
                    if file.is_file():
                        names = file.relative_to(path / root).parts
                        yield (source, names[hole] if hole is not None else None,
                               file.read_text(errors="replace"))

    def check_parameters(self, path, series):
        """Every parameter that is one number is some series' value: as it is, or kilobytes as bytes."""
        values = {}
        for one in series:
            for target in {None, one["labels"].get("target")}:
                values.setdefault(target, set()).add(one["value"])
        found, numbers, missing = 0, 0, []
        for source, target, text in self.parameters(path):
            found += 1
            if not re.fullmatch(r"\s*\d+\s*", text):
                continue  # files of many lines have checks of their own
            numbers += 1
            if source.startswith("osd-") and any(
                    (path / root / "obdfilter" / target / source.split(".")[-1]).exists()
                    for root in self.ROOTS):
                continue  # what an OST says of its space itself goes before what its storage says
            if not {int(text), int(text) * 1024} & values.get(target, set()):
                missing.append(f"{source} of {target}: {text.strip()}")
        print(f"    {path.name}: {found} parameters, {numbers} of one number")
        self.assertGreater(numbers, 20)
        self.assertEqual(missing, [])

    def check_manager_has_all(self, manager, series):
        """What `iml-agent inspect` prints of the tree is what the manager answers, per target."""
        expected = {}
        for one in series:
            if "target" in one["labels"]:
                key = (one["metric"], one["labels"]["target"])
                expected[key] = expected.get(key, 0) + one["value"]
        answers = {metric: manager.metric(metric, "--by", "target", "--last", "10m")
                   for metric in {metric for metric, _ in expected}}
        wrong = []
        for (metric, target), value in expected.items():
            answer = answers[metric].get(target, {}).get("value")
            # JSON numbers of the manager are doubles: exact to 2^53, relative beyond.
            if answer is None or abs(answer - value) > abs(value) * 2 ** -52:
                wrong.append(f"{metric} of {target}: {answer}, the agent shows {value}")
        self.assertEqual(wrong, [])

    def test_every_target_of_the_hpe_tree(self):
        self.check_tree("hpe-lustre_exporter")

    def test_every_target_of_the_gsi_tree(self):
        self.check_tree("gsi-lustre_exporter")

    def test_targets_without_a_file_system_name_are_shown_too(self):
        root = self.tree("telegraf") / "plugins/inputs/lustre2/testcases/v2.12"
        tree = Tree(root)
        self.assertEqual(tree.osts() & {"OST0001"}, {"OST0001"})
        found = inspect(root)
        targets = {s["labels"].get("target") for s in found["series"]}
        self.assertLessEqual({"OST0001"}, targets)
        ost = stats_numbers(tree.text("obdfilter/OST0001/stats"))
        values = {s["value"] for s in found["series"]}
        self.assertLessEqual({n for pair in ost.values() for n in pair if n is not None}, values)

    def test_one_target_on_two_servers_is_an_emergency(self):
        manager = self.manager()
        both = [self.agent(manager, name) for name in ("hpe-lustre_exporter", "gsi-lustre_exporter")]
        labels = Tree(both[0].tree).osts() & Tree(both[1].tree).osts()
        self.assertGreater(len(labels), 0)
        wait_until(lambda: labels <= {f["subject"] for f in manager.findings()
                                      if f["code"] == "target-on-two-servers"},
                   f"target-on-two-servers for each of {sorted(labels)}")
        worst = manager.findings()[0]
        self.assertEqual((worst["code"], worst["severity"]), ("target-on-two-servers", "emergency"))
        self.assertNotEqual(worst["reason"], "")
        label = sorted(labels)[0]
        shown = manager.json("target", "show", label)
        self.assertEqual(shown["summary"]["state"], "twice")
        self.assertEqual(sum(claim["isActive"] for claim in shown["claims"]), 2)
        self.assertNotEqual(manager.json("status")["health"], "healthy")
        manager.cli("status", expect=(5,))


if __name__ == "__main__":
    unittest.main()
