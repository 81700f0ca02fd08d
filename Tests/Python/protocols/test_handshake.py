"""HTTP side of port 8765: the upgrade, and what is no upgrade."""

import pytest
from client import Client, RawClient


@pytest.mark.parametrize("path", ["/", "/ws", "/any/path", "/ws?x=1&y=2"])
def test_every_path_and_query_is_taken(gateway, path):
    with Client(gateway, path=path) as client:
        assert client.request({"action": "ping"})["type"] == "pong"


def test_origin_and_subprotocol_are_not_in_the_way(gateway):
    with Client(gateway, origin="https://example.org", subprotocols=["graphql-ws"]) as client:
        assert client.socket.subprotocol is None
        assert client.request({"action": "ping"})["type"] == "pong"


def test_a_client_that_offers_compression_is_served(gateway, key):
    with Client(gateway, key, compression="deflate") as client:
        client.subscribe("SBIN", mode=1)
        assert client.tick("SBIN")["data"]["ltp"] > 0


def test_the_upgrade_reply_is_short_and_nothing_follows_it(gateway):
    with RawClient(gateway) as client:
        assert client.head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert len(client.head) + 4 < 1023
        assert b"sec-websocket-protocol" not in client.head.lower()
        client.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.socket.recv(1)


def test_a_handshake_may_come_byte_by_byte_with_the_first_frame_behind_it(gateway):
    with RawClient(gateway, upgrade=False) as client:
        for byte in client.upgrade_request() + client.text({"action": "ping", "_pingId": 1}):
            client.send(bytes([byte]))
        assert client.read_head().startswith(b"HTTP/1.1 101 ")
        assert client.read_json()["_pingId"] == 1


def test_a_plain_get_is_told_to_upgrade(gateway):
    with RawClient(gateway, upgrade=False) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head, body = client.read_all().split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 426 ")
        assert b"upgrade: websocket" in head.lower()
        assert body.strip()


def test_a_wrong_version_is_refused_with_the_right_one(gateway):
    with RawClient(gateway, upgrade=False) as client:
        client.send(client.upgrade_request(version="8"))
        head = client.read_all().split(b"\r\n\r\n", 1)[0]
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"sec-websocket-version: 13" in head.lower()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"H%d: x\r\n" % i for i in range(500)) + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["blank", "tls", "bare-newline", "long-header", "many-headers", "post"],
)
def test_what_is_no_upgrade_is_answered_or_closed(gateway, request_bytes):
    with RawClient(gateway, upgrade=False) as client:
        client.send(request_bytes)
        try:
            answer = client.read_all()
        except ConnectionResetError:
            return
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:100]


def test_a_refused_handshake_disturbs_nobody(gateway, key):
    with Client(gateway, key) as client:
        client.subscribe("TCS", mode=1)
        client.tick("TCS")
        for _ in range(20):
            with RawClient(gateway, upgrade=False) as other:
                other.send(b"GET / HTTP/1.1\r\n\r\n\x00\xff")
        assert client.fresh("TCS")
