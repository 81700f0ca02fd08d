"""A client of port 8765 that keeps replies and ticks apart, and a raw one that sends any bytes."""

import base64
import json
import os
import socket
import struct
import time

from websockets.sync.client import connect

WAIT_SECONDS = 10


class Client:
    """Messages come in two kinds: market data, and everything else in the order of the requests."""

    def __init__(self, gateway, key=None, path="/", **options):
        options.setdefault("compression", None)
        options.setdefault("max_size", None)
        # With a bound the library stops reading, and then waits in vain for the answer to its close.
        options.setdefault("max_queue", None)
        self._connection = connect(gateway.ws_url + path, open_timeout=WAIT_SECONDS, **options)
        self.socket = self._connection.__enter__()
        self.ticks = []
        self.others = []
        if key:
            reply = self.request({"action": "authenticate", "api_key": key})
            assert reply["status"] == "success", reply

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, message):
        self.socket.send(message if isinstance(message, (str, bytes)) else json.dumps(message))

    def _receive(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("nothing more in time")
        message = json.loads(self.socket.recv(timeout=left))
        (self.ticks if message.get("type") == "market_data" else self.others).append(message)

    def reply(self, seconds=WAIT_SECONDS):
        """The next message that is no market data."""
        deadline = time.monotonic() + seconds
        while not self.others:
            self._receive(deadline)
        return self.others.pop(0)

    def request(self, message):
        self.send(message)
        return self.reply()

    def tick(self, symbol=None, mode=None, matching=None, seconds=WAIT_SECONDS):
        """The next market data message of the symbol and mode; others are dropped."""
        deadline = time.monotonic() + seconds
        while True:
            while self.ticks:
                tick = self.ticks.pop(0)
                fits = symbol in (None, tick["symbol"]) and mode in (None, tick["mode"])
                if fits and (matching is None or matching(tick)):
                    return tick
            self._receive(deadline)

    def fresh(self, symbol, mode=None, seconds=WAIT_SECONDS):
        """The next market data message that the gateway received after this call began."""
        asked = time.time() * 1000
        return self.tick(symbol, mode, lambda tick: tick["data"]["timestamp"] >= asked, seconds)

    def collect(self, seconds):
        """All market data of a time."""
        deadline = time.monotonic() + seconds
        try:
            while True:
                self._receive(deadline)
        except TimeoutError:
            ticks, self.ticks = self.ticks, []
            return ticks

    def subscribe(self, symbol, exchange="NSE", mode=2, **more):
        reply = self.request({"action": "subscribe", "symbol": symbol, "exchange": exchange, "mode": mode} | more)
        assert reply.get("status") == "success", reply
        return reply


class RawClient:
    """A socket on which every byte is the test's own."""

    KEY = base64.b64encode(b"0123456789abcdef").decode()

    def __init__(self, gateway, upgrade=True, receive_buffer=None, extra="", key=None):
        self.socket = socket.socket()
        self.socket.settimeout(WAIT_SECONDS)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", gateway.ws_port))
        self.buffer = b""
        if upgrade:
            self.socket.sendall(self.upgrade_request(extra=extra))
            self.head = self.read_head()
            assert self.head.startswith(b"HTTP/1.1 101 "), self.head
        if key:
            self.send(self.text({"action": "authenticate", "api_key": key}))
            assert self.read_json()["status"] == "success"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    @classmethod
    def upgrade_request(cls, target="/", version="13", extra="") -> bytes:
        return (
            f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {cls.KEY}\r\nSec-WebSocket-Version: {version}\r\n{extra}\r\n"
        ).encode()

    @staticmethod
    def frame(opcode, payload=b"", fin=True, masked=True, reserved=0) -> bytes:
        head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
        mask_bit = 0x80 if masked else 0
        if len(payload) < 126:
            head += bytes([mask_bit | len(payload)])
        elif len(payload) < 65536:
            head += bytes([mask_bit | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([mask_bit | 127]) + struct.pack(">Q", len(payload))
        if not masked:
            return head + payload
        mask = os.urandom(4)
        whole = mask * (len(payload) // 4 + 1)
        return head + mask + bytes(a ^ b for a, b in zip(payload, whole))

    @classmethod
    def text(cls, message) -> bytes:
        return cls.frame(1, json.dumps(message).encode())

    def send(self, data):
        self.socket.sendall(data)

    def _fill(self, count):
        while len(self.buffer) < count:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise EOFError("closed by the server")
            self.buffer += chunk

    def read_head(self) -> bytes:
        while b"\r\n\r\n" not in self.buffer:
            self._fill(len(self.buffer) + 1)
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        return head

    def read_all(self) -> bytes:
        """Everything until the server closes."""
        try:
            while True:
                self._fill(len(self.buffer) + 1)
        except EOFError:
            return self.buffer

    def read_frame(self):
        """First byte and payload of the next frame."""
        self._fill(2)
        first, second = self.buffer[0], self.buffer[1]
        assert not second & 0x80, "a server must not mask"
        size, offset = second & 0x7F, 2
        if size == 126:
            self._fill(4)
            size, offset = struct.unpack(">H", self.buffer[2:4])[0], 4
        elif size == 127:
            self._fill(10)
            size, offset = struct.unpack(">Q", self.buffer[2:10])[0], 10
        self._fill(offset + size)
        payload, self.buffer = self.buffer[offset : offset + size], self.buffer[offset + size :]
        return first, payload

    def read_json(self):
        first, payload = self.read_frame()
        assert first == 0x81, f"not one unfragmented text frame: {first:#x} {payload!r}"
        return json.loads(payload)

    def read_close(self):
        """Code and reason of the close frame; frames before it are dropped."""
        while True:
            first, payload = self.read_frame()
            if first == 0x88:
                return struct.unpack(">H", payload[:2])[0], payload[2:].decode()
