#!/usr/bin/env python3
"""A manager and six agents on trees of three releases whose counters advance by known steps: every
rate is the known one within 1 %, and targets, clients and servers are where the trees have them."""

import time
import unittest

from iml_lab import Agent, Lab, inspect, wait_until
from trees import Stepper, Tree

WINDOW = 45  # seconds; the step is 0.05 s and the collection 1 s, so that 1 % is far from chance


class KnownRates(Lab):
    def setUp(self):
        super().setUp()
        self.paths = self.trees("--layout", "mixed", "--servers", "6")
        self.hosts = sorted(self.paths)
        # Pairs of 2.15 (metadata), 2.12 and 2.17.
        self.assertEqual(self.hosts, ["mds01", "mds02", "oss01", "oss02", "oss03", "oss04"])
        self.read = {host: Tree(path) for host, path in self.paths.items()}

    def start(self):
        self.server = self.manager()
        self.agents = [Agent(self, self.server, self.paths[host]).enrolled() for host in self.hosts]
        for agent in self.agents:
            agent.wait_connected()

    def test_every_rate_is_the_known_one_within_one_percent(self):
        stepper = Stepper(self.path)
        for host in self.hosts:
            stepper.add_tree(self.read[host], host)
        self.assertGreater(sum(len(file.fields) for _, file in stepper.files), 60,
                           "the trees hold too few counters for a test")
        expected, lnet = self.expected_rates(stepper)

        self.start()
        stepper.start()
        time.sleep(WINDOW + 8)  # the first seconds, before all series flow, are not in the window
        answers = {
            (metric, by): self.server.metric(
                metric, "--rate", "--by", by, "--last", f"{WINDOW}s")
            for metric, by in {*((m, "target") for m, _ in expected),
                               *((m, "server") for m, _ in lnet)}}
        stepper.stop()

        wrong, checked = [], 0
        for (metric, subject), rate in {**expected, **lnet}.items():
            by = "target" if (metric, subject) in expected else "server"
            group = answers[metric, by].get(subject)
            if group is None or group["value"] is None:
                wrong.append(f"{metric} of {subject}: no rate, expected {rate}")
                continue
            checked += 1
            if abs(group["value"] - rate) > 0.01 * rate:
                wrong.append(f"{metric} of {subject}: {group['value']:.2f}, expected {rate} "
                             f"({group['value'] / rate - 1:+.2%}, {group['samples']} samples, "
                             f"{group['resets']} resets)")
            if group["resets"]:
                wrong.append(f"{metric} of {subject}: {group['resets']} resets, there was none")
        print(f"    {checked} rates checked")
        self.assertEqual(wrong, [])

    def expected_rates(self, stepper):
        """{(metric, target): rate} and {(metric, server): rate}; every counter must be shown."""
        # By the unique value that the stepper wrote into it, each field names its series.
        shown = {}
        for host in self.hosts:
            for series in inspect(self.paths[host])["series"]:
                shown.setdefault((host, series["value"]), []).append(series)
        missing, targets, servers = [], {}, {}
        for host in self.hosts:
            for subject, file in stepper.files:
                if not file.path.is_relative_to(self.paths[host]):
                    continue
                for field, base, rate in file.fields:
                    series = [s for s in shown.get((host, base), []) if s["kind"] == "counter"]
                    if not series:
                        missing.append(f"{host}: {field} = {base}")
                    for one in series:
                        into = targets if "target" in one["labels"] else servers
                        key = (one["metric"], subject)
                        into[key] = into.get(key, 0) + rate
        self.assertEqual(missing, [], "counters of the files that no series shows")
        return targets, servers

    def test_targets_clients_and_servers_are_where_the_trees_have_them(self):
        self.start()
        active = {label: host for host in self.hosts
                  for label in self.read[host].osts() | self.read[host].mdts()}
        twins = {a: b for pair in zip(self.hosts[::2], self.hosts[1::2])
                 for a, b in (pair, pair[::-1])}
        names = {label.rpartition("-")[0] for label in active}
        wait_until(
            lambda: {fs["name"] for fs in self.server.json("fs", "list")} == names
            and all(fs["state"] == "available" for fs in self.server.json("fs", "list")),
            "every file system available")

        for name in sorted(names):
            with self.subTest(fs=name):
                self.check_file_system(name, active)
        for label, host in sorted(active.items()):
            with self.subTest(target=label):
                self.check_target(label, host, twins[host])

    def check_file_system(self, name, active):
        shown = self.server.json("fs", "show", name)
        summary = shown["summary"]
        own = {label for label in active if label.startswith(name + "-")}
        listed = {target["label"]: target for target in shown["targets"] if target["kind"] != "MGT"}
        self.assertEqual(set(listed), own)
        self.assertEqual({label: t["activeOn"] for label, t in listed.items()},
                         {label: active[label] for label in own})
        self.assertEqual(summary["mdts"], sum("-MDT" in label for label in own))
        self.assertEqual(summary["osts"], sum("-OST" in label for label in own))
        self.assertEqual(summary["targetsActive"], len(own))
        clients = set().union(*(self.read[active[label]].clients(label)
                                for label in own if "-MDT" in label))
        self.assertGreater(len(clients), 0)
        self.assertEqual({client["uuid"] for client in shown["clients"]}, clients)
        self.assertEqual(summary["clients"], len(clients))
        mgs_hosts = [host for host in self.hosts if self.read[host].has_mgs()]
        self.assertEqual(shown["mgsActiveOn"], mgs_hosts)
        osts = [self.read[active[label]].space(label) for label in own if "-OST" in label]
        self.assertEqual(summary["bytesTotal"], sum(space[0] for space in osts))

    def check_target(self, label, host, twin):
        shown = self.server.json("target", "show", label)
        summary = shown["summary"]
        self.assertEqual(summary["state"], "mounted")
        self.assertEqual(summary["activeOn"], host)
        self.assertEqual(summary["failoverServers"], [twin])
        self.assertEqual(
            tuple(summary.get(key) for key in (
                "bytesTotal", "bytesFree", "bytesAvailable", "inodesTotal", "inodesFree")),
            self.read[host].space(label))
        clients = self.read[host].clients(label)
        self.assertEqual({client["uuid"] for client in shown["clientList"]}, clients)
        self.assertEqual(summary["clients"], len(clients))
        self.assertLess(summary["evidenceSecondsAgo"], 10)


if __name__ == "__main__":
    unittest.main()
