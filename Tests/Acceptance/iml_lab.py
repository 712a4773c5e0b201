"""Real programs on loopback: a manager, agents on trees, and a link that can be cut between them."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from link_proxy import LinkProxy

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ.get("IML_BIN") or ROOT / ".build" / "debug")
IML, AGENT, BENCH = BIN / "iml", BIN / "iml-agent", BIN / "iml-bench"
IN_CI = os.environ.get("CI", "").lower() in ("true", "1", "yes")
# A debug build on a busy machine; what takes longer than this does not work.
PATIENCE = 30


def wait_until(predicate, what, seconds=PATIENCE, every=0.1):
    """Waits until the predicate is true and gives its value; fails with the last reason."""
    end, last = time.monotonic() + seconds, None
    while True:
        try:
            value = predicate()
            if value:
                return value
            last = value
        except (AssertionError, KeyError, IndexError, StopIteration, CommandFailed) as error:
            last = error
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what} (last: {last!r})")
        time.sleep(every)


# TLS's alert that a handshake is given up (RFC 8446 §6.1, user_canceled).
GIVEN_UP = bytes([21, 3, 3, 0, 2, 1, 90])


def until_end(connection):
    """All that comes until the other side closes."""
    data = b""
    while chunk := connection.recv(4096):
        data += chunk
    return data


class CommandFailed(Exception):
    def __init__(self, command, code, output, errors):
        super().__init__(f"{' '.join(command)}: exit {code}\n{output[-2000:]}{errors[-2000:]}")
        self.code, self.output, self.errors = code, output, errors


def run(*command, timeout=60, expect=(0,), input=None, env=None):
    """Runs a command to its end; gives (exit code, stdout, stderr)."""
    command = [str(word) for word in command]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=timeout, input=input,
        stdin=None if input is not None else subprocess.DEVNULL,
        env={**os.environ, **(env or {})})
    if expect is not None and done.returncode not in expect:
        raise CommandFailed(command, done.returncode, done.stdout, done.stderr)
    return done.returncode, done.stdout, done.stderr


class Program:
    """A long-running process whose output is kept."""

    def __init__(self, name, command, env=None):
        self.name = name
        self.out, self.err = [], []
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
            env={**os.environ, **(env or {})})
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream, lines):
        with stream:
            for line in stream:
                lines.append(line.rstrip("\n"))

    @property
    def pid(self):
        return self.process.pid

    @property
    def is_running(self):
        return self.process.poll() is None

    def wait_line(self, pattern, lines=None, seconds=PATIENCE, since=0):
        """Waits for a line that matches; fails at once when the process has ended without it."""
        lines = self.out if lines is None else lines
        end = time.monotonic() + seconds
        while True:
            ended = not self.is_running
            if ended:
                self._join()
            for line in lines[since:]:
                if match := re.search(pattern, line):
                    return match
            if ended:
                raise AssertionError(
                    f"{self.name} ended ({self.process.returncode}) without /{pattern}/:\n{self.tail()}")
            if time.monotonic() > end:
                raise AssertionError(
                    f"{self.name}: no /{pattern}/ within {seconds} s:\n{self.tail()}")
            time.sleep(0.05)

    def wait_error(self, pattern, seconds=PATIENCE, since=0):
        return self.wait_line(pattern, self.err, seconds, since)

    def _join(self):
        for reader in self._readers:
            reader.join(timeout=2)

    def tail(self, lines=15):
        return "\n".join([f"  {line}" for line in (self.out[-5:] + self.err[-lines:])])

    def wait(self, seconds=PATIENCE):
        self.process.wait(timeout=seconds)
        self._join()
        return self.process.returncode

    def terminate(self, seconds=10):
        """SIGTERM; gives (exit code, seconds it took)."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.wait(seconds)
        return code, time.monotonic() - begun

    def kill(self):
        """SIGKILL, to this process alone: what a power loss or the OOM killer does."""
        if self.is_running:
            self.process.kill()
        self.process.wait()
        self._join()

    def finish(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self._join()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


def get(connection, path, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type") or "", answer.read().decode()
    finally:
        connection.close()


class Manager:
    """`iml serve` and the CLI that speaks to it. Ports stay the same over restarts."""

    def __init__(self, lab, name="manager", collect="1s", flush="2s", env=None,
                 prefix=(), options=()):
        self.lab, self.name, self.env, self.prefix = lab, name, env, prefix
        self.options = options
        self.state = lab.path / name
        self.collect, self.flush = collect, flush
        self.https_port = self.agent_port = 0
        self.program = None

    def start(self):
        self.program = self.lab.keep(Program(self.name, [
            *self.prefix, IML, "serve", "--state-dir", self.state, "--https", f"127.0.0.1:{self.https_port}",
            "--agents", f"127.0.0.1:{self.agent_port}", "--collect-interval", self.collect,
            "--flush-interval", self.flush, *self.options], self.env))
        match = self.program.wait_line(r"https://\S+:(\d+) agents \S+:(\d+)")
        self.https_port, self.agent_port = int(match[1]), int(match[2])
        return self

    def kill(self):
        self.program.kill()

    def cli(self, *words, expect=(0, 5), timeout=60):
        """The text that the CLI prints. Exit 5 means: it worked, and something is unhealthy."""
        return run(IML, "--state-dir", self.state, *words, expect=expect, timeout=timeout)[1]

    def json(self, *words, expect=(0, 5)):
        return json.loads(self.cli(*words, "-o", "json", expect=expect))

    def token(self, *options):
        """A fresh enrolment token, as an agent takes it."""
        text = self.cli("server", "token", "create", *options, "-o", "json")
        return json.loads(text)["secret"]

    def server(self, name):
        return self.json("server", "show", name)

    def contact(self, name):
        servers = {server["hostname"]: server for server in self.json("server", "list")}
        return servers[name]["contact"] if name in servers else None

    def findings(self):
        return [finding["diagnostic"] for finding in self.json("status")["findings"]]

    def codes(self):
        return {finding["code"] for finding in self.findings()}

    def metric(self, name, *options):
        """{value of the label after --by: group} of `iml metrics query`."""
        answer = self.json("metrics", "query", name, *options)
        by = options[options.index("--by") + 1] if "--by" in options else None
        return {group["labels"].get(by) if by else tuple(sorted(group["labels"].items())): group
                for group in answer["groups"]}

    def log(self, pattern, since=0, seconds=PATIENCE):
        return self.program.wait_error(pattern, seconds, since)


class Agent:
    """`iml-agent` on a tree, enrolled with a manager, perhaps through a proxy."""

    def __init__(self, lab, manager, tree, name=None, through=None):
        self.lab, self.manager, self.tree = lab, manager, pathlib.Path(tree)
        self.name = name or hostname(self.tree) or self.tree.name
        self.state = lab.path / f"agent-{self.name}"
        self.through = through
        self.program = None

    def enrolment(self, token=None):
        """The command that enrols it."""
        return [
            AGENT, "enroll", "--manager", f"127.0.0.1:{self.manager.https_port}", "--token",
            token or self.manager.token(), "--state-dir", self.state, "--root", self.tree,
            "--hostname", self.name]

    def enrol(self, token=None, expect=(0,)):
        return run(*self.enrolment(token), expect=expect)

    def start(self, env=None, prefix=()):
        command = [*prefix, AGENT, "run", "--state-dir", self.state, "--root", self.tree,
                   "--hostname", self.name]
        if self.through:
            command += ["--manager", f"127.0.0.1:{self.through.port}"]
        self.program = self.lab.keep(Program(f"agent {self.name}", command, env))
        return self

    def enrolled(self):
        self.enrol()
        return self.start()

    def kill(self):
        self.program.kill()

    def wait_connected(self, seconds=PATIENCE):
        wait_until(lambda: self.manager.contact(self.name) == "connected",
                   f"{self.name} connected\n{self.program.tail()}", seconds)
        return self


def hostname(tree):
    try:
        return (pathlib.Path(tree) / "proc/sys/kernel/hostname").read_text().strip()
    except OSError:
        return None


def write_trees(directory, *options):
    """The simulated site's servers as trees: {host name: path}."""
    run(IML, "demo", "--write-trees", directory, *options)
    return {hostname(path) or path.name: path
            for path in sorted(pathlib.Path(directory).iterdir()) if path.is_dir()}


def inspect(tree, *options):
    return json.loads(run(AGENT, "inspect", "--root", tree, "-o", "json", *options)[1])


class Lab(unittest.TestCase):
    """A test with a directory of its own; all it starts ends with it."""

    @classmethod
    def setUpClass(cls):
        if not (IML.exists() and AGENT.exists()):
            raise AssertionError(f"no programs in {BIN}: swift build first, or set IML_BIN")

    def setUp(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="iml-"))
        self._programs = []
        self.addCleanup(self._clean)

    def keep(self, program):
        self._programs.append(program)
        return program

    def proxy(self, port):
        proxy = LinkProxy(port)
        self.addCleanup(proxy.close)
        return proxy

    def manager(self, **options):
        return Manager(self, **options).start()

    def trees(self, *options):
        return write_trees(self.path / "trees", *options)

    def _clean(self):
        for program in reversed(self._programs):
            program.finish()
        if self._failed() or os.environ.get("IML_SHOW_LOGS"):
            for program in self._programs:
                print(f"--- {program.name}\n{program.tail(40)}", file=sys.stderr)
        shutil.rmtree(self.path, ignore_errors=True)

    def _failed(self):
        result = getattr(self._outcome, "result", None)
        return any(case is self for case, _ in
                   getattr(result, "failures", []) + getattr(result, "errors", []))


def fixtures():
    """The unpacked captured trees, {name: path}; a loud skip without them, a failure in CI."""
    where = os.environ.get("FIXTURES_UNPACKED")
    if not where and os.environ.get("FIXTURES"):
        where = tempfile.mkdtemp(prefix="iml-fixtures-")
        unittest.addModuleCleanup(shutil.rmtree, where, ignore_errors=True)
        for archive in sorted(pathlib.Path(os.environ["FIXTURES"]).glob("*.tar.gz")):
            subprocess.run(["tar", "-xzf", archive, "--no-same-owner", "-C", where], check=True)
    found = {path.name: path for path in pathlib.Path(where).iterdir()} if where else {}
    if not found:
        if IN_CI:
            raise AssertionError("no captured trees: CI must set FIXTURES=DIR")
        raise unittest.SkipTest("no captured trees: set FIXTURES=DIR (left out: real servers' files)")
    return found
