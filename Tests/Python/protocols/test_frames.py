"""Frames of port 8765: what is tolerated, what closes and with which code."""

import json
import os
import struct

import pytest
from client import Client, RawClient

PING = {"action": "ping"}


def test_replies_are_unfragmented_unmasked_text_frames(gateway):
    with RawClient(gateway) as client:
        client.send(client.text(PING))
        assert client.read_json()["type"] == "pong"


def test_json_in_a_binary_frame_is_taken(gateway):
    with Client(gateway) as client:
        client.send(json.dumps(PING).encode())
        assert client.reply()["type"] == "pong"


def test_a_message_in_fragments_with_a_ping_between_them(gateway):
    text = json.dumps(PING | {"_pingId": "x" * 50}).encode()
    with RawClient(gateway) as client:
        client.send(client.frame(1, text[:5], fin=False))
        client.send(client.frame(0, text[5:20], fin=False))
        client.send(client.frame(9, b"between"))
        assert client.read_frame() == (0x8A, b"between")
        client.send(client.frame(0, text[20:]))
        assert client.read_json()["_pingId"] == "x" * 50


def test_frames_may_come_byte_by_byte(gateway):
    with RawClient(gateway) as client:
        for byte in client.text(PING | {"_pingId": 7}) + client.frame(9, b"abc"):
            client.send(bytes([byte]))
        assert client.read_json()["_pingId"] == 7
        assert client.read_frame() == (0x8A, b"abc")


@pytest.mark.parametrize("size", [0, 1, 4, 125])
def test_a_ping_is_answered_with_its_payload(gateway, size):
    payload = os.urandom(size)
    with RawClient(gateway) as client:
        client.send(client.frame(9, payload) + client.text(PING))
        assert client.read_frame() == (0x8A, payload)
        assert client.read_json()["type"] == "pong"


def test_a_ping_that_leaves_out_its_payload_does_no_harm(gateway, key):
    """One known client announces four bytes of payload and never sends them."""
    with RawClient(gateway) as client:
        client.send(client.text({"action": "authenticate", "api_key": key}))
        assert client.read_json()["type"] == "auth"
        client.send(b"\x89\x84" + os.urandom(4))
        client.send(client.text(PING | {"_pingId": "after"}))
        while True:
            first, payload = client.read_frame()
            if first == 0x81:
                assert json.loads(payload)["_pingId"] == "after"
                return
            assert first == 0x8A


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (RawClient.frame(1, b"{}", masked=False), 1002),
        (RawClient.frame(3, b"{}"), 1002),
        (RawClient.frame(11, b"{}"), 1002),
        (RawClient.frame(1, b"{}", reserved=4), 1002),
        (RawClient.frame(1, b"{}", reserved=1), 1002),
        (RawClient.frame(0, b"{}"), 1002),
        (RawClient.frame(9, b"x" * 126), 1002),
        (RawClient.frame(9, b"x", fin=False), 1002),
        (RawClient.frame(8, b"x"), 1002),
        (RawClient.frame(8, struct.pack(">H", 1005)), 1002),
        (RawClient.frame(1, b'{"a":"\xff"}'), 1007),
        (RawClient.frame(1, b'{"a":"\xed\xa0\x80"}'), 1007),
        (RawClient.frame(1, b" " * (1 << 20) + b"x"), 1009),
        (b"\x81\xff" + struct.pack(">Q", 1 << 40) + bytes(4), 1009),
    ],
    ids=[
        "unmasked", "opcode 3", "opcode 11", "rsv1", "rsv3", "continuation of nothing", "long ping",
        "fragmented ping", "close of one byte", "close 1005", "utf-8", "surrogate", "1 MiB and 1", "1 TiB",
    ],
)  # fmt: skip
def test_a_violation_closes_with_its_code(gateway, frame, code):
    with RawClient(gateway) as client:
        client.send(frame)
        assert client.read_close()[0] == code
        assert client.read_all() == b""


def test_a_message_of_one_mebibyte_is_taken(gateway, key):
    with Client(gateway, key) as client:
        message = json.dumps({"action": "ping", "_pingId": 1})
        client.send(message + " " * ((1 << 20) - len(message)))
        assert client.reply()["_pingId"] == 1


def test_a_close_is_answered_with_its_code(gateway):
    with RawClient(gateway) as client:
        client.send(client.frame(8, struct.pack(">H", 1000) + b"bye"))
        assert client.read_close()[0] == 1000
        assert client.read_all() == b""
