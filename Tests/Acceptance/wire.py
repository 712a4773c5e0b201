"""Just enough of the wire to say wrong things on it: frames of JSON, from the outside."""

import json
import socket
import ssl
import struct
import time

HELLO, WELCOME, HEARTBEAT, GOODBYE, SECTION, SAMPLES = 1, 2, 3, 5, 32, 65


def frame(kind, body=b"", flags=0, version=1, length=None):
    """`u32 length, u8 version, u8 type, u8 flags, i64 boot clock, i64 wall clock, payload`."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    stamp = struct.pack(">qq", time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns())
    rest = bytes((version, kind, flags)) + stamp + body
    return struct.pack(">I", len(rest) if length is None else length) + rest


def hello(server, **changes):
    body = {"major": 1, "minor": 0, "server": server, "boot": "test-boot", "incarnation": "test",
            "hostname": "stranger", "agentVersion": "0", "capabilities": [], "highestOrder": 0,
            "readsTree": True}
    return frame(HELLO, {**body, **changes})


class Peer:
    """A TLS connection to the agents' port; `certificate` is an agent's state directory."""

    def __init__(self, port, certificate=None, maximum=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if maximum:
            context.maximum_version = maximum
        if certificate:
            context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
        raw = socket.create_connection(("127.0.0.1", port), timeout=20)
        try:
            self.socket = context.wrap_socket(raw)
        except (ssl.SSLError, OSError):
            raw.close()
            raise

    def send(self, data):
        self.socket.sendall(data)

    def until_closed(self, seconds=20):
        """Reads until the other side ends it; gives the reason of its goodbye and the bytes."""
        self.socket.settimeout(seconds)
        data = b""
        try:
            while chunk := self.socket.recv(65536):
                data += chunk
        except (ssl.SSLError, ConnectionError) as error:
            return goodbye(data), f"{error}"
        finally:
            self.socket.close()
        return goodbye(data), ""

    def read_frame(self, seconds=20):
        self.socket.settimeout(seconds)
        head = self._exactly(4)
        return self._exactly(struct.unpack(">I", head)[0])

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            chunk = self.socket.recv(count - len(data))
            if not chunk:
                raise ConnectionError("closed in the middle of a frame")
            data += chunk
        return data

    def close(self):
        self.socket.close()


def goodbye(data):
    """The diagnostic of the goodbye among the frames, or None."""
    position = 0
    while position + 23 <= len(data):
        length = struct.unpack(">I", data[position:position + 4])[0]
        if data[position + 5] == GOODBYE:
            return json.loads(data[position + 23:position + 4 + length])
        position += 4 + length
    return None


def talk(port, data, seconds=20, tls=False):
    """Sends bytes to a port and reads until the other side closes; None when it never does."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=seconds)
    try:
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = context.wrap_socket(connection)
        connection.sendall(data)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer
    except (ConnectionError, ssl.SSLError):
        return b""
    except socket.timeout:
        return None
    finally:
        connection.close()
