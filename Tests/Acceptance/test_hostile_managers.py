#!/usr/bin/env python3
"""What a false or broken manager, with a certificate of the true authority, does to agents: they go
on, say why they ended it, and lose nothing."""

import shutil
import socket
import ssl
import threading
import time
import unittest

import wire
from hostile import DAY, Forger
from iml_lab import Agent, Lab, wait_until


class FalseManager:
    """Listens with a certificate of the true authority; the first connection gets what is ordered,
    those after it go through to the true manager."""

    def __init__(self, lab, manager, certificate, deed):
        self.deed, self.target = deed, ("127.0.0.1", manager.agent_port)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
        self.context.verify_mode = ssl.CERT_NONE
        self.heard, self.done = b"", threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        lab.addCleanup(self.listener.close)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        connection, _ = self.listener.accept()
        try:
            self.deed(self, connection)
        except (OSError, ssl.SSLError, ConnectionError):
            pass
        finally:
            self.done.set()
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.target, timeout=20)
            for end in (near, far):
                end.settimeout(None)
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

    @staticmethod
    def _carry(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for end in (a, b):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def tls(self, connection):
        connection.settimeout(30)
        return self.context.wrap_socket(connection, server_side=True)

    def drain(self, tls, seconds=30):
        """Reads until the agent ends it."""
        tls.settimeout(seconds)
        try:
            while data := tls.recv(65536):
                self.heard += data
        except (ssl.SSLError, OSError):
            pass
        tls.close()


def welcome(**changes):
    body = {"major": 1, "minor": 0, "session": "false", "collectMilliseconds": 500,
            "durableOrder": 0, "renewWithinSeconds": 0}
    return wire.frame(wire.WELCOME, {**body, **changes})


NO_CERTIFICATE = wire.frame(wire.RENEWED, {"certificate": "-----BEGIN", "authority": ""})


def says(*frames, wait=0.0):
    """A deed: TLS, then these bytes, with pauses of so many seconds between, then silence until the agent
    goes or `wait` is over."""
    def deed(false, connection):
        with false.tls(connection) as tls:
            tls.recv(65536)
            for data in frames:
                if isinstance(data, float):
                    for _ in range(int(data * 2)):
                        tls.sendall(wire.frame(wire.HEARTBEAT, {"count": 1}))
                        time.sleep(0.5)
                else:
                    tls.sendall(data)
            if wait:
                end = time.monotonic() + wait
                while time.monotonic() < end:
                    tls.sendall(wire.frame(wire.HEARTBEAT, {"count": 1}))
                    time.sleep(0.5)
                tls.close()
            else:
                false.drain(tls)
    return deed


def accepts_and_is_silent(false, connection):
    connection.settimeout(25)
    while connection.recv(65536):
        pass


def never_ends_a_message(false, connection):
    with false.tls(connection) as tls:
        tls.recv(65536)
        tls.sendall(welcome())
        data = wire.frame(wire.RESEND, b" " * 65_000, flags=1)
        for _ in range(4_000):
            tls.sendall(data)
    raise AssertionError("it took 260 MB of one message")


MOST = (1 << 63) - 1


class HostileManagers(Lab):
    DEEDS = {
        "accepts and says nothing": (accepts_and_is_silent, r"silent|not a byte|no session|closed"),
        "shakes hands and says nothing": (says(), r"peer-silent|not a byte"),
        "an oversized welcome": (
            says(wire.frame(wire.WELCOME, length=200_000)), r"a frame of 200004, the limit"),
        "a welcome that is no JSON": (says(wire.frame(wire.WELCOME, b"\xff" * 500)), r"not the JSON"),
        "garbage after welcome": (says(welcome(), bytes(range(256)) * 30), r"frame-malformed"),
        "two welcomes": (says(welcome(), welcome()), r"welcomed twice"),
        "an agent's hello": (says(wire.hello("00112233-4455-6677-8899-AABBCCDDEEFF")),
                             r"only agents send"),
        "a message without end": (never_ends_a_message, r"the limit is"),
        "acknowledgements of orders never sent": (
            says(welcome(durableOrder=MOST, lives=[MOST] * 1_000, collectMilliseconds=MOST),
                 wire.frame(wire.ACKNOWLEDGE, {"order": MOST}),
                 wire.frame(wire.LIFE_ACKNOWLEDGED, {"life": 1_000, "order": MOST}),
                 wire.frame(wire.JOBS_HELD, {"order": MOST}), wait=4), r"session .* is open"),
        "orders above the highest": (
            says(welcome(), wire.frame(wire.ACKNOWLEDGE, {"order": MOST + 1})), r"batch order"),
        "sections nobody has, asked for again": (
            says(welcome(), *[wire.frame(wire.RESEND, {"keys": [
                {"name": f"n{i}", "subject": "x" * 900} for i in range(60)]})] * 20, wait=3),
            r"session .* is open"),
        "a certificate that is none": (
            says(welcome(renewWithinSeconds=1_000_000_000), 3.0, NO_CERTIFICATE, wait=2),
            r"renewed certificate was not kept"),
        "a certificate that nobody asked for": (
            says(welcome(), NO_CERTIFICATE, wait=2), r"was not asked for"),
        "another protocol": (says(welcome(major=7)), r"speaks protocol 7"),
        "a negative interval": (says(welcome(collectMilliseconds=-MOST), wait=3),
                                r"session .* is open"),
    }

    def test_agents_survive_hostile_managers_and_lose_nothing(self):
        """Each agent meets a manager of its own kind first, then the true one."""
        manager = self.manager()
        certificate = Forger(self, manager).make(
            self.path / "false", "urn:iml:manager", "serverAuth", -DAY, 30 * DAY)
        tree = self.trees("--layout", "mixed", "--servers", "4")["oss01"]
        agents = {}
        for place, (name, (deed, _)) in enumerate(self.DEEDS.items()):
            host = f"h{place}"
            copy = self.path / host
            shutil.copytree(tree, copy, symlinks=True)
            # Only what the test looks at: the debug agents of all deeds share this machine.
            shutil.rmtree(copy / "proc/fs")
            shutil.rmtree(copy / "sys/kernel/debug/lustre")
            (copy / "proc/sys/kernel/hostname").write_text(f"{host}\n")
            agent = Agent(self, manager, copy)
            agent.enrol()
            agent.through = FalseManager(self, manager, certificate, deed)
            agents[name] = agent
        for agent in agents.values():
            agent.start()
        for name, (_, reason) in self.DEEDS.items():
            agent = agents[name]
            with self.subTest(name):
                wait_until(agent.through.done.is_set, "the deed done", seconds=60)
                agent.program.wait_error(reason, seconds=40)
        for name, agent in agents.items():
            with self.subTest(name):
                agent.wait_connected(seconds=60)
                self.assertTrue(agent.program.is_running)
                wait_until(lambda: manager.server(agent.name)["batchesReceived"] >= 3,
                           "batches after it", seconds=60)
                self.assertEqual(manager.server(agent.name)["losses"], [])
                with open(f"/proc/{agent.program.pid}/status") as status:
                    rss = int(next(line.split()[1] for line in status
                                   if line.startswith("VmHWM"))) / 1024
                self.assertLess(rss, 160, "MiB")
        # What was acknowledged without having been sent was not thrown away unsent.
        agent = agents["acknowledgements of orders never sent"]
        self.assertNotIn("samples-lost", manager.codes())


if __name__ == "__main__":
    unittest.main()
