#!/usr/bin/env python3
"""`/metrics` is what Prometheus wants, over the socket and over HTTPS, and only for who may see it."""

import http.client
import json
import re
import shutil
import socket
import ssl
import unittest

from iml_lab import IN_CI, ROOT, Agent, Lab, UnixConnection, get, run, wait_until


class Exposition(Lab):
    def setUp(self):
        super().setUp()
        paths = self.trees("--layout", "mixed", "--servers", "4")
        self.server = self.manager()
        for host in ("mds01", "oss01"):
            Agent(self, self.server, paths[host]).enrolled().wait_connected()
        wait_until(lambda: "lustre_write_bytes_total{" in self.over_socket()[2],
                   "samples in /metrics")

    def over_socket(self):
        return get(UnixConnection(self.server.state / "manager.sock"), "/metrics")

    def over_https(self, token):
        # The certificate is the business of test_strangers; here the answer matters.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return get(http.client.HTTPSConnection(
            "127.0.0.1", self.server.https_port, context=context, timeout=30), "/metrics", token)

    def promtool(self, text):
        tool = shutil.which("promtool") or ROOT / ".build-tools" / "promtool"
        if not shutil.which(str(tool)):
            if IN_CI:
                self.fail("no promtool: make setup")
            self.skipTest("no promtool: make setup")
        # Exit 1: unreadable. Exit 3: readable, with complaints about names and help texts.
        code, out, err = run(tool, "check", "metrics", input=text, expect=None)
        self.assertEqual(code, 0, out + err)

    def test_promtool_accepts_what_the_socket_gives(self):
        status, kind, text = self.over_socket()
        self.assertEqual(status, 200)
        self.assertIn("text/plain", kind)
        self.promtool(text)

    def test_promtool_accepts_what_a_viewer_gets_over_https(self):
        token = json.loads(
            self.server.cli("token", "create", "--role", "viewer", "-o", "json"))["secret"]
        status, _, text = self.over_https(token)
        self.assertEqual(status, 200)
        self.promtool(text)

    def test_https_without_a_token_is_refused(self):
        for token in (None, "nonsense"):
            status, kind, text = self.over_https(token)
            self.assertEqual(status, 401)
            self.assertIn("application/problem+json", kind)
            self.assertEqual(json.loads(text)["code"], "unauthenticated")

    def test_each_series_stands_once_with_its_target(self):
        text = self.over_socket()[2]
        names = [line.rpartition(" ")[0] for line in text.splitlines()
                 if line and not line.startswith("#")]
        self.assertEqual(len(names), len(set(names)))
        targets = set(re.findall(r'lustre_write_bytes_total\{[^}]*target="([^"]+)"', text))
        self.assertIn("scratch-OST0000", targets)


if __name__ == "__main__":
    unittest.main()
