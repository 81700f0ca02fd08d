"""permessage-deflate as the `websockets` library offers it by default, over the real gateway."""

import json

from client import Client, RawClient

SAME = ("symbol", "exchange", "mode", "seq", "data")


def extensions(client):
    return [extension.name for extension in client.socket.protocol.extensions]


def row(gateway, agent):
    return next(row for row in gateway.clients()["clients"] if row["agent"] == agent)


def test_a_client_with_compression_sees_the_same_ticks(gateway, key):
    with (
        Client(gateway, key, compression="deflate", user_agent_header="small") as small,
        Client(gateway, key, user_agent_header="plain") as plain,
    ):
        assert extensions(small) == ["permessage-deflate"] and extensions(plain) == []
        for client in (small, plain):
            client.subscribe("TCS", mode=3, seq=True)
        seen = []
        for client in (plain, small):
            ticks = [client.tick("TCS", 3) for _ in range(200)]
            seen.append({tick["seq"]: [tick[name] for name in SAME] for tick in ticks})
        common = seen[0].keys() & seen[1].keys()
        assert len(common) > 100 and all(seen[0][seq] == seen[1][seq] for seq in common)
        assert row(gateway, "small")["format"] == "json+deflate" and row(gateway, "plain")["format"] == "json"
        # The library compresses what it sends; a long request is taken like any other.
        reply = small.request({"action": "ping", "_pingId": "x" * 5000})
        assert reply["_pingId"] == "x" * 5000


def test_depth_is_compressed_on_the_wire(gateway, key):
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    with RawClient(gateway, extra=offer, key=key) as client:
        assert b"permessage-deflate" in client.head
        client.send(client.text({"action": "subscribe", "symbol": "TCS", "exchange": "NSE", "mode": 3}))
        client.read_json()
        frames = [client.read_frame() for _ in range(50)]
        assert all(first == 0xC1 for first, _ in frames)
        assert max(len(payload) for _, payload in frames) < 700


def test_a_window_that_is_too_small_is_declined(gateway):
    offer = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n"
    with RawClient(gateway, extra=offer) as client:
        assert b"permessage-deflate" not in client.head
        client.send(client.text({"action": "ping"}))
        assert client.read_json()["type"] == "pong"


def test_the_setting_declines_it(make_gateway):
    gateway = make_gateway({"ws.deflate_clients_max": 0})
    with Client(gateway, gateway.add_key(), compression="deflate") as client:
        assert extensions(client) == []
        client.subscribe("TCS")
        assert json.dumps(client.tick("TCS"))
