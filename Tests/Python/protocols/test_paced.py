"""The AmiBroker plug-in, emulated: a timer, one receive a time, and of what it brings only the first frame is decoded."""

import json
import os
import socket
import struct
import time

import pytest
from client import RawClient
from gateway import wait_until

RUN_SECONDS = 10
TIMER_SECONDS = 0.1
RECEIVE_BYTES = 16_383
PING_SECONDS = 2.5
SYMBOLS = ["RELIANCE", "TCS", "INFY"]


class PlugIn:
    """Its handshake has the sample key of RFC 6455, and neither User-Agent nor Origin."""

    def __init__(self, gateway, key):
        self.socket = socket.create_connection(("127.0.0.1", gateway.ws_port), 10)
        self.socket.sendall(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{gateway.ws_port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = self.socket.recv(RECEIVE_BYTES)
        assert head.startswith(b"HTTP/1.1 101 ") and head.endswith(b"\r\n\r\n"), head
        self.send({"action": "authenticate", "api_key": key})
        # One receive has to bring the reply, whole and alone.
        assert json.loads(self.first(self.socket.recv(RECEIVE_BYTES))[1])["type"] == "auth"
        self.ticks = []
        self.thrown_away = 0
        self.excused = 0

    def send(self, message):
        self.socket.sendall(RawClient.text(message))

    @staticmethod
    def first(data):
        """First byte and payload of the first frame, and what lies behind it."""
        size, offset = data[1], 2
        if size == 126:
            size, offset = struct.unpack(">H", data[2:4])[0], 4
        assert len(data) >= offset + size, "a frame in pieces"
        return data[0], data[offset : offset + size], data[offset + size :]

    def run(self, seconds):
        """Market data that is thrown away because our own timer was late by the time between two frames is no fault of
        the gateway's; it is counted apart."""
        end = time.monotonic() + seconds
        next_ping = time.monotonic() + PING_SECONDS
        due = last = time.monotonic()
        while time.monotonic() < end:
            if time.monotonic() >= next_ping:
                next_ping += PING_SECONDS
                # Announces four bytes and sends none.
                self.socket.sendall(b"\x89\x84" + os.urandom(4))
            due += TIMER_SECONDS
            time.sleep(max(0, due - time.monotonic()))
            now = time.monotonic()
            gap, last = now - last, now
            self.receive(is_late=gap > TIMER_SECONDS * 1.15)

    def receive(self, is_late):
        self.socket.setblocking(False)
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        finally:
            self.socket.setblocking(True)
        assert data, "the gateway closed the connection"
        opcode, payload, rest = self.first(data)
        assert opcode in (0x81, 0x8A, 0x89), hex(opcode)
        if opcode == 0x81:
            message = json.loads(payload)
            if message["type"] == "market_data":
                self.ticks.append(message)
        while rest:
            opcode, _, rest = self.first(rest)
            self.thrown_away += opcode == 0x81
            self.excused += opcode == 0x81 and is_late


def paced_row(gateway):
    rows = [row for row in gateway.clients()["clients"] if row["policy"] == "paced"]
    return rows[0] if rows else None


@pytest.mark.parametrize("offered", [5, 50, 500])
def test_the_plug_in_stays_connected_and_sees_the_paced_frames(make_gateway, offered):
    gateway = make_gateway({"sim.ticks_per_second": offered, "sim.instruments": 40})
    plug_in = PlugIn(gateway, gateway.add_key())
    assert paced_row(gateway)["agent"] == "-"
    plug_in.send({"action": "subscribe", "mode": 2, "symbols": [{"symbol": s, "exchange": "NSE"} for s in SYMBOLS]})
    plug_in.run(RUN_SECONDS)
    delivered = paced_row(gateway)["delivered"]
    # Frames on their way when the count was taken are not read any more.
    expected = delivered - plug_in.excused - 2
    seen = len(plug_in.ticks)
    assert seen >= 0.95 * expected, f"{seen} of {delivered}, {plug_in.excused} lost by a late timer"
    assert delivered <= RUN_SECONDS / 0.12 + 10
    assert delivered >= min(offered, 8) * RUN_SECONDS * 0.6
    if offered >= 50:
        counts = [sum(tick["symbol"] == symbol for tick in plug_in.ticks) for symbol in SYMBOLS]
        assert min(counts) >= 0.7 * max(counts), f"not in turn: {counts}"


def test_a_reconnect_without_subscribing_goes_on(make_gateway):
    gateway = make_gateway({"ws.paced_ms": 20, "ws.paced_restore_seconds": 3})
    key, other = gateway.add_key("one"), gateway.add_key("two")

    def left():
        """No client is left."""
        return not gateway.clients()["clients"]

    first = PlugIn(gateway, key)
    first.send({"action": "subscribe", "mode": 2, "symbols": [{"symbol": "TCS", "exchange": "NSE"}]})
    first.run(1)
    assert first.ticks
    first.socket.close()
    wait_until(left)
    stranger = PlugIn(gateway, other)
    stranger.run(0.5)
    assert not stranger.ticks
    stranger.socket.close()
    wait_until(left)
    second = PlugIn(gateway, key)
    second.run(1)
    assert second.ticks and {tick["symbol"] for tick in second.ticks} == {"TCS"}
    second.socket.close()
    wait_until(left)
    time.sleep(3.2)
    third = PlugIn(gateway, key)
    third.run(0.5)
    assert not third.ticks and paced_row(gateway)["subscriptions"] == 0
