"""Order events on port 8765, and the orders of REST that cause them."""

import pytest
from client import Client

KEYS = [
    "type", "user_id", "mode", "broker", "orderid", "symbol", "exchange", "action", "quantity", "price",
    "trigger_price", "pricetype", "product", "order_status", "filled_quantity", "pending_quantity", "average_price",
    "rejection_reason",
]  # fmt: skip


def order(key, **fields):
    return {
        "apikey": key,
        "strategy": "test",
        "symbol": "RELIANCE",
        "exchange": "NSE",
        "action": "BUY",
        "quantity": 2,
        "pricetype": "MARKET",
        "product": "MIS",
    } | fields


@pytest.fixture
def subscribed(gateway, key):
    with Client(gateway, key) as client:
        client.request({"action": "subscribe_orders"})
        yield client


def test_a_market_order_is_reported_up_to_its_fill(gateway, key, subscribed):
    status, body = gateway.post("placeorder", order(key))
    assert status == 200 and body["status"] == "success" and body["mode"] == "analyze", body
    events = []
    while not events or events[-1]["order_status"] != "complete":
        events.append(subscribed.reply())
        assert events[-1]["type"] == "order_update", events[-1]
    last = events[-1]
    assert list(last) == KEYS
    assert last["orderid"] == body["orderid"] and isinstance(last["orderid"], str)
    assert (last["user_id"], last["mode"], last["broker"]) == ("asha", "analyze", "sandbox")
    assert (last["filled_quantity"], last["pending_quantity"]) == (2, 0)
    assert type(last["quantity"]) is int and last["average_price"] > 0
    for event in events:
        assert event["orderid"] == body["orderid"]


def test_an_order_far_from_the_market_stays_open_and_can_be_cancelled(gateway, key, subscribed):
    status, body = gateway.post("placeorder", order(key, pricetype="LIMIT", price=1, symbol="INFY"))
    assert status == 200, body
    event = subscribed.reply()
    assert (event["orderid"], event["order_status"], event["pending_quantity"]) == (body["orderid"], "open", 2)
    status, done = gateway.post("cancelorder", {"apikey": key, "strategy": "test", "orderid": body["orderid"]})
    assert status == 200 and done["orderid"] == body["orderid"], done
    assert subscribed.reply()["order_status"] == "cancelled"


def test_orders_of_another_user_and_an_ended_subscription_are_not_heard(gateway, key, subscribed):
    other = gateway.add_key("orders-other", "ravi2")
    with Client(gateway, other) as stranger, Client(gateway, key) as ended:
        stranger.request({"action": "subscribe_orders"})
        ended.request({"action": "subscribe_orders"})
        ended.request({"action": "unsubscribe_orders"})
        status, body = gateway.post("placeorder", order(key, pricetype="LIMIT", price=1))
        assert status == 200, body
        assert subscribed.reply()["orderid"] == body["orderid"]
        for client in (stranger, ended):
            assert client.request({"action": "ping"})["type"] == "pong"
        gateway.post("cancelorder", {"apikey": key, "strategy": "test", "orderid": body["orderid"]})
