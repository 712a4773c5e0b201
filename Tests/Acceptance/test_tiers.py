#!/usr/bin/env python3
"""What `iml metrics query` says of hours whose samples are rolled up is what it says of samples: the
same question gets the same answer from samples as from buckets of a minute, and from these as from
buckets of ten minutes and of an hour."""

import re
import unittest

from iml_lab import BENCH, Lab, Program, UnixConnection, get, wait_until

INTERVAL, SERIES = 10, 40
# What is not kept for as long as a question reaches is passed over.
MINUTES = ("--retention", "1h")
TEN_MINUTES = (*MINUTES, "--retention-1m", "1h")
HOURS = (*TEN_MINUTES, "--retention-10m", "1h")


class Tiers(Lab):
    def load(self, hours):
        """A server's samples of so many hours; the bench's load gives its batches times of the past."""
        self.server, self.hours = self.manager(collect=f"{INTERVAL}s"), hours
        load = self.keep(Program("load", [
            BENCH, "load", "--dir", self.path / "agents", "--https",
            f"127.0.0.1:{self.server.https_port}", "--token", self.server.token(), "--servers", 1,
            "--series", SERIES, "--cycles", hours * 3_600 // INTERVAL, "--window", 1_000]))
        load.wait_line("^sessions ", seconds=180)
        load.finish()
        self.restart()
        metrics = self.server.json("metrics", "list")
        self.questions = [(metric["name"], rate) for metric in metrics
                          for rate in ((), ("--rate",))
                          if metric["kind"] == "counter" or not rate]
        self.assertEqual({metric["kind"] for metric in metrics}, {"counter", "gauge"})

    def restart(self, *options):
        if self.server.program.is_running:
            self.assertEqual(self.server.program.terminate(60)[0], 0)
        self.server.options = options
        self.server.start()
        # The newest hours stay with their samples for a time.
        wait_until(lambda: self.awaiting() <= 2, "the hours are rolled up", 120)

    def awaiting(self):
        text = get(UnixConnection(self.server.state / "manager.sock"), "/metrics")[2]
        return int(re.search(r"^iml_manager_history_awaiting_roll_up (\d+)", text, re.M)[1])

    def ask(self):
        """{(metric, rate, labels): group}, and the tiers that were read."""
        groups, tiers = {}, set()
        for name, rate in self.questions:
            answer = self.server.json("metrics", "query", name, "--last", f"{self.hours + 1}h", *rate)
            tiers.update(answer["tiers"])
            for group in answer["groups"]:
                groups[name, bool(rate), tuple(sorted(group["labels"].items()))] = group
        return groups, tiers

    def test_minutes_say_what_the_samples_say(self):
        self.load(6)
        samples, tiers = self.ask()
        self.assertEqual(tiers, {"raw"})
        self.assertEqual({group["samples"] for group in samples.values()}, {6 * 3_600 // INTERVAL})
        self.restart(*MINUTES)
        self.all_alike("1m", samples)

    def test_wider_buckets_say_what_minutes_say(self):
        # One day of them is over, wherever in a day this runs, and its buckets are put together.
        self.load(49)
        minutes, tiers = self.ask()
        self.assertIn("1m", tiers)
        self.assertEqual({group["samples"] for group in minutes.values()}, {49 * 3_600 // INTERVAL})
        for tier, options in (("10m", TEN_MINUTES), ("1h", HOURS)):
            self.restart(*options)
            self.all_alike(tier, minutes)

    def all_alike(self, tier, expected):
        groups, tiers = self.ask()
        self.assertIn(tier, tiers)
        self.assertEqual(groups.keys(), expected.keys())
        for key, group in groups.items():
            with self.subTest(tier=tier, key=key):
                self.alike(group, expected[key], is_rate=key[1])

    def alike(self, group, raw, is_rate):
        for member in ("samples", "resets", "series"):
            self.assertEqual(group[member], raw[member], member)
        if not is_rate:
            for member in ("value", "minimum", "maximum"):
                self.assertEqual(group[member], raw[member], member)
            return
        # A bucket's greatest rate is kept in steps of 0.8 %.
        self.assertGreaterEqual(group["peak"] * 1.000001, raw["peak"])
        self.assertLessEqual(group["peak"], raw["peak"] * 1.008 + 1e-9)
        # A time's mean is no more than its greatest part, also where two roll-ups join.
        self.assertLessEqual(group["maximum"], group["peak"] * 1.001)
        self.assertAlmostEqual(self.grown(group), self.grown(raw), delta=max(1, self.grown(raw) * 1e-6))

    @staticmethod
    def grown(group):
        """What a counter grew by over all points: each is of the time since the one before, and all
        are as long as each other."""
        points = group["points"]
        width = (points[-1][0] - points[0][0]) / 1e9 / (len(points) - 1)
        return sum(value for _, value in points) * width


if __name__ == "__main__":
    unittest.main()
