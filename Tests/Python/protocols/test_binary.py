"""The binary stream over the real gateway, read by the example program's own decoder."""

import importlib.util
import json
import subprocess
import sys
import time

import pytest
from client import WAIT_SECONDS
from gateway import ROOT, clean_environment
from websockets.sync.client import connect

EXAMPLE = ROOT / "examples" / "binary_ticks.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("binary_ticks", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def next_records(socket, example):
    """Records of the next binary message; text in between is told by its type."""
    message = socket.recv(timeout=WAIT_SECONDS)
    return [json.loads(message)] if isinstance(message, str) else list(example.records(message))


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_definitions_come_before_ticks_and_replies_stay_text(gateway, key, example, mode):
    with connect(gateway.ws_url, subprotocols=["tickgate.v1"], compression=None) as socket:
        assert socket.subprotocol == "tickgate.v1"
        opening = next_records(socket, example)
        assert [record["type"] for record in opening] == ["hello", "feed"] and opening[1]["name"] == "sim"
        assert opening[0]["version"] == 1
        socket.send(json.dumps({"action": "authenticate", "api_key": key}))
        assert next_records(socket, example)[0]["type"] == "auth"
        symbols = [{"symbol": name, "exchange": "NSE"} for name in ("TCS", "RELIANCE")]
        socket.send(json.dumps({"action": "subscribe", "symbols": symbols, "mode": mode}))
        assert next_records(socket, example)[0]["type"] == "subscribe"
        names, ticks = {}, []
        while len(ticks) < 100:
            for record in next_records(socket, example):
                if record["type"] == "instrument":
                    names[record["id"]] = record["symbol"]
                else:
                    assert record["type"] == {1: "ltp", 2: "quote", 3: "depth"}[mode] and record["id"] in names
                    ticks.append(record)
        assert set(names.values()) == {"TCS", "RELIANCE"}
        now = time.time()
        for tick in ticks:
            assert tick["ltp"] > 0 and abs(tick["received_time"] / 1e9 - now) < 60
            assert ("bids" in tick) == (mode == 3) and ("volume" in tick) == (mode > 1)
        for number in names:
            sequences = [tick["sequence"] for tick in ticks if tick["id"] == number]
            assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))


def test_a_snapshot_has_its_age(gateway, key, example):
    with connect(gateway.ws_url, subprotocols=["tickgate.v1"], compression=None) as socket:
        next_records(socket, example)
        socket.send(json.dumps({"action": "authenticate", "api_key": key}))
        next_records(socket, example)
        request = {"action": "subscribe", "symbol": "INFY", "exchange": "NSE", "mode": 1}
        socket.send(json.dumps(request))
        while not any("ltp" in record for record in next_records(socket, example)):
            pass
        socket.send(json.dumps(request | {"snapshot": True}))
        for _ in range(1000):
            flagged = [record for record in next_records(socket, example) if "age_ms" in record]
            if flagged:
                assert flagged[0]["type"] == "ltp" and flagged[0]["age_ms"] < 60_000
                return
        raise AssertionError("no snapshot")


def test_another_subprotocol_is_not_agreed_to(gateway):
    with connect(gateway.ws_url, subprotocols=["tickgate.v2"], compression=None) as socket:
        assert socket.subprotocol is None


def test_the_example_program_prints_ticks(gateway, key):
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE), gateway.ws_url, "NSE:RELIANCE", "NSE:TCS"],
        env=clean_environment(TICKGATE_KEY=key), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        lines = [process.stdout.readline() for _ in range(40)]
    finally:
        process.kill()
        process.wait(WAIT_SECONDS)
        process.stdout.close()
    assert '"type":"auth"' in lines[0] and '"type":"subscribe"' in lines[1]
    ticks = [line.split() for line in lines[2:]]
    assert {words[1] for words in ticks} == {"RELIANCE", "TCS"}
    for words in ticks:
        assert words[0] == "NSE" and float(words[2]) > 0 and words[3] == "volume" and int(words[4]) >= 0
