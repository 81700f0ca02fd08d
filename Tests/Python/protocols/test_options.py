"""What a subscription may ask for beyond the OpenAlgo contract, over the real gateway."""

import time

import pytest
from client import Client


@pytest.fixture
def client(gateway, key):
    with Client(gateway, key, user_agent_header="options") as client:
        yield client


def own_row(gateway):
    return next(row for row in gateway.clients()["clients"] if row["agent"] == "options")


def test_a_snapshot_is_the_last_value_at_once(client):
    client.subscribe("TCS", mode=2)
    last = client.tick("TCS", 2)
    client.request({"action": "unsubscribe", "symbol": "TCS", "exchange": "NSE", "mode": 2})
    asked = time.time() * 1000
    client.ticks.clear()
    client.subscribe("TCS", mode=2, snapshot=True, seq=True)
    snapshot = client.tick("TCS", 2)
    assert snapshot["snapshot"] is True and snapshot["seq"] >= 1 and list(snapshot)[-2:] == ["snapshot", "age_ms"]
    assert snapshot["data"]["timestamp"] >= last["data"]["timestamp"]
    assert abs(asked - snapshot["data"]["timestamp"] - snapshot["age_ms"]) < 10_000
    follower = client.tick("TCS", 2)
    assert "snapshot" not in follower and follower["seq"] == snapshot["seq"] + 1


def test_without_asking_nothing_is_flagged(client):
    client.subscribe("INFY", mode=1)
    assert list(client.tick("INFY", 1)) == ["type", "symbol", "exchange", "mode", "data", "broker"]


def test_a_rate_bounds_the_updates_and_loses_no_last_value(gateway, client):
    reply = client.subscribe("TCS", mode=1, max_rate=4, seq=True)
    assert reply["max_rate"] == 4
    began = time.monotonic()
    ticks = client.collect(3)
    elapsed = time.monotonic() - began
    assert 2 <= len(ticks) <= 4 * elapsed + 2
    sequences = [tick["seq"] for tick in ticks]
    assert sequences == sorted(set(sequences)) and sequences[-1] - sequences[0] > len(sequences)
    assert own_row(gateway)["conflated"] > 0
    client.subscribe("TCS", mode=1, seq=True)
    client.tick("TCS", 1)
    sequences = [client.tick("TCS", 1)["seq"] for _ in range(50)]
    assert sequences == list(range(sequences[0], sequences[0] + 50))


@pytest.mark.parametrize("policy", ["every", "conflate", "disconnect", "paced"])
def test_the_policy_is_echoed_and_shown(gateway, client, policy):
    assert client.subscribe("TCS", policy=policy)["policy"] == policy
    assert own_row(gateway)["policy"] == policy
    client.fresh("TCS")


@pytest.mark.parametrize(
    "option", [{"max_rate": 0}, {"max_rate": "fast"}, {"max_rate": 5000}, {"policy": "best"}, {"policy": 4}]
)
def test_options_without_sense_are_refused(gateway, client, option):
    reply = client.request({"action": "subscribe", "symbol": "TCS", "exchange": "NSE"} | option)
    assert reply["status"] == "error" and reply["code"] == "INVALID_PARAMETERS"
    assert own_row(gateway)["subscriptions"] == 0


def test_a_pattern_stands_for_many(gateway, client):
    reply = client.request({"action": "subscribe", "symbol": "NIFTY*CE", "exchange": "NFO", "mode": 1})
    entry = reply["subscriptions"][0]
    assert reply["status"] == "success" and entry["symbol"] == "NIFTY*CE" and entry["matched"] > 1
    assert own_row(gateway)["subscriptions"] == entry["matched"]
    symbols = {client.tick(mode=1)["symbol"] for _ in range(30)}
    assert len(symbols) > 1 and all(name.startswith("NIFTY") and name.endswith("CE") for name in symbols)
    client.request({"action": "unsubscribe", "symbol": "NIFTY*CE", "exchange": "NFO", "mode": 1})
    assert own_row(gateway)["subscriptions"] == 0


def test_a_pattern_that_fits_nothing_fails(client):
    reply = client.request({"action": "subscribe", "symbol": "ZZ*", "exchange": "NFO"})
    assert reply["status"] == "partial" and reply["subscriptions"][0]["status"] == "error"
