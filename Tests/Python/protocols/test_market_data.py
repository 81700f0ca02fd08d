"""What ticks look like on port 8765: keys, types, modes, sequence."""

import json
import math
import socket
import subprocess
import time

import pytest
from client import Client, RawClient
from gateway import BINARY, clean_environment

HEAD = ["symbol", "exchange", "mode", "ltp"]
OHLC = ["open", "high", "low", "close"]
INTEGERS = {
    "timestamp", "ltt", "mode", "volume", "last_trade_quantity", "last_quantity", "total_buy_quantity",
    "total_sell_quantity", "oi", "depth_level", "bid_size", "ask_size",
}  # fmt: skip
NUMBERS = {
    "ltp", "open", "high", "low", "close", "average_price", "avg_trade_price", "change", "change_percent",
    "upper_circuit", "lower_circuit", "bid_price", "ask_price",
}  # fmt: skip
FRAME_BYTES_MAX = 16_000


class Literal(str):
    """A number as it stood in the text, so that 5 and 5.0 are told apart."""


def check_data(data, symbol, exchange, mode):
    """Keys and types that hold for every tick."""
    assert list(data)[: len(HEAD)] == HEAD
    assert (data["symbol"], data["exchange"], data["mode"]) == (symbol, exchange, mode)
    assert data["ltp"] > 0
    for name, value in data.items():
        if name in INTEGERS:
            assert type(value) is int, (name, value)
        elif name in NUMBERS:
            assert type(value) in (int, float) and math.isfinite(value), (name, value)
        else:
            assert name in {"symbol", "exchange", "depth"}, f"a field nobody knows: {name}"
    assert abs(data["timestamp"] - time.time() * 1000) < 60_000
    if "ltt" in data:
        assert 1_500_000_000_000 < data["ltt"] < 4_000_000_000_000


@pytest.fixture
def client(gateway, key):
    with Client(gateway, key) as one:
        yield one


class TestShapes:
    def test_the_envelope_comes_in_its_order_with_no_blank_or_null(self, gateway, key):
        with RawClient(gateway) as client:
            client.send(client.text({"action": "authenticate", "api_key": key}))
            client.send(client.text({"action": "subscribe", "symbol": "INFY", "exchange": "NSE", "mode": 3}))
            seen = 0
            while seen < 20:
                first, payload = client.read_frame()
                assert first == 0x81 and len(payload) <= FRAME_BYTES_MAX
                if not payload.startswith(b'{"type":"market_data"'):
                    continue
                seen += 1
                assert payload.startswith(b'{"type":"market_data","symbol":"INFY","exchange":"NSE","mode":3,"data":{')
                assert payload.isascii() and b"null" not in payload and b"NaN" not in payload
                assert list(json.loads(payload)) == ["type", "symbol", "exchange", "mode", "data", "broker"]

    def test_ltp_carries_the_price_and_nothing_of_the_higher_modes(self, client):
        client.subscribe("INFY", mode=1)
        for _ in range(10):
            tick = client.tick("INFY", 1)
            check_data(tick["data"], "INFY", "NSE", 1)
            assert set(tick["data"]) <= {"symbol", "exchange", "mode", "ltp", "ltt", "timestamp"}

    def test_quote_carries_the_day(self, client):
        client.subscribe("INFY", mode=2)
        for _ in range(10):
            data = client.tick("INFY", 2)["data"]
            check_data(data, "INFY", "NSE", 2)
            assert "depth" not in data
            for name in [*OHLC, "volume", "average_price", "total_buy_quantity", "total_sell_quantity"]:
                assert name in data
            assert data["low"] <= data["ltp"] <= data["high"]
            assert data["low"] <= data["open"] <= data["high"]
            assert data["last_quantity"] == data["last_trade_quantity"]
            assert data["average_price"] == data["avg_trade_price"]
            assert data["change"] == pytest.approx(data["ltp"] - data["close"], abs=1e-9)
            percent = (data["ltp"] - data["close"]) / data["close"] * 100
            assert data["change_percent"] == pytest.approx(percent, abs=0.0051)

    def test_depth_carries_five_levels_a_side_best_first(self, client):
        client.subscribe("INFY", mode=3)
        for _ in range(10):
            data = client.tick("INFY", 3)["data"]
            check_data(data, "INFY", "NSE", 3)
            assert set(OHLC) <= set(data) and data["depth_level"] == 5
            buy, sell = data["depth"]["buy"], data["depth"]["sell"]
            assert len(buy) == len(sell) == 5
            for level in buy + sell:
                assert set(level) == {"price", "quantity", "orders"}
                assert type(level["quantity"]) is type(level["orders"]) is int and level["quantity"] < 2**31
            bids = [level["price"] for level in buy if level["quantity"]]
            asks = [level["price"] for level in sell if level["quantity"]]
            assert bids == sorted(bids, reverse=True) and asks == sorted(asks)
            assert bids[0] < asks[0]

    def test_integers_have_no_decimal_point_and_nothing_is_quoted(self, gateway, key):
        with RawClient(gateway) as client:
            client.send(client.text({"action": "authenticate", "api_key": key}))
            client.send(client.text({"action": "subscribe", "symbol": "TCS", "exchange": "NSE", "mode": 3}))
            payload = b""
            while not payload.startswith(b'{"type":"market_data"'):
                _, payload = client.read_frame()
            data = json.loads(payload, parse_int=Literal, parse_float=Literal)["data"]
            for name in INTEGERS & set(data):
                assert data[name].lstrip("-").isdigit(), (name, data[name])
            for level in data["depth"]["buy"]:
                assert level["quantity"].isdigit() and level["orders"].isdigit()

    @pytest.mark.parametrize(
        ("symbol", "exchange"), [("NIFTY", "NSE_INDEX"), ("BANKNIFTY", "NSE_INDEX"), ("SENSEX", "BSE_INDEX")]
    )
    def test_an_index_has_prices_and_no_book(self, client, symbol, exchange):
        for mode in (1, 2):
            client.subscribe(symbol, exchange, mode)
        ltp, quote = client.tick(symbol, 1), client.tick(symbol, 2)
        check_data(ltp["data"], symbol, exchange, 1)
        check_data(quote["data"], symbol, exchange, 2)
        assert quote["data"]["volume"] == 0 and quote["data"]["close"] > 0

    def test_names_with_special_characters_come_back_as_they_are(self, client):
        for symbol in ["M&M", "BAJAJ-AUTO"]:
            client.subscribe(symbol, mode=1)
            assert client.tick(symbol)["data"]["symbol"] == symbol

    def test_a_future_has_open_interest(self, gateway, client, tmp_path):
        symbol = future(tmp_path)
        client.subscribe(symbol, "NFO", 3)
        data = client.tick(symbol, 3)["data"]
        check_data(data, symbol, "NFO", 3)
        assert data["oi"] > 0


def future(directory):
    """Common symbol of a stock or index future of the simulated exchange."""
    path = directory / "instruments.csv"
    process = subprocess.Popen(
        [str(BINARY), "sim", "--instruments-file", str(path)],
        cwd=directory, env=clean_environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline().startswith("simulated exchange: ws://")
        header, *rows = [line.split(",") for line in path.read_text().splitlines()]
        for row in rows:
            values = dict(zip(header, row))
            if values["segment"] == "NFO-FUT":
                expiry = time.strptime(values["expiry"], "%Y-%m-%d")
                return values["name"].strip('"') + time.strftime("%d%b%y", expiry).upper() + "FUT"
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
    raise AssertionError("the simulated exchange has no futures")


class TestModes:
    def test_each_mode_of_one_client_gets_its_own_message(self, client):
        for mode in (1, 2, 3):
            client.subscribe("SBIN", mode=mode)
        client.collect(0.5)
        ticks = client.collect(1.5)
        counts = {mode: sum(tick["mode"] == mode for tick in ticks) for mode in (1, 2, 3)}
        assert min(counts.values()) > 0 and max(counts.values()) - min(counts.values()) <= 1, counts
        for tick in ticks:
            assert tick["data"]["mode"] == tick["mode"]
            assert ("depth" in tick["data"]) == (tick["mode"] == 3)

    def test_a_lower_mode_hears_every_tick_of_a_higher_one(self, gateway, key, client):
        """Upstream runs in the highest mode that anybody wants; the LTP client must not lose by it."""
        with Client(gateway, key) as other:
            client.subscribe("HDFCBANK", mode=1)
            client.tick("HDFCBANK")
            other.subscribe("HDFCBANK", mode=3)
            other.tick("HDFCBANK", 3)
            tick = client.fresh("HDFCBANK")
            assert tick["mode"] == 1 and "depth" not in tick["data"]

    def test_dropping_the_highest_mode_leaves_the_others_running(self, client):
        client.subscribe("ITC", mode=1)
        client.subscribe("ITC", mode=3)
        client.tick("ITC", 3)
        client.request({"action": "unsubscribe", "symbol": "ITC", "exchange": "NSE", "mode": 3})
        client.collect(0.5)
        ticks = client.collect(1)
        assert ticks and {tick["mode"] for tick in ticks} == {1}

    def test_two_users_get_one_copy_each(self, gateway, key):
        second = gateway.add_key("copies", "meera")
        with Client(gateway, key) as one, Client(gateway, second) as two:
            for client in (one, two):
                client.subscribe("WIPRO", mode=1, seq=True)
            for client in (one, two):
                numbers = [client.tick("WIPRO")["seq"] for _ in range(30)]
                assert numbers == list(range(numbers[0], numbers[0] + 30))


class TestSequence:
    def test_ticks_are_numbered_without_gaps_when_asked(self, client):
        reply = client.subscribe("INFY", mode=3, seq=True)
        epoch, last = reply["epoch"], reply["subscriptions"][0]["seq"]
        assert abs(epoch - time.time() * 1000) < 3600_000
        for _ in range(50):
            tick = client.tick("INFY", 3)
            assert list(tick)[-2:] == ["seq", "epoch"] and tick["epoch"] == epoch
            assert tick["seq"] > last
            if last != reply["subscriptions"][0]["seq"]:
                assert tick["seq"] == last + 1
            last = tick["seq"]

    def test_without_asking_there_is_no_trace_of_it(self, gateway, key, client):
        with Client(gateway, key) as numbered:
            numbered.subscribe("INFY", mode=2, seq=True)
            reply = client.subscribe("INFY", mode=2)
            assert "epoch" not in reply and "seq" not in reply["subscriptions"][0]
            tick = client.tick("INFY")
            assert "seq" not in tick and "epoch" not in tick
            assert "seq" in numbered.tick("INFY")


def test_a_client_that_stops_reading_changes_nothing_for_another(make_gateway):
    gateway = make_gateway({"sim.ticks_per_second": 50_000})
    key = gateway.add_key()
    with Client(gateway, key) as reading:
        with RawClient(gateway, upgrade=False) as stalled:
            stalled.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.send(stalled.upgrade_request())
            stalled.read_head()
            stalled.send(stalled.text({"action": "authenticate", "api_key": key}))
            for mode in (1, 2, 3):
                for symbol in ["RELIANCE", "TCS", "INFY", "SBIN", "HDFCBANK"]:
                    stalled.send(
                        stalled.text({"action": "subscribe", "symbol": symbol, "exchange": "NSE", "mode": mode})
                    )
            reading.subscribe("RELIANCE", mode=1, seq=True)
            time.sleep(3)
            assert reading.fresh("RELIANCE")
