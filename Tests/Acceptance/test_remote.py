#!/usr/bin/env python3
"""The CLI over HTTPS: a token and the site's CA are enough, and nothing less is."""

import json
import socket
import ssl
import subprocess
import threading
import time
import unittest

from iml_lab import IML, Agent, Lab, Program, run


class Listener:
    """Answers connections on loopback in its own thread, perhaps behind TLS."""

    def __init__(self, context=None, greeting=b""):
        self.context, self.greeting = context, greeting
        self.received = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            try:
                connection.settimeout(10)
                if self.context:
                    connection = self.context.wrap_socket(connection, server_side=True)
                if self.greeting:
                    connection.sendall(self.greeting)
                self.received.append(connection.recv(4096))
            except OSError:
                pass
            finally:
                connection.close()

    def close(self):
        self.socket.close()


class Remote(Lab):
    def setUp(self):
        super().setUp()
        self.site = self.manager()
        self.ca = self.site.state / "ca.pem"
        self.pin = self.site.token().split(".")[3]
        self.address = f"127.0.0.1:{self.site.https_port}"

    def api_token(self, role="viewer", *options):
        return self.site.cli("token", "create", "--role", role, *options).strip()

    def file(self, name, text, mode=0o600):
        path = self.path / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def cli(self, *words, token=None, env=None, expect=(0,)):
        clean = {"IML_STATE_DIR": "", "IML_SOCKET": "", "IML_MANAGER": "", "IML_TOKEN": token or "",
                 "IML_CA": "", "IML_CA_PIN": ""}
        return run(IML, *words, env={**clean, **(env or {})}, expect=expect)

    def refused(self, code, *words, token="x", env=None):
        """The diagnostic of a command that ends with `code` and prints nothing."""
        _, output, errors = self.cli(*words, "-o", "json", token=token, env=env, expect=(code,))
        self.assertEqual(output, "")
        document = json.loads(errors)
        self.assertEqual(document["exitCode"], code)
        if len(token) > 8:
            self.assertNotIn(token, errors)
        return document

    def listener(self, *arguments, **options):
        listener = Listener(*arguments, **options)
        self.addCleanup(listener.close)
        return listener

    def test_a_token_and_the_ca_are_enough(self):
        token = self.api_token()
        path = self.file("token", token + "\n")
        with_ca = ("--manager", self.address, "--ca", self.ca)
        local = self.site.json("server", "token", "list")
        for words, options in (
            (with_ca, {"token": token}),
            ((*with_ca, "--token-file", path), {}),
            (("--manager", self.address, "--ca-pin", self.pin), {"token": token}),
            (("--manager", f"localhost:{self.site.https_port}", "--ca-pin", self.pin.upper()),
             {"token": token}),
            ((), {"token": token, "env": {"IML_MANAGER": self.address, "IML_CA": str(self.ca)}}),
            ((), {"token": token, "env": {"IML_MANAGER": self.address, "IML_CA_PIN": self.pin}}),
        ):
            _, output, errors = self.cli(*words, "server", "list", "-o", "json", **options)
            self.assertEqual((json.loads(output), errors), ([], ""), words)
        admin = self.api_token("admin")
        _, output, _ = self.cli(*with_ca, "server", "token", "list", "-o", "json", token=admin)
        self.assertEqual(json.loads(output), local)

    def test_a_manager_that_is_not_proven_gets_no_token(self):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", self.path / "other.key", "-out", self.path / "other.pem",
             "-subj", "/CN=other", "-days", "2", "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True)
        for how in (("--ca", self.path / "other.pem"), ("--ca-pin", "ab" * 32)):
            document = self.refused(1, "--manager", self.address, *how, "status")
            self.assertEqual(document["code"], "manager-unproven", document)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path / "other.pem", self.path / "other.key")
        impostor = self.listener(context)
        for how in (("--ca", self.ca), ("--ca-pin", self.pin)):
            document = self.refused(
                1, "--manager", f"127.0.0.1:{impostor.port}", *how, "status",
                token="imlapi1.not.to-be-seen")
            self.assertEqual(document["code"], "manager-unproven", document)
        self.assertNotIn(b"to-be-seen", b"".join(impostor.received))

    def test_a_storage_server_can_not_pass_for_the_manager(self):
        agent = Agent(self, self.site, self.trees("--layout", "2.15", "--servers", "4")["oss01"])
        agent.enrol()
        own = (agent.state / "certificate.pem").read_text()
        chain = self.file("chain.pem", own + self.ca.read_text())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, agent.state / "key.pem")
        impostor = self.listener(context)
        for how in (("--ca", self.ca), ("--ca-pin", self.pin)):
            document = self.refused(
                1, "--manager", f"127.0.0.1:{impostor.port}", *how, "status",
                token="imlapi1.not.to-be-seen")
            self.assertEqual(document["code"], "manager-unproven", document)
        self.assertNotIn(b"to-be-seen", b"".join(impostor.received))

    def test_a_name_that_the_certificate_does_not_have_is_refused(self):
        # All of 127/8 is this host; a manager knows of itself only what its interfaces have.
        elsewhere = self.keep(Program("elsewhere", [
            IML, "serve", "--state-dir", self.path / "elsewhere", "--https", "0.0.0.0:0",
            "--agents", "127.0.0.1:0"]))
        port = elsewhere.wait_line(r"https://\S+:(\d+) agents")[1]
        ca = ("--ca", self.path / "elsewhere" / "ca.pem")
        self.refused(4, "--manager", f"127.0.0.1:{port}", *ca, "status")
        document = self.refused(1, "--manager", f"127.0.0.9:{port}", *ca, "status")
        self.assertEqual(document["code"], "manager-unproven", document)
        self.assertIn("not for this name", document["reason"])

    def test_tokens_that_do_not_work_are_told_apart_from_roles(self):
        with_ca = ("--manager", self.address, "--ca", self.ca)
        viewer = self.api_token()
        document = self.refused(4, *with_ca, "token", "list", token=viewer)
        self.assertEqual(document["code"], "forbidden")
        self.assertIn("needs the role admin", document["reason"])
        short = self.api_token("viewer", "--expires", "1s")
        end = time.monotonic() + 30
        while self.cli(*with_ca, "server", "list", token=short, expect=(0, 4))[0] == 0:
            self.assertLess(time.monotonic(), end, "a token of 1 s still works")
        revoked = self.api_token()
        identifier = revoked.split(".")[1]
        self.site.cli("token", "revoke", identifier)
        for token in (short, revoked, "nonsense"):
            document = self.refused(4, *with_ca, "status", token=token)
            self.assertEqual(document["code"], "unauthenticated")
            self.assertIn("iml token create", document["remedy"])
        # Who asks learns no more than that; whoever reads the log learns which and why.
        name = short.split(".")[1]
        self.site.log(rf"an API token was refused.*token-expired.*expired .* s ago.*{name}")
        self.site.log(rf"an API token was refused.*token-revoked.*{identifier}")
        self.site.log(r"an API token was refused.*token-malformed")
        log = "\n".join(self.site.program.err)
        for token in (short, revoked):
            self.assertNotIn(token.split(".")[2], log, "a secret in the log")

    def test_what_is_not_there_is_said(self):
        # Bound, so that nobody else takes the port, and nobody listens.
        gone = socket.socket()
        self.addCleanup(gone.close)
        gone.bind(("127.0.0.1", 0))
        ca = ("--ca", self.ca)
        document = self.refused(3, "--manager", f"127.0.0.1:{gone.getsockname()[1]}", *ca, "status")
        self.assertIn("nobody listens", document["reason"])
        document = self.refused(3, "--manager", "no-such-host.invalid", *ca, "status")
        self.assertIn("can not be resolved", document["reason"])
        plain = self.listener(greeting=b"SSH-2.0-OpenSSH_9.2\r\n")
        for how in (ca, ("--ca-pin", self.pin)):
            document = self.refused(1, "--manager", f"127.0.0.1:{plain.port}", *how, "status")
            self.assertIn("does not speak TLS", document["reason"], how)

    def test_what_is_missing_or_wrong_on_the_line_is_usage(self):
        manager, ca = ("--manager", self.address), ("--ca", self.ca)
        self.assertIn("no token", self.refused(2, *manager, *ca, "status", token="")["reason"])
        self.assertIn("--ca", self.refused(2, *manager, "status")["remedy"])
        junk = self.file("junk.pem", "junk")
        self.assertIn("PEM", self.refused(2, *manager, "--ca", junk, "status")["reason"])
        self.refused(2, *manager, *ca, "--ca-pin", self.pin, "status")
        self.refused(2, *manager, "--socket", "/s", "status")
        self.refused(2, *ca, "status")
        self.refused(2, "--manager", "a b", *ca, "status")
        self.refused(2, *manager, *ca, "status", token="two words")
        missing = self.refused(1, *manager, "--ca", self.path / "none", "status")
        self.assertIn("No such file", missing["reason"])
        open_file = self.file("open", self.api_token(), 0o644)
        self.assertIn("chmod", self.refused(
            4, *manager, *ca, "--token-file", open_file, "status")["remedy"])
        help_text = run(IML, "status", "--help")[1]
        for word in ("--insecure", "--token ", "--no-verify"):
            self.assertNotIn(word, help_text)

    def test_a_token_never_shows_in_the_process_list(self):
        # The options that exist take files; a token as a word is no option at all.
        self.refused(2, "--manager", self.address, "--ca", self.ca, "--token", "t", "status")


if __name__ == "__main__":
    unittest.main()
