#!/usr/bin/env python3
"""Who does not belong is refused, with a reason on both sides, and the others are served."""

import json
import os
import random
import shutil
import socket
import ssl
import threading
import time
import unittest

import wire
from iml_lab import AGENT, GIVEN_UP, IML, Agent, Lab, run, until_end, wait_until
from trees import Tree


class Site(Lab):
    """A manager and one honest agent, who must not notice any of it."""

    def setUp(self):
        super().setUp()
        self.paths = self.trees("--layout", "mixed", "--servers", "4")
        self.server = self.manager()
        self.honest = Agent(self, self.server, self.paths["oss01"]).enrolled().wait_connected()
        self.session = self.server.server("oss01")["sessionSeconds"]

    def mark(self):
        """Where the manager's log is now."""
        return len(self.server.program.err)

    def check_honest(self):
        detail = self.server.server("oss01")
        # A loaded machine may hold its heartbeat up for a moment; its session must stand.
        self.assertIn(detail["summary"]["contact"], ("connected", "suspect"))
        self.assertGreater(detail["sessionSeconds"], self.session, "its session was broken")
        self.session = detail["sessionSeconds"]
        before = detail["batchesReceived"]
        wait_until(lambda: self.server.server("oss01")["batchesReceived"] > before,
                   "the honest agent's next batch")
        self.assertEqual(detail["losses"], [])

    def other(self, host="oss02", **options):
        return Agent(self, self.server, self.paths[host], **options)


class Certificates(Site):
    def forge(self, directory, server, usage="clientAuth", authority=None):
        """A certificate of a CA of our own for a server's name, as an agent's files."""
        name = f"urn:iml:server:{server}"
        ca = self.path / "forger"
        ca.mkdir(exist_ok=True)

        def key(path):
            run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-out", path)
        if not (ca / "ca.pem").exists():
            key(ca / "ca.key")
            run("openssl", "req", "-x509", "-new", "-key", ca / "ca.key", "-days", "2", "-subj",
                "/CN=Integrated Manager for Lustre", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign", "-out", ca / "ca.pem")
        key(directory / "key.pem")
        run("openssl", "req", "-new", "-key", directory / "key.pem", "-subj", f"/CN={server}",
            "-out", ca / "request.pem")
        (ca / "extensions").write_text(
            f"subjectAltName=URI:{name}\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
        run("openssl", "x509", "-req", "-in", ca / "request.pem", "-CA", ca / "ca.pem", "-CAkey",
            ca / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", ca / "extensions",
            "-out", directory / "certificate.pem")

    def server_id(self, agent):
        return next(line.split("=")[1].strip()
                    for line in (agent.state / "agent.conf").read_text().splitlines()
                    if line.startswith("server"))

    def test_a_stranger_with_a_known_servers_name_is_refused(self):
        stranger = self.other()
        stranger.enrol()
        self.forge(stranger.state, self.server_id(self.honest))
        conf = stranger.state / "agent.conf"
        conf.write_text(conf.read_text().replace(
            self.server_id(stranger), self.server_id(self.honest)))
        mark = self.mark()
        stranger.start()
        stranger.program.wait_error(r"not accept|not know the CA|certificate")
        self.server.log(r"certificate-foreign.*not signed by this manager", since=mark)
        self.assertTrue(stranger.program.is_running, "it must try again: a person may put it right")
        self.assertEqual(self.server.server("oss01")["summary"]["id"], self.server_id(self.honest))
        self.check_honest()

    def test_an_agent_does_not_talk_to_a_stranger_that_plays_the_manager(self):
        victim = self.other()
        victim.enrol()
        fake = self.path / "fake"
        fake.mkdir()
        self.forge(fake, self.server_id(victim), usage="serverAuth")
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.settimeout(30)

            class There:
                port = listener.getsockname()[1]
            victim.through = There
            victim.start()
            connection, _ = listener.accept()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(fake / "certificate.pem", fake / "key.pem")
            heard = b""
            try:
                with context.wrap_socket(connection, server_side=True) as tls:
                    tls.settimeout(5)
                    heard = tls.recv(4096)
            except (ssl.SSLError, OSError):
                pass
            self.assertEqual(heard, b"", "it spoke to a manager that nobody vouches for")
            victim.program.wait_error(r"does not come from the CA|manager-unproven|not accepted")
        self.check_honest()

    def test_a_revoked_certificate_is_cut_off_and_stays_out(self):
        revoked = self.other().enrolled().wait_connected()
        mark, heard = self.mark(), len(revoked.program.err)
        self.server.cli("server", "revoke", "oss02", "--yes")
        wait_until(lambda: self.server.contact("oss02") != "connected", "its session cut", seconds=5)
        revoked.program.wait_error(r"revoked|not accept", since=heard)
        self.server.log(r"certificate-revoked", since=mark)
        revoked.kill()
        mark = self.mark()
        revoked.start()
        revoked.program.wait_error(r"revoked|not accept")
        self.server.log(r"certificate-revoked", since=mark)
        self.assertNotEqual(self.server.contact("oss02"), "connected")
        self.check_honest()
        # A new token takes it back, under the identity that it had.
        before = self.server.server("oss02")["summary"]["id"]
        revoked.kill()
        revoked.enrol()
        revoked.start().wait_connected()
        self.assertEqual(self.server.server("oss02")["summary"]["id"], before)

    def test_a_forgotten_server_is_refused(self):
        gone = self.other().enrolled().wait_connected()
        mark, heard = self.mark(), len(gone.program.err)
        self.server.cli("server", "forget", "oss02", "--yes")
        wait_until(lambda: self.server.contact("oss02") is None, "oss02 gone from the list")
        gone.program.wait_error(r"forgotten|revoked|not accept", since=heard)
        self.server.log(r"server-forgotten|certificate-revoked", since=mark)
        self.check_honest()

    def test_no_certificate_is_refused(self):
        mark = self.mark()
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            peer = wire.Peer(self.server.agent_port)
            peer.send(wire.frame(wire.HEARTBEAT, {"count": 1}))
            _, reason = peer.until_closed()
            if reason:
                raise ssl.SSLError(reason)
        self.server.log(r"certificate", since=mark)
        self.check_honest()

    def test_an_old_tls_is_refused(self):
        mark = self.mark()
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            wire.Peer(self.server.agent_port, self.honest.state, ssl.TLSVersion.TLSv1_2)
        self.server.log(r"refused|TLS|PROTOCOL", since=mark)
        self.check_honest()

    def test_a_copied_state_directory_can_not_be_two_servers(self):
        """The newer session wins, both sides say so, and the two do not throw each other out at
        full speed: that would fill logs and the list of losses for as long as nobody looks."""
        thief = self.other(name="thief")
        thief.enrol()
        for name in ("agent.conf", "key.pem", "certificate.pem"):
            shutil.copy(self.honest.state / name, thief.state / name)
        heard, mark = len(self.honest.program.err), self.mark()
        thief.start()
        self.honest.program.wait_error(r"session-replaced|newer session", since=heard)
        self.server.log(r"session-replaced|newer session", since=mark)
        mark = self.mark()
        time.sleep(15)
        opened = [line for line in self.server.program.err[mark:] if "session is open" in line]
        self.assertLess(len(opened), 8, "sessions in 15 s")

    def test_two_agents_of_one_identity_are_a_finding_that_tells_the_way_out(self):
        def found():
            return [each for each in self.server.findings() if each["code"] == "identity-shared"]
        # What an ordinary life does is none: a restart, and one by force.
        mark = self.mark()
        self.honest.program.terminate()
        self.honest.start().wait_connected()
        self.honest.kill()
        self.honest.start().wait_connected()
        self.assertEqual(found(), [])
        name = self.server.server("oss01")["summary"]["id"]
        copy = self.other(name="copy")
        shutil.copytree(self.honest.state, copy.state, ignore=shutil.ignore_patterns("spool"))
        heard = len(self.honest.program.err)
        copy.start()
        self.honest.program.wait_error(r"session-replaced.*delete that directory", since=heard)
        # Before it is proven: the one that took over from a live one is not believed either.
        self.assertEqual(found(), [])
        self.assertEqual(self.server.server(name)["summary"]["health"], "unknown")
        finding = wait_until(found, "the copy found", seconds=60)[0]
        self.assertEqual(finding["severity"], "error")
        self.assertIn("copy at 127.0.0.1", finding["reason"])
        self.assertIn("oss01 at 127.0.0.1", finding["reason"])
        self.server.log(r"two agents use one identity.*identity-shared", since=mark)
        # The way out, as it is told.
        name = finding["subject"]
        self.assertIn(f"iml server revoke {name}", finding["remedy"])
        copy.kill()
        shutil.rmtree(copy.state)
        self.server.cli("server", "revoke", name, "--yes")
        self.honest.kill()
        for agent in (self.honest, copy):
            agent.enrolled()
        wait_until(lambda: self.server.contact("oss01") == "connected", "the honest one")
        wait_until(lambda: self.server.contact("copy") == "connected", "the other")


    def test_a_manager_killed_after_a_copy_took_over_is_not_fooled(self):
        name = self.server.server("oss01")["summary"]["id"]
        copy = self.other(name="copy")
        shutil.copytree(self.honest.state, copy.state, ignore=shutil.ignore_patterns("spool"))
        heard = len(self.honest.program.err)
        copy.start()
        self.honest.program.wait_error(r"session-replaced", since=heard)
        time.sleep(2)
        self.server.kill()
        self.server.start()
        last = None

        def proven():
            nonlocal last
            server = self.server.server(name)["summary"]
            if server["contact"] == "connected":
                last = server
                self.assertNotEqual(server["health"], "healthy", server)
            return "identity-shared" in self.server.codes()
        wait_until(proven, "the copy found", seconds=60)
        self.assertIsNotNone(last)
        replaced = [line for line in self.server.program.err if "was replaced by a newer" in line]
        self.assertLessEqual(len(replaced), 1, "proven when the first one comes back")


class Greedy(Site):
    """What one that belongs here may not do to the others."""

    def test_a_token_whose_holder_never_reads_cuts_no_agent(self):
        token = json.loads(
            self.server.cli("token", "create", "--role", "viewer", "-o", "json"))["secret"]
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        ask = (f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n").encode()
        readers = []
        for _ in range(40):
            raw = socket.create_connection(("127.0.0.1", self.server.https_port), timeout=20)
            readers.append(context.wrap_socket(raw))
        try:
            for reader in readers:
                reader.settimeout(0.2)
                try:
                    reader.sendall(ask * 300)
                except (TimeoutError, OSError):
                    pass  # it takes no more: that is its way to say so
            for _ in range(5):
                self.check_honest()
                time.sleep(1)
        finally:
            for reader in readers:
                reader.close()


class Crowds(Site):
    """Many connections from one address that say nothing, or too little, keep nobody out."""

    COUNT = 200

    def crowd(self, port, manner):
        """So many connections, each with what the manner makes of it."""
        for _ in range(self.COUNT):
            one = socket.create_connection(("127.0.0.1", port), timeout=10)
            self.addCleanup(one.close)
            try:
                manner(one)
            except OSError:
                pass  # It gave way to a later one already.

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.program.pid}/fd"))

    def silent(self, connection):
        pass

    def half_a_handshake(self, connection):
        """A record of 512 bytes is begun, as a client's hello is, and never ends."""
        connection.sendall(bytes((22, 3, 1, 2, 0, 1, 0, 1, 252)))

    def slow_header(self, connection):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        tls = context.wrap_socket(connection)
        self.addCleanup(tls.close)
        tls.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\nX-Slow: ")

    def check(self, manner, ports):
        token = self.server.cli("token", "create", "--role", "viewer").strip()
        for port in ports:
            self.crowd(port, manner)
        held = self.descriptors()
        begun = time.monotonic()
        run(IML, "--manager", f"127.0.0.1:{self.server.https_port}", "--ca",
            self.server.state / "ca.pem", "status", expect=(0, 5), env={"IML_TOKEN": token})
        asked = time.monotonic() - begun
        enrolment = self.server.token()
        begun = time.monotonic()
        late = self.other(name=f"late-{manner.__name__}")
        late.enrol(enrolment)
        late.start().wait_connected(seconds=10)
        joined = time.monotonic() - begun
        # Two programs in a debug build take a second between them on a busy machine.
        self.assertLess(asked, 4, "an operator waits")
        self.assertLess(joined, 8, "an agent waits")
        self.check_honest()
        return held

    def test_silent_connections(self):
        held = self.check(self.silent, (self.server.https_port, self.server.agent_port))
        # 64 of them on the HTTPS port, all on the agents', which has room for a thousand.
        self.assertLess(held, self.COUNT + 64 + 100)
        self.server.log(r"HTTPS connection refused.*proven nothing")

    def test_half_handshakes(self):
        self.check(self.half_a_handshake, (self.server.https_port, self.server.agent_port))

    def test_slow_headers(self):
        held = self.check(self.slow_header, (self.server.https_port,))
        self.assertLess(held, 64 + 100)

    def test_a_stop_amid_those_who_dial_is_orderly(self):
        """Connections that just come in, at each door, when the manager is told to stop."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        over = threading.Event()
        self.addCleanup(over.set)
        ports = self.server.agent_port, self.server.https_port
        request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

        def agents():
            socket.create_connection(("127.0.0.1", ports[0]), timeout=2).close()

        def https():
            one = socket.create_connection(("127.0.0.1", ports[1]), timeout=2)
            with context.wrap_socket(one) as tls:
                tls.sendall(request)

        def local():
            with socket.socket(socket.AF_UNIX) as one:
                one.settimeout(2)
                one.connect(str(self.server.state / "manager.sock"))
                one.sendall(request * 5)

        def dial(door):
            while not over.is_set():
                try:
                    door()
                except OSError:
                    time.sleep(0.01)

        for door in (agents, https, local) * 2:
            threading.Thread(target=dial, args=(door,), daemon=True).start()
        time.sleep(1)
        code, seconds = self.server.program.terminate(30)
        over.set()
        self.assertEqual(code, 0, "\n".join(self.server.program.err[-30:]))
        self.assertLess(seconds, 10)
        self.assertFalse((self.server.state / "manager.sock").exists())

    def test_silent_connections_at_the_agents_port_without_end(self):
        """More than that port holds at all, from one address."""
        for _ in range(10):
            self.crowd(self.server.agent_port, self.silent)
        self.assertLess(self.descriptors(), 512 + 100)
        self.check(self.silent, (self.server.agent_port,))


class Tokens(Site):
    def refuse(self, token, expected, code):
        """Enrolling fails with a reason on both sides, and leaves nothing behind."""
        name = f"refused-{time.monotonic_ns()}"
        agent, mark = self.other("mds01", name=name), self.mark()
        status, _, errors = agent.enrol(token, expect=None)
        self.assertNotEqual(status, 0)
        self.assertRegex(errors, expected)
        self.assertFalse((agent.state / "agent.conf").exists(), "it believes that it is enrolled")
        if code:
            self.server.log(code, since=mark)
        return errors

    def test_a_token_serves_once(self):
        token = self.server.token()
        self.other().enrol(token)
        self.refuse(token, r"used", "token-used-up")
        self.check_honest()

    def test_a_token_for_two_serves_twice(self):
        token = self.server.token("--uses", "2")
        self.other("oss02").enrol(token)
        self.other("mds02").enrol(token)
        self.refuse(token, r"used", "token-used-up")

    def test_an_expired_token_is_refused(self):
        token = self.server.token("--expires", "1s")
        time.sleep(1.5)
        self.refuse(token, r"expired", "token-expired")
        self.check_honest()

    def test_a_revoked_token_is_refused(self):
        token = json.loads(self.server.cli("server", "token", "create", "-o", "json"))
        self.server.cli("server", "token", "revoke", token["id"])
        self.refuse(token["secret"], r"revoked", "token-revoked")

    def test_a_token_of_nobody_is_refused(self):
        head, _, pin = self.server.token().rpartition(".")
        parts = head.split(".")
        self.refuse(f"{parts[0]}.{parts[1]}.{'A' * len(parts[2])}.{pin}", r"unknown|not known|no such",
                    "token-unknown")
        self.refuse("nonsense", r"iml1\.ID\.SECRET\.PIN|form", None)

    def test_a_token_with_another_pin_sends_no_secret(self):
        head, _, pin = self.server.token().rpartition(".")
        other = "0" * 64
        self.assertNotEqual(pin, other)
        mark = self.mark()
        self.refuse(f"{head}.{other}", r"CA that the token names|not the manager", None)
        time.sleep(0.5)
        self.assertFalse([line for line in self.server.program.err[mark:] if "token-" in line],
                         "the manager saw a token that was not for it")
        # The honest token was not used up by it.
        self.other().enrol(f"{head}.{pin}")

    def test_no_manager_there_is_said_so(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        status, _, errors = run(
            AGENT, "enroll", "--manager", f"127.0.0.1:{port}", "--token", self.server.token(),
            "--state-dir", self.path / "nowhere", expect=None)
        self.assertNotEqual(status, 0)
        self.assertRegex(errors, r"refused|no answer")


class Garbage(Site):
    NOISE = random.Random(1).randbytes(4096)
    HTTP = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    TLS_HALF = bytes.fromhex("16030102000100")  # the beginning of a ClientHello that never goes on

    ALERT = bytes.fromhex("1503030002020a")  # fatal, unexpected_message
    WITHOUT_TLS = (("noise", NOISE, ALERT), ("HTTP", HTTP, b"HTTP/1.1 400 "),
                   ("HTTP by hand", b"get / http/1.1\n\n", b"HTTP/1.1 400 "),
                   ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", ALERT),
                   ("frames without TLS", wire.hello("x"), ALERT), ("zeros", bytes(4096), ALERT))

    def check_problem(self, answer, expected):
        """The answer is a 400 with a problem in words, and nothing after it."""
        head, _, body = answer.partition(b"\r\n\r\n")
        self.assertRegex(head, rb"\AHTTP/1\.1 400 ")
        self.assertIn(b"application/problem+json", head)
        problem = json.loads(body)
        self.assertEqual(problem["code"], "request-malformed")
        self.assertRegex(problem["detail"], expected)

    def test_garbage_on_the_agents_port_is_closed_with_a_reason(self):
        for name, data, expected in self.WITHOUT_TLS:
            with self.subTest(name):
                mark = self.mark()
                answer = wire.talk(self.server.agent_port, data)
                self.assertIsNotNone(answer, "never closed")
                self.assertTrue(answer.startswith(expected), answer)
                if data == self.HTTP:
                    self.check_problem(answer, r"agents' port")
                self.server.log(r"refused.*does not speak TLS", since=mark)
        mark = self.mark()
        self.assertIsNotNone(wire.talk(self.server.agent_port, self.TLS_HALF, 40), "never closed")
        self.server.log(r"handshake", since=mark)
        self.check_honest()

    def test_garbage_on_the_https_port_is_closed_with_a_reason(self):
        for name, data, expected in self.WITHOUT_TLS:
            with self.subTest(name):
                mark = self.mark()
                answer = wire.talk(self.server.https_port, data, 40)
                self.assertIsNotNone(answer, "never closed")
                self.assertTrue(answer.startswith(expected), answer)
                if data == self.HTTP:
                    self.check_problem(answer, r"TLS only")
                self.server.log(r"refused.*does not speak TLS", since=mark)
        mark = self.mark()
        wire.talk(self.server.https_port, self.TLS_HALF, 0.5)
        self.server.log(r"refused.*handshake failed", since=mark)
        head = b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\n"
        for name, data, expected in (
                ("noise", self.NOISE, r"method|HTTP"), ("a word", b"FOO\r\n\r\n", r"method|HTTP"),
                ("binary", b"\x00\xff" * 900, r"method|HTTP"),
                ("a long line", b"GET /" + b"a" * 200_000, r"above 8192 bytes"),
                ("a long header", head + b"A: " + b"a" * 200_000, r"above 8192 bytes"),
                ("many headers", head + b"A: b\r\n" * 200 + b"\r\n", r"100 fields"),
                ("another version", b"GET / HTTP/9.9\r\n\r\n", r"version"),
                ("a header that is none", head + b"\x01: x\r\n\r\n", r"header|HTTP"),
                ("no host", b"GET /api/v1/status HTTP/1.1\r\n\r\n", r"Host"),
                ("two hosts", head + b"Host: y\r\n\r\n", r"Host"),
                ("a host that is none", b"GET / HTTP/1.1\r\nHost: a b/c@\r\n\r\n", r"Host"),
                ("a length that is none", head + b"Content-Length: x\r\n\r\n", r"Length|HTTP"),
                ("a request that ends too soon", head + b"A: b", None)):
            with self.subTest(name):
                mark = self.mark()
                answer = wire.talk(self.server.https_port, data, 40, tls=True)
                self.assertIsNotNone(answer, "never closed")
                if expected:
                    self.check_problem(answer, expected)
                    self.server.log(r"a request over HTTPS was refused.*" + f"({expected})", since=mark)
        for name, data, expected in (
                ("a good one, then noise", head + b"\r\n" + self.NOISE, r"method|HTTP"),
                ("chunks that are none", b"POST /api/v1/enrol HTTP/1.1\r\nHost: x\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", r"chunk|HTTP")):
            with self.subTest(name):
                mark = self.mark()
                answer = wire.talk(self.server.https_port, data, 40, tls=True)
                self.assertIsNotNone(answer, "never closed")
                if data.startswith(b"GET"):
                    self.assertRegex(answer, rb"\AHTTP/1\.1 401 ")
                self.check_problem(answer[answer.index(b"HTTP/1.1 400"):], expected)
                self.server.log(r"a request over HTTPS was refused.*" + f"({expected})", since=mark)
        for name, data, status in (
                ("no such method", b"BREW /api/v1/status HTTP/1.1\r\nHost: x\r\n"
                 b"Connection: close\r\n\r\n", rb"4"),
                ("no such path", b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", rb"404"),
                ("no token", head + b"Connection: close\r\n\r\n", rb"401")):
            with self.subTest(name):
                mark = self.mark()
                answer = wire.talk(self.server.https_port, data, 40, tls=True)
                self.assertIsNotNone(answer, "never closed")
                self.assertRegex(answer, rb"\AHTTP/1\.1 " + status)
                self.assertIn(b'"code":"', answer)
                self.server.log(r"a request over HTTPS was refused", since=mark)
        self.check_honest()

    def test_half_a_request_is_told_that_its_time_is_over(self):
        mark = self.mark()
        head = b"POST /api/v1/enrol HTTP/1.1\r\nHost: x\r\n"
        answer = wire.talk(self.server.https_port, head, 45, tls=True)
        self.assertRegex(answer, rb"\AHTTP/1\.1 408 Request Timeout\r\n")
        self.assertIn(b"no complete head of a request came in time", answer)
        self.server.log(r"a request over HTTPS was refused.*in time", since=mark)
        self.check_honest()

    def test_a_malformed_enrolment_is_told_what_is_wrong(self):
        for body in (b"", b"{", b"[]", b'{"token":1}', self.NOISE[:512]):
            with self.subTest(body[:8]):
                mark = self.mark()
                head = (f"POST /api/v1/enrol HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n")
                answer = wire.talk(self.server.https_port, head.encode() + body, tls=True)
                self.assertRegex(answer, rb"^HTTP/1\.1 4\d\d")
                self.assertIn(b'"code":"', answer)
                self.server.log(r"a request over HTTPS was refused", since=mark)
        self.check_honest()

    def test_garbage_with_a_good_certificate_ends_the_session_with_a_reason(self):
        rogue = self.other("oss02")
        rogue.enrol()
        server = next(line.split("=")[1].strip()
                      for line in (rogue.state / "agent.conf").read_text().splitlines()
                      if line.startswith("server"))
        greeting = wire.hello(server, hostname="oss02")
        cases = [
            ("noise", [self.NOISE], {"frame-too-large", "frame-malformed"}),
            ("oversized", [wire.frame(wire.HELLO, length=70_000)], {"frame-too-large"}),
            ("too short", [b"\0\0\0\3abc"], {"frame-malformed"}),
            ("other version", [wire.frame(wire.HELLO, {}, version=9)], {"frame-malformed"}),
            ("no JSON", [wire.frame(wire.HELLO, b"{")], {"message-malformed"}),
            ("before hello", [wire.frame(wire.HEARTBEAT, {"count": 1})], {"message-unexpected"}),
            ("two hellos", [greeting, greeting], {"message-unexpected"}),
            ("a manager's message", [greeting, wire.frame(wire.WELCOME, {})],
             {"message-unexpected", "message-malformed"}),
            ("another server's name", [wire.hello(self.honest_id())], {"identity-mismatch"}),
            ("another protocol", [wire.hello(server, major=99)], {"protocol-unsupported"}),
            ("samples of nothing", [greeting, wire.frame(wire.SAMPLES, b"\xff" * 40)],
             {"message-malformed", "series-undeclared"}),
            ("a section without its digest", [greeting, wire.frame(wire.SECTION, {
                "key": {"name": "host", "subject": ""}, "collector": "host", "digest": 1,
                "body": {"hostname": "evil"}})], {"message-malformed"}),
            ("a section that is too deep", [greeting, wire.frame(
                wire.SECTION, b'{"key":{"name":"host","subject":""},"collector":"host","digest":1,'
                b'"body":' + b'{"a":[' * 255 + b"1" + b"]}" * 255 + b"}")], {"message-malformed"}),
            ("a message without end", [greeting] + [
                wire.frame(wire.SECTION, b"x" * 65_000, flags=1)] * 300, {"message-too-large"}),
        ]
        for name, frames, codes in cases:
            with self.subTest(name):
                mark, peer = self.mark(), wire.Peer(self.server.agent_port, rogue.state)
                try:
                    for data in frames:
                        peer.send(data)
                except (ssl.SSLError, ConnectionError):
                    pass  # it was ended before all was sent; the reason is in what is left to read
                told, _ = peer.until_closed()
                self.server.log("|".join(codes), since=mark)
                if name not in ("noise", "a message without end"):
                    self.assertIsNotNone(told, "the other side was told nothing")
                    self.assertIn(told["code"], codes)
                    self.assertNotEqual(told["reason"], "")
        self.check_honest()
        hosts = [s["body"].get("hostname") for s in self.server.server("oss02")["sections"]
                 if s["key"]["name"] == "host"]
        self.assertNotIn("evil", hosts)

    def honest_id(self):
        return self.server.server("oss01")["summary"]["id"]

    def test_half_a_frame_and_then_nothing_ends_the_session(self):
        rogue = self.other("oss02")
        rogue.enrol()
        peer = wire.Peer(self.server.agent_port, rogue.state)
        peer.send(b"\0\0\1")
        begun = time.monotonic()
        peer.until_closed(30)
        self.assertLess(time.monotonic() - begun, 29)
        self.check_honest()

    def test_idle_programs_on_the_unix_socket_keep_no_operator_waiting(self):
        idle = []
        try:
            for _ in range(200):
                connection = socket.socket(socket.AF_UNIX)
                connection.settimeout(10)
                connection.connect(str(self.server.state / "manager.sock"))
                idle.append(connection)
            begun = time.monotonic()
            self.server.json("status")
            self.assertLess(time.monotonic() - begun, 4, "others had to end first")
            for connection in idle:
                connection.settimeout(15)
                try:
                    self.assertIn(until_end(connection), (b"", GIVEN_UP))
                except ConnectionError:
                    pass
            self.assertLess(time.monotonic() - begun, 15)
        finally:
            for connection in idle:
                connection.close()

    def test_two_hundred_idle_connections_do_not_keep_others_out(self):
        idle = []
        try:
            for port in (self.server.agent_port, self.server.https_port):
                for _ in range(200):
                    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
                    connection.settimeout(60)
                    idle.append((port, connection))
            self.check_honest()
            # Another agent gets in: its session beside them, and its enrolment when the API's
            # limit of connections for one address lets go of idle ones.
            late = self.other("mds01")
            wait_until(lambda: late.enrol(expect=None)[0] == 0 or None, "an enrolment", seconds=60,
                       every=2)
            late.start().wait_connected()
            self.check_honest()
            # They are thrown out in time, not kept for ever.
            end = time.monotonic() + 60
            for port, connection in idle:
                connection.settimeout(max(0.1, end - time.monotonic()))
                try:
                    self.assertIn(until_end(connection), (b"", GIVEN_UP))
                except ConnectionError:
                    pass
        finally:
            for _, connection in idle:
                connection.close()
        self.check_honest()


if __name__ == "__main__":
    unittest.main()
