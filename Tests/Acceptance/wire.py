"""Just enough of the wire to say wrong things on it: frames of JSON, from the outside."""

import json
import socket
import ssl
import struct
import time

HELLO, WELCOME, HEARTBEAT, ACKNOWLEDGE, GOODBYE, RESEND, RENEWED = 1, 2, 3, 4, 5, 7, 9
LIFE_ACKNOWLEDGED, JOBS_HELD = 11, 20
SECTION, CYCLE, DECLARE, SAMPLES = 32, 34, 64, 65


def stamp_now(boot_off=0, wall_off=0):
    """(boot clock, wall clock) in nanoseconds, each wrong by so many seconds."""
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int(boot_off * 1e9),
            time.time_ns() + int(wall_off * 1e9))


def frame(kind, body=b"", flags=0, version=1, length=None, stamp=None):
    """`u32 length, u8 version, u8 type, u8 flags, i64 boot clock, i64 wall clock, payload`."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    rest = bytes((version, kind, flags)) + struct.pack(">qq", *(stamp or stamp_now())) + body
    return struct.pack(">I", len(rest) if length is None else length) + rest


def varint(value):
    data = bytearray()
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(data) + bytes((value,))


def zigzag(value):
    return varint((value << 1 ^ value >> 63) & (1 << 64) - 1)


def text(value):
    return varint(len(value.encode())) + value.encode()


def declare(metrics, stamp=None):
    """Series of the server itself, 64-bit counters, with the ids 0, 1, …"""
    body = varint(len(metrics))
    for place, metric in enumerate(metrics):
        body += (varint(min(place, 1)) + b"\0" + text(metric) + varint(0) + b"\0" + text("1")
                 + bytes((0, 64)) + text("life"))
    return frame(DECLARE, body, stamp=stamp)


def batch(order, taken, differences, **options):
    """Values of the series 0, 1, … as differences to those before, none of them 0."""
    body = varint(order) + zigzag(taken[0]) + zigzag(taken[1]) + varint(len(differences))
    if differences:
        body += varint(0) + varint(len(differences)) + b"".join(map(zigzag, differences))
    return frame(SAMPLES, body, **options)


def hello(server, stamp=None, **changes):
    body = {"major": 1, "minor": 0, "server": server, "boot": "test-boot", "incarnation": "test",
            "hostname": "stranger", "agentVersion": "0", "capabilities": [], "highestOrder": 0,
            "readsTree": True}
    return frame(HELLO, {**body, **changes}, stamp=stamp)


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

    def wait_frame(self, kind, seconds=20):
        """The body of the next message of this kind, JSON decoded; others are let go."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            data = self.read_frame(seconds)
            if data[1] == GOODBYE and kind != GOODBYE:
                raise ConnectionError(f"goodbye: {data[19:]!r}")
            if data[1] == kind:
                return json.loads(data[19:])
        raise TimeoutError(f"no message {kind}")

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
    answer = b""
    try:
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = context.wrap_socket(connection)
        try:
            connection.sendall(data)
        except (ConnectionError, ssl.SSLError):
            pass  # it was refused before all was sent; why is still to be read
        while chunk := connection.recv(65536):
            answer += chunk
        return answer
    except (ConnectionError, ssl.SSLError):
        return answer
    except socket.timeout:
        return None
    finally:
        connection.close()
