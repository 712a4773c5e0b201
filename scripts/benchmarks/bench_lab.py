"""Programs and numbers that the figures share."""

import http.client
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RELEASE = pathlib.Path(os.environ.get("IML_RELEASE") or ROOT / ".build-release" / "release")
IML, AGENT, BENCH = RELEASE / "iml", RELEASE / "iml-agent", RELEASE / "iml-bench"
TOOLS = ROOT / ".build-tools"


class Impossible(Exception):
    """A figure can not be measured here; the reason is printed, and nothing else."""


class Figure:
    """NAME VALUE UNIT GOAL met|missed"""

    def __init__(self, name, value, unit, goal, stretch=None, digits=2):
        self.name, self.value, self.unit, self.digits = name, value, unit, digits
        self.goal, self.stretch = goal, stretch

    @staticmethod
    def reaches(value, goal):
        sign, number = goal[:2], float(goal[2:])
        return value <= number if sign == "<=" else value >= number

    @property
    def verdict(self):
        return "met" if self.reaches(self.value, self.goal) else "missed"

    @property
    def text(self):
        return f"{self.value:.{self.digits}f}"

    def line(self):
        return f"{self.name} {self.text} {self.unit} {self.goal} {self.verdict}"


def run(*command, timeout=600, env=None):
    done = subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=timeout, env={**os.environ, **(env or {})})
    if done.returncode not in (0, 5):
        raise Impossible(f"{' '.join(map(str, command))}: exit {done.returncode}\n"
                         f"{done.stdout[-500:]}{done.stderr[-1500:]}")
    return done.stdout


def keyed(text):
    """{key: [values]} of lines `key value`."""
    found = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        try:
            found.setdefault(key, []).append(float(value.split()[0]))
        except (ValueError, IndexError):
            pass
    return found


def median(values):
    return statistics.median(values)


class Program:
    """A running program whose lines are kept with the time at which they came."""

    def __init__(self, name, *command, env=None):
        self.name, self.lines = name, []
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
            env={**os.environ, **(env or {})})
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_line(self, pattern, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ended = self.process.poll() is not None
            for line in list(self.lines):
                if match := re.search(pattern, line):
                    return match
            if ended:
                time.sleep(0.2)
                if not any(re.search(pattern, line) for line in self.lines):
                    break
            time.sleep(0.02)
        raise Impossible(f"{self.name}: no line /{pattern}/ within {seconds} s; it said:\n"
                         + "\n".join(self.lines[-8:]))

    def text(self):
        return "\n".join(self.lines)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kilobytes(self, key):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{key}:\s+(\d+)", text)[1])

    def stop(self, seconds=120):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Manager:
    """A real `iml serve` on loopback; its ports stay the same over restarts."""

    def __init__(self, directory, *options):
        self.state = pathlib.Path(directory) / "manager"
        self.state.parent.mkdir(parents=True, exist_ok=True)
        self.options, self.https, self.agents = options, 0, 0
        self.program = None

    def start(self):
        self.program = Program(
            "iml serve", IML, "serve", "--state-dir", self.state, "--https",
            f"127.0.0.1:{self.https}", "--agents", f"127.0.0.1:{self.agents}", *self.options)
        match = self.program.wait_line(r"https://\S+:(\d+) agents \S+:(\d+)", 60)
        self.https, self.agents = int(match[1]), int(match[2])
        return self

    def token(self, uses=1):
        return run(IML, "--state-dir", self.state, "server", "token", "create", "--uses",
                   str(uses)).strip()

    def get(self, path):
        """An answer of the API through the Unix socket."""
        connection = http.client.HTTPConnection("localhost", timeout=120)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.state / "manager.sock"))
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise Impossible(f"GET {path}: {answer.status} {body[:300]!r}")
        return body

    def disk_bytes(self):
        return disk_bytes(self.state)


def disk_bytes(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*") if path.is_file())


def load(manager, directory, *options, token=None):
    """`iml-bench load` against a manager; it runs until it is done or stopped."""
    return Program(
        "iml-bench load", BENCH, "load", "--dir", pathlib.Path(directory) / "agents", "--https",
        f"127.0.0.1:{manager.https}", "--token", token or "-", *options)
