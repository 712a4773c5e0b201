"""One run of the fixed load at the greatest pace against a real manager with its default settings:
samples ingested a CPU-second (the manager's own processor time, until the last batch is
acknowledged), the highest memory meanwhile, and disk bytes a sample against victoria-metrics, which
gets the same samples. Sizes are sums of file sizes after both have ended."""

import os
import time

import victoria
from bench_lab import Figure, Impossible, Manager, keyed, load

SERVERS, SERIES = 100, 500
# Batches of each server: six hours at the load's pace, so that the start weighs little.
CYCLES = int(os.environ.get("IML_BENCH_CYCLES") or 2_160)


def measure(directory):
    manager = Manager(directory).start()
    try:
        time.sleep(2)
        idle = manager.program.kilobytes("RssAnon")
        agents = load(manager, directory, "--servers", SERVERS, "--series", SERIES, "--cycles",
                      CYCLES, "--window", "150", token=manager.token(SERVERS))
        # Enrolment is no ingest.
        agents.wait_line(f"^enrolled {SERVERS}", 120)
        before = manager.program.cpu_seconds()
        highest, end = idle, time.monotonic() + 500
        while not any(line.startswith("sessions ") for line in agents.lines):
            if time.monotonic() > end or agents.process.poll() not in (None, 0):
                raise Impossible("the load did not end:\n" + "\n".join(agents.lines[-8:]))
            highest = max(highest, manager.program.kilobytes("RssAnon"))
            time.sleep(0.1)
        spent = manager.program.cpu_seconds() - before
        found = keyed(agents.text())
        agents.stop()
    finally:
        manager.program.stop()
    samples = found["samples"][0]
    ours = manager.disk_bytes() / samples
    start = int(found["start_wall_ms"][0])
    theirs = victoria.disk_bytes(directory, SERVERS, SERIES, CYCLES, start) / samples
    print(f"    {samples:.0f} samples in {found['seconds'][0]:.0f} s, "
          f"{100 * found['unchanged_share'][0]:.1f} % unchanged, {spent:.1f} CPU-seconds; on disk "
          f"{ours:.3f} and victoria-metrics {theirs:.3f} bytes a sample", flush=True)
    return [
        Figure("ingest", samples / spent, "samples/CPU-s", ">=1000000", ">=2000000", digits=0),
        Figure("ingest-memory", (highest - idle) / 1024, "MiB", "<=512", digits=0),
        Figure("disk-to-victoria", ours / theirs, "ratio", "<=2.0", "<=1.0"),
    ]
