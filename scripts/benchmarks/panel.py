"""A 24 h panel of 100 series with 1,000 points each, through the API: one counter of bytes of each of
the fixed load's 100 servers, as rates. The manager holds a day of the whole load. The 99th
percentile (nearest rank) of the time from the request to the last byte of the answer, the very first
request, which reads all of the day, among them and printed by itself. Asked twice: while yesterday is
put together, and when that is done; the worse one counts. The state of a manager
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


def awaiting(manager, what):
    return int(re.search(rb"^iml_manager_history_awaiting_%s (\d+)" % what, manager.get("/metrics"),
                         re.M)[1])


def ask(manager, count):
    """Milliseconds of each request, and the last answer."""
    times = []
    for _ in range(count):
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
    return times, body


def rank99(times):
    return sorted(times)[-(-len(times) * 99 // 100) - 1]


def wait(limit, is_over):
    begun = time.monotonic()
    while not is_over() and time.monotonic() < begun + limit:
        time.sleep(1)
    return time.monotonic() - begun


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
        waited = wait(300, lambda: awaiting(manager, b"roll_up") <= 2 * SERVERS)
        hours, days = awaiting(manager, b"roll_up"), awaiting(manager, b"join")
        first, _ = ask(manager, REQUESTS)
        tell(f"{waited:.0f} s after the load, with {hours} hours of servers to be rolled up and {days} days to "
             "be put together", first)
        rested = wait(300, lambda: awaiting(manager, b"join") <= SERVERS)
        second, body = ask(manager, REQUESTS)
        tell(f"at rest, {rested:.0f} s later", second)
    finally:
        manager.program.stop()
    print(f"    {len(body)} bytes each, from {json.loads(body)['tiers']}", flush=True)
    worse = max(rank99(first), rank99(second))
    return [Figure("panel-24h-p99", worse, "ms", "<=25", "<=10", digits=1)]


def tell(when, times):
    print(f"    {len(times)} requests {when}: the first {times[0]:.1f} ms, median "
          f"{sorted(times)[len(times) // 2]:.1f} ms, p99 {rank99(times):.1f} ms, the slowest "
          f"{max(times):.1f} ms", flush=True)
