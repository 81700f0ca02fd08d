"""The state of the feeds: on port 8765, on the bus, in acknowledgements and on the command line."""

import json
import time

import pytest
import zmq
from client import Client
from gateway import Gateway, free_port, wait_until
from test_feeds import broker, settings, write_token

KEYS = [
    "type", "broker", "state", "reason", "age_ms", "timestamp", "since", "used", "limit", "sockets", "silent",
    "reconnects",
]  # fmt: skip
STATES = {
    "connecting", "authenticating", "subscribing", "live", "quiet", "stale", "reconnecting", "authFailed", "closed",
}  # fmt: skip
USABLE = {"live", "quiet"}
REASONS = {"", "stall", "network", "auth", "serverClose", "limit"}
# Heartbeats come every 10 s on the port and every 5 s on the bus.
HEARTBEAT_SECONDS = 30
RECOVERY_SECONDS = 90


@pytest.fixture(scope="module")
def own_gateway(tmp_path_factory):
    """A gateway with a feed that tests can bring up: the bus, which is live with the first tick that it takes."""
    ingest = f"tcp://127.0.0.1:{free_port()}"
    running = Gateway(tmp_path_factory.mktemp("status"), {"bus.ingest": ingest}).start()
    running.ingest = ingest
    running.key = running.add_key()
    yield running
    running.stop()


@pytest.fixture
def client(own_gateway):
    with Client(own_gateway, own_gateway.key) as one:
        yield one


def brokers(client):
    return client.request({"action": "get_supported_brokers"})["brokers"]


def subscribe(client, names):
    """Subscribes; the states that follow at once, by feed."""
    reply = client.request({"action": "subscribe_feed_status", "request_id": "fs"})
    assert reply == {
        "type": "subscribe_feed_status",
        "status": "success",
        "message": "Subscribed to feed status",
        "request_id": "fs",
    }
    states = [client.reply() for _ in names]
    assert [one["broker"] for one in states] == names
    return {one["broker"]: one for one in states}


def state_of(client, name, accepted, seconds=HEARTBEAT_SECONDS):
    """The next message about the feed with such a state."""
    deadline = time.monotonic() + seconds
    while True:
        message = client.reply(max(0.1, deadline - time.monotonic()))
        assert message["type"] == "feed_status", message
        if message["broker"] == name and message["state"] in accepted:
            return message


def check_shape(message):
    assert list(message) == [key for key in KEYS if key in message], message
    assert set(KEYS) - set(message) <= {"age_ms", "since"}, message
    assert message["state"] in STATES and message["reason"] in REASONS, message
    for key in ("timestamp", "used", "limit", "sockets", "silent", "reconnects"):
        assert type(message[key]) is int and message[key] >= 0, message
    assert abs(message["timestamp"] / 1000 - time.time()) < 60


def test_every_feed_comes_at_once_and_as_a_heartbeat(client):
    names = brokers(client)
    client.subscribe("RELIANCE", mode=1)
    client.tick("RELIANCE")
    states = subscribe(client, names)
    for message in states.values():
        check_shape(message)
    simulated = states[names[0]]
    assert simulated["state"] in USABLE and simulated["reason"] == ""
    assert type(simulated["age_ms"]) is int and simulated["age_ms"] >= 0
    seen = set()
    while seen != set(names):
        message = client.reply(HEARTBEAT_SECONDS)
        check_shape(message)
        seen.add(message["broker"])


def test_a_change_is_told_and_only_to_those_who_asked(own_gateway, client):
    names = brokers(client)
    assert names[-1] == "bus"
    with Client(own_gateway, own_gateway.key) as bystander, Client(own_gateway, own_gateway.key) as ended:
        subscribe(ended, names)
        ended.send({"action": "unsubscribe_feed_status"})
        while (reply := ended.reply())["type"] == "feed_status":
            pass
        assert reply == {
            "type": "unsubscribe_feed_status",
            "status": "success",
            "message": "Unsubscribed from feed status",
        }
        first = subscribe(client, names)["bus"]
        with zmq.Context.instance().socket(zmq.PUB) as publisher:
            publisher.setsockopt(zmq.LINGER, 0)
            publisher.connect(own_gateway.ingest)
            payload = json.dumps({"symbol": "TCS", "exchange": "NSE", "mode": 1, "ltp": 4321.5}).encode()

            def is_taken():
                """the gateway takes a tick from the bus"""
                publisher.send_multipart([b"NSE_TCS_LTP", payload])
                feeds = json.loads(own_gateway.command("feeds", "--json").stdout)["feeds"]
                return any(feed["name"] == "bus" and feed["state"] == "live" for feed in feeds)

            wait_until(is_taken)
        if first["state"] != "live":
            assert state_of(client, "bus", {"live"})["age_ms"] >= 0
        for one in (bystander, ended):
            assert one.request({"action": "ping"})["type"] == "pong"


def test_a_token_that_dies_is_told_with_its_cause_until_the_feed_is_back(make_gateway, tmp_path):
    write_token(tmp_path, "first")
    with broker("zerodha", tmp_path, "--fault", "expire@6s") as url:
        gateway = make_gateway(settings("zerodha", url, tmp_path))
        with Client(gateway, gateway.add_key()) as client:
            client.subscribe("RELIANCE", mode=1)
            client.tick("RELIANCE")
            subscribe(client, ["zerodha"])
            # The broker closes first; what it thinks of the token shows with the next attempt.
            failed = state_of(client, "zerodha", {"authFailed"}, RECOVERY_SECONDS)
            check_shape(failed)
            assert failed["reason"] == "auth" and failed["age_ms"] >= 0
            row = json.loads(gateway.command("feeds", "--json").stdout)["feeds"][0]
            assert (row["name"], row["state"], row["reason"]) == ("zerodha", "authFailed", "auth")
            write_token(tmp_path, "second")
            back = state_of(client, "zerodha", USABLE, RECOVERY_SECONDS)
            assert back["reason"] == "" and back["reconnects"] >= 1
            client.fresh("RELIANCE")


def test_a_stranger_must_authenticate_first(own_gateway):
    with Client(own_gateway) as stranger:
        for action in ("subscribe_feed_status", "unsubscribe_feed_status"):
            assert stranger.request({"action": action})["code"] == "NOT_AUTHENTICATED"


class TestUpstreamState:
    def test_an_entry_tells_how_far_it_is_at_the_broker(self, client):
        def state():
            """the instrument is active at the broker"""
            reply = client.subscribe("INFY", mode=2, state=True)
            entry = reply["subscriptions"][0]
            assert list(entry)[-1] == "state" and entry["state"] in ("pending", "active"), entry
            return entry["state"] == "active"

        state()
        client.fresh("INFY")
        wait_until(state)

    def test_a_failed_entry_is_rejected(self, client):
        reply = client.request(
            {
                "action": "subscribe",
                "symbols": [{"symbol": "NOSUCH", "exchange": "NSE"}, {"symbol": "SBIN", "exchange": "NSE"}],
                "state": True,
            }
        )
        first, second = reply["subscriptions"]
        assert first["status"] == "error" and first["state"] == "rejected"
        assert second["status"] == "success" and second["state"] in ("pending", "active")

    @pytest.mark.parametrize("more", [{}, {"state": False}, {"state": 1}, {"state": "true"}, {"state": None}])
    def test_without_asking_the_entry_is_the_plain_one(self, client, more):
        entry = client.subscribe("TCS", mode=1, **more)["subscriptions"][0]
        assert list(entry) == ["symbol", "exchange", "status", "mode", "depth", "broker"]


class TestBus:
    def test_the_state_of_a_feed_has_its_topic(self, own_gateway, client):
        name = brokers(client)[0]
        with zmq.Context.instance().socket(zmq.SUB) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(f"tcp://127.0.0.1:{own_gateway.bus_port}")
            socket.subscribe(f"STATUS_{name}_FEED")
            for _ in range(2):
                assert socket.poll(HEARTBEAT_SECONDS * 1000), "no heartbeat on the bus"
                topic, payload = socket.recv_multipart()
                assert topic.decode() == f"STATUS_{name}_FEED"
                message = json.loads(payload)
                check_shape(message)
                assert message["type"] == "feed_status" and message["broker"] == name
                assert message["state"] in USABLE


class TestCommand:
    def test_the_json_has_a_row_per_feed(self, own_gateway, client):
        client.subscribe("RELIANCE", mode=1)
        client.fresh("RELIANCE")
        done = own_gateway.command("feeds", "--json")
        assert done.returncode == 0, done.stderr
        feeds = json.loads(done.stdout)["feeds"]
        assert [feed["name"] for feed in feeds] == brokers(client)
        simulated = feeds[0]
        assert simulated["state"] in USABLE and simulated["reason"] == ""
        assert simulated["used"] >= 1 and simulated["sockets"] >= 1 and simulated["age_ms"] >= 0
        assert {"since", "limit", "silent", "reconnects", "rejected"} <= set(simulated)

    def test_the_table_has_a_header_and_a_row_per_feed(self, own_gateway, client):
        done = own_gateway.command("feeds")
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[0].split() == [
            "FEED", "STATE", "REASON", "SINCE", "AGE", "SYMBOLS", "SOCKETS", "SILENT", "RECONNECTS", "TOKEN",
            "REJECTED",
        ]  # fmt: skip
        assert [line.split()[0] for line in lines[1:]] == brokers(client)

    def test_without_a_gateway_it_says_so(self, make_gateway):
        done = make_gateway(start=False).command("feeds")
        assert done.returncode == 69 and "no gateway runs" in done.stderr
