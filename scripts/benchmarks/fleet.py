"""1,000 agents of 1,500 series at 10 s over real TLS; they all live in one other process, on the same
machine. They start within 100 s; 1,500,000 series are new to the manager then. Memory: the highest VmRSS of the manager. Cores: its processor time over the steady time.
Return: from the start of the new manager's process until the last agent has its session again."""

import time

from bench_lab import Figure, Impossible, Manager, load

AGENTS, SERIES, STEADY = 1_000, 1_500, 60


def measure(directory):
    manager = Manager(directory, "--collect-interval", "10s").start()
    agents, steady = None, True
    try:
        agents = load(manager, directory, "--servers", AGENTS, "--series", SERIES, "--pace", "real",
                      "--seconds", "900", "--ramp", "100", token=manager.token(AGENTS))
        try:
            agents.wait_line("^steady ", 240)
            # The start's own work is over after two cycles.
            time.sleep(20)
        except Impossible as error:
            # A result too: what the manager takes is told, and nobody is back.
            print(f"    not all agents ever had a session at once: {error}", flush=True)
            steady = False
        before, begun, highest = manager.program.cpu_seconds(), time.monotonic(), 0
        while time.monotonic() < begun + STEADY:
            highest = max(highest, manager.program.kilobytes("VmRSS"))
            time.sleep(1)
        cores = (manager.program.cpu_seconds() - before) / (time.monotonic() - begun)
        if not steady:
            return figures(highest, cores, float("inf"))
        manager.program.stop()
        known, restarted = len(agents.lines), time.monotonic()
        manager.start()
        while not any(line.startswith(f"open {AGENTS} ") for line in agents.lines[known:]):
            if time.monotonic() > restarted + 120 or agents.process.poll() is not None:
                break
            time.sleep(0.1)
        back = [int(line.split()[2]) for line in agents.lines[known:]
                if line.startswith(f"open {AGENTS} ")]
        seconds = back[0] / 1000 - restarted if back else float("inf")
        highest = max(highest, manager.program.kilobytes("VmRSS"))
    finally:
        if agents:
            agents.stop()
        manager.program.stop()
    return figures(highest, cores, seconds)


def figures(highest, cores, seconds):
    return [
        Figure("fleet-memory", highest / 1024, "MiB", "<=1024", digits=0),
        Figure("fleet-cores", cores, "cores", "<=0.5"),
        Figure("fleet-back", seconds, "s", "<=10", digits=1),
    ]
