"""CPU of one agent cycle ÷ a C program that opens, reads and closes the same files: the unpacked hpe
fixture, which lies at / for both (chroot), as a server's files do; in memory, so that neither waits.
The files are those whose time of access a cycle has changed. Processor time of all threads; medians
of rounds that alternate between the two. `busy`: between two cycles the counters of all targets' `stats`
and `md_stats` have counted on."""

import os
import pathlib
import subprocess
import sys
import tarfile

from bench_lab import BENCH, Figure, Impossible, ROOT, keyed, median, run

ROUNDS = 5


def measure(directory):
    archive = pathlib.Path(os.environ.get("FIXTURES") or "/nonexistent") / "hpe-lustre_exporter.tar.gz"
    if not archive.exists():
        raise Impossible("FIXTURES names no folder with hpe-lustre_exporter.tar.gz")
    if os.geteuid() != 0:
        raise Impossible("a root of its own needs root")
    baseline = pathlib.Path(directory) / "read_files"
    run("cc", "-O2", "-o", baseline, ROOT / "scripts" / "benchmarks" / "read_files.c")
    tree = pathlib.Path(directory) / "hpe"
    tree.mkdir()
    # A mount of its own, that ends with its namespace: `strictatime` tells which files were read.
    inside = subprocess.run(
        ["unshare", "--mount", sys.executable, __file__, archive, tree, baseline],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=500)
    if inside.returncode != 0:
        raise Impossible(inside.stdout + inside.stderr)
    found = keyed(inside.stdout)
    print(f"    agent {median(found['agent_us']):.0f} us at rest and {median(found['busy_us']):.0f} us busy, "
          f"C {median(found['c_us']):.0f} us a cycle; "
          f"{found['files'][0]:.0f} files, {found['series'][0]:.0f} series", flush=True)
    return [
        Figure("agent-cycle-to-c", median(found["agent_us"]) / median(found["c_us"]), "ratio",
               "<=1.2", "<=0.5"),
        Figure("agent-cycle-busy-to-c", median(found["busy_us"]) / median(found["c_us"]), "ratio",
               "<=1.2", "<=0.5"),
    ]


def files_read(tree):
    """Paths below the tree that one cycle of the agent reads."""
    files = [path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]
    for path in files:
        os.utime(path, (0, path.stat().st_mtime))
    (tree / ".proc").mkdir()
    subprocess.run(["mount", "-t", "proc", "proc", tree / ".proc"], check=True)
    run(BENCH, "cycle", "--root", tree, "--chroot", "yes", "--rounds", "0")
    return [f"/{path.relative_to(tree)}" for path in files if path.stat().st_atime > 0]


def alternate(archive, tree, baseline):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "strictatime", "tmpfs", tree], check=True)
    with tarfile.open(archive) as tar:
        tar.extractall(tree)
    root = next(path.parent for path in tree.rglob("proc") if path.is_dir())
    files = files_read(root)
    # Written outside of the tree, which is to hold the fixture alone.
    listing = tree.parent / "hpe.files"
    listing.write_text("".join(f"{path}\n" for path in files))
    print("files", len(files))
    for _ in range(ROUNDS):
        for line in run(BENCH, "cycle", "--root", root, "--chroot", "yes", "--rounds",
                        "100").splitlines():
            print(line.replace("cycle_us", "agent_us"))
        for line in run(BENCH, "cycle", "--root", root, "--chroot", "yes", "--rounds", "100",
                        "--busy", "yes").splitlines():
            print(line.replace("cycle_us", "busy_us").replace("series", "busy_series"))
        for line in run(baseline, root, listing, "100").splitlines():
            print("c_us", line)


if __name__ == "__main__":
    alternate(*map(pathlib.Path, sys.argv[1:]))
