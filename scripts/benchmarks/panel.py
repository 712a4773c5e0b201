"""A 24 h panel of 100 series with 1,000 points each, through the API: one counter of bytes of each of
the fixed load's 100 servers, as rates. The manager holds a day of the whole load. The 99th
percentile of the time from the request to the last byte of the answer; the state of a manager
filled before can be given with IML_BENCH_DAY (it is copied)."""

import json
import os
import pathlib
import shutil
import time

from bench_lab import Figure, Impossible, Manager, load

SERVERS, SERIES, CYCLES, REQUESTS = 100, 500, 8_640, 100
PATH = ("/api/v1/metrics/lustre_write_bytes_total?seconds=86400&by=target&rate=true"
        "&match=operation=write")


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
    times.sort()
    print(f"    {len(times)} requests, median {times[len(times) // 2]:.1f} ms, "
          f"{len(body)} bytes each", flush=True)
    return [Figure("panel-24h-p99", times[min(len(times) - 1, len(times) * 99 // 100)], "ms", "<=25",
                   "<=10", digits=1)]
