"""A TCP proxy on loopback that can cut, swallow and heal what goes through it."""

import select
import socket
import threading


class LinkProxy:
    """Modes: `forward`; `cut` (connections reset, new ones refused); `swallow` (nothing gets
    through, nothing is told: what a dead switch does)."""

    def __init__(self, target_port):
        self.target = ("127.0.0.1", target_port)
        self.mode = "forward"
        self._lock = threading.Lock()
        self._pairs = []
        self._closed = False
        self._listener = self._listen(0)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @staticmethod
    def _listen(port):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        return listener

    def cut(self):
        """Resets every connection; new ones are closed at once."""
        self.mode = "cut"
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            self._reset(pair)

    def swallow(self):
        self.mode = "swallow"

    def heal(self):
        """Lets new connections through. Swallowed ones stay dead: their bytes are gone."""
        if self.mode == "swallow":
            self.cut()
        self.mode = "forward"

    def close(self):
        self._closed = True
        self._listener.close()
        self.cut()

    @staticmethod
    def _reset(pair):
        for end in pair:
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            try:
                end.close()
            except OSError:
                pass

    def _accept(self):
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.mode == "cut":
                self._reset((near,))
                continue
            try:
                far = socket.create_connection(self.target, timeout=5)
            except OSError:
                self._reset((near,))
                continue
            far.settimeout(None)
            pair = (near, far)
            with self._lock:
                self._pairs.append(pair)
            threading.Thread(target=self._carry, args=(pair,), daemon=True).start()

    def _carry(self, pair):
        near, far = pair
        other = {near: far, far: near}
        try:
            while not self._closed:
                ready, _, _ = select.select(pair, [], [], 0.5)
                for end in ready:
                    data = end.recv(65536)
                    if not data:
                        return
                    if self.mode == "forward":
                        other[end].sendall(data)
        except (OSError, ValueError):
            pass
        finally:
            self._reset(pair)
            with self._lock:
                if pair in self._pairs:
                    self._pairs.remove(pair)
