"""The agent's anonymous memory: RssAnon of the real agent, connected to a real manager, reading a
tree of 20 OSTs: without jobs, with 10,000 and with 500,000 (target, job) pairs. The highest value
of the whole run, taken each half second over more than one reading of the jobs."""

import pathlib
import shutil
import time

from bench_lab import AGENT, BENCH, Figure, Manager, Program, run


def peak(directory, jobs, seconds):
    tree = pathlib.Path(directory) / f"tree-{jobs}"
    run(BENCH, "job-tree", "--dir", tree, "--targets", "20", "--jobs", str(jobs // 20))
    manager = Manager(pathlib.Path(directory) / f"memory-{jobs}", "--collect-interval", "1s").start()
    state = pathlib.Path(directory) / f"agent-{jobs}"
    try:
        run(AGENT, "enroll", "--manager", f"127.0.0.1:{manager.https}", "--token", manager.token(),
            "--state-dir", state, "--hostname", "bench")
        agent = Program("iml-agent", AGENT, "run", "--state-dir", state, "--root", tree,
                        "--hostname", "bench")
        try:
            agent.wait_line("session with the manager is open", 30)
            end, highest = time.monotonic() + seconds, 0
            while time.monotonic() < end:
                highest = max(highest, agent.kilobytes("RssAnon"))
                time.sleep(0.5)
        finally:
            agent.stop()
    finally:
        manager.program.stop()
        shutil.rmtree(tree)
    return highest / 1024


def measure(directory):
    # 500,000 jobs take about two seconds to read and are read again after a hundred times that.
    return [
        Figure("agent-memory-idle", peak(directory, 0, 20), "MiB", "<=8"),
        Figure("agent-memory-10000-jobs", peak(directory, 10_000, 30), "MiB", "<=16"),
        Figure("agent-memory-500000-jobs", peak(directory, 500_000, 300), "MiB", "<=48"),
    ]
