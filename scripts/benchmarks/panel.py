"""A 24 h panel of 100 series with 1,000 points each, through the API: one counter of bytes of each of
the fixed load's 100 servers, as rates. The manager holds a day of the whole load. The 99th
percentile (nearest rank) of the time from the request to the last byte of the answer, the very first
request, which reads all of the day, among them and printed by itself; the state of a manager
filled before can be given with IML_BENCH_DAY (it is copied); IML_BENCH_SERIES makes the servers
smaller, and then the figure is not that of the fixed load."""

import json
import os
import pathlib
import re
import shutil
import time

from bench_lab import Figure, Impossible, Manager, load

SERVERS, CYCLES, REQUESTS = 100, 8_640, 200
SERIES = int(os.environ.get("IML_BENCH_SERIES") or 500)
PATH = ("/api/v1/metrics/lustre_write_bytes_total?seconds=86400&by=target&rate=true"
        "&match=operation=write")


def rolling(manager):
    return int(re.search(rb"^iml_manager_history_awaiting_roll_up (\d+)", manager.get("/metrics"),
                         re.M)[1])


def measure(directory):
    state = os.environ.get("IML_BENCH_DAY")
    manager = Manager(directory)
    if state:
        shutil.copytree(state, manager.state, ignore=shutil.ignore_patterns("*.sock"))
    manager.start()
    try:
        if not state:
            agents = load(manager, directory, "--servers", SERVERS, "--series", SERIES, "--cycles",
                          CYCLES, "--window", "150", token=manager.token(SERVERS))
            agents.wait_line("^sessions ", 3_600)
            agents.stop()
        # The newest hours stay with the samples for a time, on every day of a manager's life.
        begun = time.monotonic()
        while rolling(manager) > 2 * SERVERS and time.monotonic() < begun + 300:
            time.sleep(1)
        waited, hours = time.monotonic() - begun, rolling(manager)
        times = []
        for _ in range(REQUESTS):
            begun = time.monotonic()
            body = manager.get(PATH)
            times.append((time.monotonic() - begun) * 1000)
            # A store that is far from the goal need not be asked for minutes.
            if sum(times) > 120_000:
                break
        groups = json.loads(body)["groups"]
        if len(groups) != SERVERS or any(len(group["points"]) < 900 for group in groups):
            raise Impossible(f"the panel has {len(groups)} groups of "
                             f"{min(len(group['points']) for group in groups)} points or more")
    finally:
        manager.program.stop()
    first = times[0]
    times.sort()
    print(f"    {hours} hours of servers were read from samples, after {waited:.0f} s; {len(times)} requests, "
          f"the first {first:.1f} ms, the slowest {times[-1]:.1f} ms, "
          f"median {times[len(times) // 2]:.1f} ms, {len(body)} bytes each, from "
          f"{json.loads(body)['tiers']}", flush=True)
    return [Figure("panel-24h-p99", times[-(-len(times) * 99 // 100) - 1], "ms", "<=25",
                   "<=10", digits=1)]
