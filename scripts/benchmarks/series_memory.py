"""Memory a live series: the fixed load at its own pace, a batch every 10 s, against a real manager
with its default settings. It runs for 80 cycles, so that every stream has waited for its block once
(after ten minutes); the highest `RssAnon` of all that time counts, above that of the idle manager,
over the number of series."""

import os
import time

from bench_lab import Figure, Impossible, Manager, load

SERVERS, SERIES = 100, 500
SECONDS = int(os.environ.get("IML_BENCH_SECONDS") or 800)


def measure(directory):
    manager = Manager(directory, "--collect-interval", "10s").start()
    try:
        time.sleep(2)
        idle = highest = last = manager.program.kilobytes("RssAnon")
        agents = load(manager, directory, "--servers", SERVERS, "--series", SERIES, "--pace", "real",
                      "--seconds", SECONDS, token=manager.token(SERVERS))
        agents.wait_line("^steady ", 120)
        end = time.monotonic() + SECONDS + 60
        while not any(line.startswith("sessions ") for line in agents.lines):
            if time.monotonic() > end or agents.process.poll() not in (None, 0):
                raise Impossible("the load did not end:\n" + "\n".join(agents.lines[-8:]))
            last = manager.program.kilobytes("RssAnon")
            highest = max(highest, last)
            time.sleep(0.25)
        agents.stop()
    finally:
        manager.program.stop()
    print(f"    idle {idle / 1024:.1f} MiB, highest {highest / 1024:.1f} MiB, "
          f"at the end {last / 1024:.1f} MiB", flush=True)
    return [
        Figure("memory-live-series", (highest - idle) * 1024 / (SERVERS * SERIES), "bytes", "<=600",
               "<=300", digits=0),
    ]
