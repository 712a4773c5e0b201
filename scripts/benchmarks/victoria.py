"""Debian's victoria-metrics, unpacked beside the build (installing it would start a service)."""

import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

import bench_lab
from bench_lab import BENCH, Impossible, Program, TOOLS, run


def program():
    for known in (shutil.which("victoria-metrics"), TOOLS / "victoria-metrics"):
        if known and pathlib.Path(known).exists():
            return known
    with tempfile.TemporaryDirectory() as work:
        try:
            subprocess.run(["apt-get", "-qq", "update"], check=True, capture_output=True)
            subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download",
                            "victoria-metrics"], cwd=work, check=True, capture_output=True)
            package = next(pathlib.Path(work).glob("victoria-metrics_*.deb"))
            run("dpkg-deb", "-x", package, f"{work}/files")
        except (OSError, subprocess.SubprocessError, StopIteration) as error:
            raise Impossible(f"victoria-metrics can not be had from apt: {error}") from None
        TOOLS.mkdir(exist_ok=True)
        shutil.copy(f"{work}/files/usr/bin/victoria-metrics", TOOLS / "victoria-metrics")
    return TOOLS / "victoria-metrics"


def disk_bytes(directory, servers, series, cycles, start):
    """What the load's samples take there, merged and flushed."""
    lines = pathlib.Path(directory) / "victoria.jsonl"
    run(BENCH, "load-shape", "--servers", servers, "--series", series, "--cycles", cycles,
        "--start", start, "--out", lines)
    data = pathlib.Path(directory) / "victoria"
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        port = any_port.getsockname()[1]
    there = Program("victoria-metrics", program(), "-storageDataPath", data, "-httpListenAddr",
                    f"127.0.0.1:{port}", "-retentionPeriod", "100y", "-search.disableCache")
    try:
        there.wait_line("started VictoriaMetrics|started server|accepting", 30)
        address = f"http://127.0.0.1:{port}"
        # Sent in pieces, as a client with bounded memory does.
        with lines.open("rb") as file:
            while piece := file.readlines(64 << 20):
                request = urllib.request.Request(f"{address}/api/v1/import", b"".join(piece))
                urllib.request.urlopen(request, timeout=300).read()
        for path in ("/internal/force_flush", "/internal/force_merge"):
            urllib.request.urlopen(address + path, timeout=300).read()
        time.sleep(5)
        count = urllib.request.urlopen(
            f"{address}/api/v1/series/count", timeout=60).read().decode()
        if f"[{servers * series}]" not in count:
            raise Impossible(f"victoria-metrics holds other series than were sent: {count}")
    finally:
        there.stop()
        lines.unlink()
    return bench_lab.disk_bytes(data)
