"""Who may do what on port 8765, and until when."""

import json
import time

import pytest
from client import Client, RawClient
from websockets.exceptions import ConnectionClosed

PROTECTED = [
    {"action": "subscribe", "symbol": "INFY", "exchange": "NSE"},
    {"action": "unsubscribe", "symbol": "INFY", "exchange": "NSE"},
    {"action": "unsubscribe_all"},
    {"type": "unsubscribe_all"},
    {"action": "subscribe_orders"},
    {"action": "unsubscribe_orders"},
    {"action": "get_broker_info"},
]


def error(code, message):
    return {"status": "error", "code": code, "message": message}


def await_close(client, seconds=10):
    """Code and reason with which the server closes."""
    deadline = time.monotonic() + seconds
    with pytest.raises(ConnectionClosed) as closed:
        while time.monotonic() < deadline:
            client.socket.recv(timeout=seconds)
    return closed.value.rcvd.code, closed.value.rcvd.reason


@pytest.mark.parametrize("action", ["authenticate", "auth"])
@pytest.mark.parametrize("envelope", ["action", "type"])
@pytest.mark.parametrize("field", ["api_key", "apikey"])
def test_a_valid_key_is_welcomed_in_every_spelling(gateway, key, action, envelope, field):
    with Client(gateway) as client:
        reply = client.request({envelope: action, field: key})
        broker = reply.pop("broker")
        assert isinstance(broker, str) and broker
        assert reply == {
            "type": "auth",
            "status": "success",
            "message": "Authentication successful",
            "user_id": "asha",
            "supported_features": {"ltp": True, "quote": True, "depth": True},
        }


def test_an_empty_api_key_leaves_the_word_to_apikey(gateway, key):
    with Client(gateway) as client:
        assert client.request({"action": "auth", "api_key": "", "apikey": key})["status"] == "success"
    with Client(gateway) as client:
        reply = client.request({"action": "auth", "api_key": "wrong", "apikey": key})
        assert reply == error("AUTHENTICATION_ERROR", "Invalid API key")


def test_the_reply_comes_alone_and_short(gateway, key):
    """A known client reads it with one receive of 1023 bytes and looks for the word in them."""
    for _ in range(5):
        with RawClient(gateway) as client:
            client.send(client.text({"action": "authenticate", "api_key": key}))
            client.buffer = client.socket.recv(1023)
            assert b"success" in client.buffer
            assert client.read_json()["type"] == "auth" and client.buffer == b""


@pytest.mark.parametrize(
    ("request_body", "message"),
    [
        ({}, "API key is required"),
        ({"api_key": ""}, "API key is required"),
        ({"api_key": None}, "API key is required"),
        ({"api_key": "nope"}, "Invalid API key"),
        ({"api_key": "0" * 64}, "Invalid API key"),
        ({"api_key": "x" * 10_000}, "Invalid API key"),
        ({"api_key": 12345}, "Invalid API key"),
        ({"api_key": {"$ne": 1}}, "Invalid API key"),
    ],
    ids=["missing", "empty", "null", "wrong", "wrong hex", "long", "number", "object"],
)
def test_a_bad_key_is_refused_and_may_be_mended(gateway, key, request_body, message):
    with Client(gateway) as client:
        assert client.request({"action": "authenticate"} | request_body) == error("AUTHENTICATION_ERROR", message)
        assert client.request({"action": "authenticate", "api_key": key})["status"] == "success"


@pytest.mark.parametrize("request_body", PROTECTED, ids=json.dumps)
def test_protected_actions_need_a_key_before_anything_else(gateway, request_body):
    expected = error("NOT_AUTHENTICATED", "You must authenticate first")
    with Client(gateway) as client:
        assert client.request(request_body) == expected
        assert client.request(request_body | {"mode": 99, "request_id": 1}) == expected


def test_open_actions_need_no_key(gateway):
    with Client(gateway) as client:
        assert client.request({"action": "ping"})["type"] == "pong"
        assert client.request({"action": "get_supported_brokers"})["type"] == "supported_brokers"


def test_authentication_and_subscription_may_be_pipelined(gateway, key):
    with Client(gateway) as client:
        client.send({"action": "authenticate", "api_key": key})
        client.send({"action": "subscribe", "symbol": "INFY", "exchange": "NSE", "mode": 1})
        client.send({"action": "ping", "_pingId": 3})
        assert [client.reply()["type"] for _ in range(3)] == ["auth", "subscribe", "pong"]
        assert client.tick("INFY", 1)


def test_authenticating_again_keeps_the_subscriptions(gateway, key):
    with Client(gateway, key) as client:
        client.subscribe("INFY", mode=1)
        assert client.request({"action": "authenticate", "api_key": key})["status"] == "success"
        assert client.fresh("INFY", 1)


def test_the_key_of_another_user_drops_the_subscriptions_of_the_first(gateway, key):
    other = gateway.add_key("second", "ravi")
    with Client(gateway, key) as client:
        client.subscribe("INFY", mode=1)
        client.tick("INFY")
        assert client.request({"action": "authenticate", "api_key": other})["user_id"] == "ravi"
        assert client.request({"action": "unsubscribe_all"})["successful"] == []
        client.collect(0.3)
        assert client.collect(0.5) == []


def test_a_connection_without_a_key_is_closed_in_time_whatever_it_does(make_gateway):
    gateway = make_gateway({"ws.auth_seconds": 2})
    key = gateway.add_key()
    with Client(gateway) as idle, Client(gateway) as busy, Client(gateway, key) as known:
        started = time.monotonic()
        busy.request({"action": "authenticate", "api_key": "wrong"})
        while time.monotonic() < started + 1.2:
            busy.request({"action": "ping"})
            busy.socket.ping().wait(5)
            time.sleep(0.2)
        assert await_close(idle) == (4401, "auth timeout")
        assert await_close(busy) == (4401, "auth timeout")
        assert time.monotonic() - started > 1.5
        assert known.request({"action": "ping"})["type"] == "pong"


def test_keys_cannot_be_guessed_without_end(make_gateway):
    gateway = make_gateway({"ws.auth_attempts_max": 3})
    with Client(gateway) as client:
        for _ in range(3):
            assert client.request({"action": "auth", "api_key": "guess"})["code"] == "AUTHENTICATION_ERROR"
        assert await_close(client)[0] == 1008


def test_a_revoked_key_closes_its_connections_at_once_and_no_others(make_gateway):
    gateway = make_gateway()
    first, second = gateway.add_key("lost", "asha"), gateway.add_key("kept", "asha")
    with Client(gateway, first) as lost, Client(gateway, second) as kept:
        done = gateway.command("keys", "revoke", "lost")
        assert done.returncode == 0, done.stderr
        assert await_close(lost)[0] == 4403
        assert kept.request({"action": "ping"})["type"] == "pong"
        assert gateway.post("funds", {"apikey": first})[0] == 403
        assert gateway.post("funds", {"apikey": second})[0] == 200
        with Client(gateway) as again:
            reply = again.request({"action": "authenticate", "api_key": first})
            assert reply == error("AUTHENTICATION_ERROR", "Invalid API key")


def test_the_server_pings_and_closes_who_does_not_answer(make_gateway):
    gateway = make_gateway({"ws.ping_seconds": 1, "ws.pong_seconds": 1})
    key = gateway.add_key()
    with RawClient(gateway) as silent, Client(gateway, key) as answering:
        silent.send(silent.text({"action": "authenticate", "api_key": key}))
        assert silent.read_json()["type"] == "auth"
        first, payload = silent.read_frame()
        assert (first, len(payload)) == (0x89, 4)
        assert silent.read_close()[0] == 1011
        assert answering.request({"action": "ping"})["type"] == "pong"


def test_a_stopping_gateway_says_so(make_gateway):
    gateway = make_gateway()
    key = gateway.add_key()
    with Client(gateway, key) as client, Client(gateway) as anonymous:
        client.subscribe("RELIANCE", mode=3)
        assert gateway.stop() == 0
        assert await_close(client)[0] == 1001
        assert await_close(anonymous)[0] == 1001
