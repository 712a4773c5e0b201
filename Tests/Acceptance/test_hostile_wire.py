#!/usr/bin/env python3
"""Hostile peers on real sockets: what agents and strangers do to a manager. Honest ones must not
notice."""

import resource
import socket
import ssl
import threading
import time
import unittest

import hostile
import wire
import test_strangers
from hostile import DAY, Forger
from iml_lab import GIVEN_UP, Agent, run, until_end, wait_until

METRIC = "lustre_node_context_switches_total"
OTHER = "lustre_node_forks_total"


class Session(wire.Peer):
    """A peer that says hello as an enrolled server, and lives until it is closed."""

    def __init__(self, manager, agent, clocks=(0, 0), **changes):
        super().__init__(manager.agent_port, agent.state)
        self.server, self.clocks = server_id(agent), clocks
        self.send(wire.hello(self.server, self.stamp(), hostname=agent.name, **changes))
        self.welcome = self.wait_frame(wire.WELCOME)
        self.lock, self.ended = threading.Lock(), threading.Event()
        threading.Thread(target=self._live, daemon=True).start()

    def stamp(self):
        return wire.stamp_now(*self.clocks)

    def _live(self):
        count = 0
        while not self.ended.wait(0.5):
            count += 1
            try:
                self.say(wire.frame(wire.HEARTBEAT, {"count": count}, stamp=self.stamp()))
            except OSError:
                return

    def say(self, data):
        with self.lock:
            self.send(data)

    def close(self):
        self.ended.set()
        with self.lock:
            super().close()


def server_id(agent):
    return next(line.split("=")[1].strip()
                for line in (agent.state / "agent.conf").read_text().splitlines()
                if line.startswith("server"))


class Manners(test_strangers.Site):
    def stranger(self, host="oss02"):
        agent = self.other(host)
        agent.enrol()
        return agent

    def points(self, metric, host):
        try:
            group = self.server.metric(metric, "--by", "server", "--last", "15m").get(host)
        except Exception as error:  # no such series yet
            if "not-found" in str(error) or "no series" in str(error):
                return []
            raise
        return [tuple(p) for p in group["points"]] if group else []


class Batches(Manners):
    def test_replayed_and_disordered_batches(self):
        """A batch that comes again, in another session or out of turn, changes nothing."""
        rogue = self.stranger()
        first = Session(self.server, rogue)
        first.say(wire.declare([METRIC, OTHER]))
        begun = time.time_ns()
        for order in (1, 2, 3):
            first.say(wire.batch(order, first.stamp(), [100, 10]))
            time.sleep(0.3)
        wait_until(lambda: first.wait_frame(wire.ACKNOWLEDGE)["order"] >= 3, "three acknowledged")
        expected = [100, 200, 300]
        wait_until(lambda: [v for _, v in self.points(METRIC, "oss02")] == expected, "three points")
        kept = self.points(METRIC, "oss02")
        # Out of turn within a session: refused, and nothing of it is kept.
        mark = self.mark()
        first.say(wire.batch(2, first.stamp(), [5_000, 5_000]))
        told, _ = first.until_closed()
        first.ended.set()
        self.assertEqual(told["code"], "order-replayed")
        self.server.log("order-replayed", since=mark)
        # In a new session of the same life: taken for what it is.
        again = Session(self.server, rogue, highestOrder=4)
        self.assertGreaterEqual(again.welcome["durableOrder"], 3)
        again.say(wire.declare([METRIC, OTHER]))
        for order in (1, 2, 3):
            again.say(wire.batch(order, again.stamp(), [7_777, 7_777]))
        again.say(wire.batch(4, again.stamp(), [400 - 3 * 7_777, 1]))
        wait_until(lambda: [v for _, v in self.points(METRIC, "oss02")] == [*expected, 400],
                   "the fourth, and the three as they were")
        self.assertEqual(self.points(METRIC, "oss02")[:3], kept)
        for nanoseconds, _ in kept:
            self.assertLess(abs(nanoseconds - begun), 5e9)
        self.assertEqual(self.server.server("oss02")["losses"], [])
        again.close()
        self.check_honest()

    def test_clocks_that_no_clock_shows(self):
        """Stamps from the ends of time neither trap the manager nor make it lie about now."""
        edge = (1 << 62) - 1
        rogue = self.stranger()
        for stamp in ((1 << 63) - 1, 0), (0, -(1 << 63)):
            mark, peer = self.mark(), wire.Peer(self.server.agent_port, rogue.state)
            peer.send(wire.hello(server_id(rogue), stamp, hostname="oss02"))
            self.assertEqual(peer.until_closed()[0]["code"], "frame-malformed")
            self.server.log("frame-malformed", since=mark)
        for boot, frame, sample in ((edge, edge, -edge), (-edge, -edge, edge), (0, edge, edge),
                                    (edge, -edge, 0), (-edge, edge, -edge)):
            peer = wire.Peer(self.server.agent_port, rogue.state)
            peer.send(wire.hello(
                server_id(rogue), (boot, -boot), hostname="oss02", incarnation=f"{boot} {frame}",
                lives=[{"boot": "older", "incarnation": "x", "firstOrder": 1, "lastOrder": 9,
                        "firstStamp": {"bootNanoseconds": -edge, "wallNanoseconds": edge},
                        "lastStamp": {"bootNanoseconds": edge, "wallNanoseconds": -edge},
                        "lost": []}]))
            try:
                peer.wait_frame(wire.WELCOME)
                peer.send(wire.declare([METRIC], stamp=(frame, frame)))
                for order, at in enumerate((sample, -sample, sample, 0), 1):
                    peer.send(wire.batch(order, (at, -at), [3], stamp=(frame, -frame)))
                    peer.send(wire.frame(wire.CYCLE, {
                        "collector": "host", "outcome": "sampled",
                        "began": {"bootNanoseconds": at, "wallNanoseconds": at}},
                        stamp=(-frame, at)))
                peer.send(wire.frame(wire.GOODBYE, {
                    "code": "agent-stopping", "severity": "info", "subject": "x", "reason": "x",
                    "remedy": ""}))
                peer.until_closed(3)
            except (ConnectionError, ssl.SSLError, socket.timeout, TimeoutError):
                pass
            finally:
                peer.close()
            self.check_honest()
        self.server.cli("status")
        for nanoseconds, _ in self.points(METRIC, "oss02"):
            self.assertLess(nanoseconds, time.time_ns() + 1e9, "a sample of the future")
        self.server.json("server", "show", "oss02")

    def test_clocks_off_by_a_day(self):
        """Raw peers and real agents; samples land at the time at which they were taken."""
        for host, off in (("mds01", DAY), ("mds02", -DAY)):
            agent = self.stranger(host)
            session = Session(self.server, agent, (0, off))
            session.say(wire.declare([METRIC], stamp=session.stamp()))
            taken = []
            for order in (1, 2, 3):
                taken.append(time.time_ns())
                session.say(wire.batch(order, session.stamp(), [100], stamp=session.stamp()))
                session.say(wire.frame(wire.CYCLE, {
                    "collector": "host", "outcome": "sampled", "began": dict(zip(
                        ("bootNanoseconds", "wallNanoseconds"), session.stamp()))},
                    stamp=session.stamp()))
                time.sleep(0.4)
            wait_until(lambda: len(self.points(METRIC, host)) == 3, f"three points of {host}")
            for (at, _), truth in zip(self.points(METRIC, host), taken):
                self.assertLess(abs(at - truth), 1.5e9, f"{host}: {(at - truth) / 1e9} s off")
            self.check_skew(host, "ahead of" if off > 0 else "behind")
            session.close()
        behind = self.other("oss02")
        off = hostile.clock_off(-DAY)
        status, _, errors = run(*behind.enrolment(), env=off, expect=None)
        self.assertEqual(status, 0, f"an agent whose clock is a day behind can not enrol: {errors}")
        begun = time.time_ns()
        behind.start(env=off).wait_connected()
        self.check_skew("oss02", "behind")
        self.check_times("oss02", begun)
        code, _ = behind.program.terminate()
        self.assertEqual(code, 0)
        begun = time.time_ns()
        behind.start(env=hostile.clock_off(DAY)).wait_connected()
        self.check_skew("oss02", "ahead of")
        self.check_times("oss02", begun)
        self.assertNotIn("samples-lost", self.server.codes())
        self.check_honest()

    def test_a_certificate_that_expired_by_the_managers_clock_alone(self):
        """The agent does not know, and is told: it renews it and goes on."""
        manager = self.manager(name="ahead", options=("--certificate-lifetime", "1h"))
        agent = Agent(self, manager, self.paths["oss02"]).enrolled()
        agent.wait_connected()
        manager.program.terminate()
        manager.env = hostile.clock_off(2 * 3600)
        manager.start()
        agent.wait_connected()
        wait_until(lambda: "the certificate was renewed" in agent.program.tail(200), "renewed")
        self.assertIn("certificate-expired", manager.program.tail(200))

    def check_skew(self, host, direction):
        wait_until(lambda: any(f["code"] == "clock-skewed" and f["subject"] == host
                               and direction in f["reason"] for f in self.server.findings()),
                   f"{host} shown as {direction} the manager's clock")
        reason = next(f["reason"] for f in self.server.findings()
                      if f["code"] == "clock-skewed" and f["subject"] == host)
        self.assertRegex(reason, r"\b1 ?d|\b24 ?h|\b23 ?h|day")

    def check_times(self, host, begun):
        def recent():
            return [at for at, _ in self.points(METRIC, host) if at > begun - 1e9]
        wait_until(lambda: len(recent()) >= 3, f"samples of {host} at their own times")
        self.assertLess(max(recent()), time.time_ns() + 1e9)


class Certificates(Manners):
    def test_certificates_of_other_times_of_the_managers_own_authority(self):
        rogue, thief = self.stranger(), Forger(self, self.server)
        name = f"urn:iml:server:{server_id(rogue)}"
        mark = self.mark()
        held = thief.make(self.path / "future", name, "clientAuth", DAY, 30 * DAY)
        peer = wire.Peer(self.server.agent_port, held)
        peer.send(wire.hello(server_id(rogue), hostname="oss02"))
        told, _ = peer.until_closed()
        self.assertEqual(told["code"], "certificate-not-yet-valid")
        self.assertRegex(told["reason"], "too early")
        self.assertNotEqual(told["remedy"], "")
        self.server.log("certificate-not-yet-valid", since=mark)
        # One that was over before its authority began is no certificate of this site.
        mark = self.mark()
        held = thief.make(self.path / "past", name, "clientAuth", -200 * DAY, -100 * DAY)
        try:
            peer = wire.Peer(self.server.agent_port, held)
            peer.send(wire.hello(server_id(rogue), hostname="oss02"))
            peer.until_closed()
        except (ssl.SSLError, ConnectionError):
            pass
        self.server.log("certificate-expired|certificate-foreign", since=mark)
        # Expired and within its grace, it may renew and nothing else.
        held = thief.make(self.path / "grace", name, "clientAuth", -DAY * 5 // 6, -3_600)
        peer = wire.Peer(self.server.agent_port, held)
        peer.send(wire.hello(server_id(rogue), hostname="oss02") + wire.declare([METRIC])
                  + wire.batch(1, wire.stamp_now(), [1]))
        self.assertEqual(peer.until_closed()[0]["code"], "certificate-expired")
        self.assertEqual(self.points(METRIC, "oss02"), [])
        # One that is valid, but made for managers, speaks for no server; and the other way round.
        held = thief.make(self.path / "use", name, "serverAuth", -DAY, DAY)
        mark = self.mark()
        try:
            peer = wire.Peer(self.server.agent_port, held)
            peer.send(wire.hello(server_id(rogue), hostname="oss02"))
            told, _ = peer.until_closed()
        except (ssl.SSLError, ConnectionError):
            told = None
        self.assertTrue(told is None or told["code"].startswith("certificate-"))
        self.server.log("certificate-wrong-use|certificate-foreign", since=mark)
        # Enrolled servers name only themselves: with their own certificate, by another's name.
        mark, peer = self.mark(), wire.Peer(self.server.agent_port, rogue.state)
        peer.send(wire.hello(self.server.server("oss01")["summary"]["id"]))
        self.assertEqual(peer.until_closed()[0]["code"], "identity-mismatch")
        self.server.log("identity-mismatch", since=mark)
        self.check_honest()


class Crowds(Manners):
    """Slow ones and many, at the same time, on both ports."""
    HALF_OPEN = 1_000

    def test_slow_senders_and_a_thousand_half_open_connections(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        hostile.need(hard == resource.RLIM_INFINITY or hard >= 4_096, "4,096 descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (
            hard if hard != resource.RLIM_INFINITY else 65_536, hard))
        rogue = self.stranger()
        slow = [
            Slow("a handshake on the agents' port", self.server.agent_port,
                 bytes.fromhex("1603010200010001fc0303") + bytes(400), 25),
            Slow("a hello", self.server.agent_port,
                 wire.hello(server_id(rogue), hostname="oss02"), 25, rogue.state),
            Slow("a request's head", self.server.https_port,
                 b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 500, 50, tls=True),
            Slow("a handshake on the HTTPS port", self.server.https_port,
                 bytes.fromhex("1603010200010001fc0303") + bytes(400), 50)]
        idle = []
        try:
            for port in (self.server.agent_port, self.server.https_port):
                for place in range(self.HALF_OPEN):
                    # Of many addresses, for one address alone has a limit of its own.
                    connection = socket.create_connection(
                        ("127.0.0.1", port), timeout=20,
                        source_address=(f"127.0.2.{place // 50 + 1}", 0))
                    idle.append(connection)
            begun = time.monotonic()
            self.check_honest()
            late = self.other("mds01")
            wait_until(lambda: late.enrol(expect=None)[0] == 0 or None, "an enrolment", seconds=15)
            late.start().wait_connected()
            self.check_honest()
            print(f"    {len(idle)} half-open: a new server served after "
                  f"{time.monotonic() - begun:.1f} s", flush=True)
            self.assertEqual(run("true")[0], 0)
            # None is kept for ever.
            end = time.monotonic() + 45
            for connection in idle:
                connection.settimeout(max(0.1, end - time.monotonic()))
                try:
                    # Nothing, or the alert that the handshake is given up.
                    self.assertIn(until_end(connection), (b"", GIVEN_UP), "it spoke")
                except ConnectionError:
                    pass
        finally:
            for connection in idle:
                connection.close()
        for one in slow:
            one.check(self)
        self.check_honest()


class Slow(threading.Thread):
    """Sends a byte a second; notes when the other side ended it."""

    def __init__(self, name, port, data, limit, certificate=None, tls=False):
        super().__init__(daemon=True)
        self.what, self.data, self.limit, self.ended = name, data, limit, None
        if certificate:
            self.socket = wire.Peer(port, certificate).socket
        else:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
            if tls:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                self.socket = context.wrap_socket(self.socket)
        self.begun = time.monotonic()
        self.start()

    def run(self):
        try:
            for byte in self.data:
                self.socket.sendall(bytes((byte,)))
                self.socket.settimeout(1)
                try:
                    while self.socket.recv(65536):
                        pass
                    break
                except (socket.timeout, TimeoutError):
                    pass
                if time.monotonic() - self.begun > self.limit + 10:
                    return
        except (OSError, ssl.SSLError):
            pass
        self.ended = time.monotonic() - self.begun

    def check(self, test):
        self.join(self.limit + 15)
        test.assertIsNotNone(self.ended, f"{self.what} a byte a second is never ended")
        test.assertLess(self.ended, self.limit, self.what)
        self.socket.close()


if __name__ == "__main__":
    unittest.main()
