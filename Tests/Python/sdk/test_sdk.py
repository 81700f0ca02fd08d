"""The openalgo Python SDK, as published, against the gateway: nothing of it is changed or faked."""

import subprocess
import sys
import threading
from importlib.metadata import version

import pytest
from gateway import ROOT, clean_environment, wait_until
from openalgo import api

VERSION = tuple(int(part) for part in version("openalgo").split("."))
RELIANCE = {"exchange": "NSE", "symbol": "RELIANCE"}
TCS = {"exchange": "NSE", "symbol": "TCS"}
NIFTY = {"exchange": "NSE_INDEX", "symbol": "NIFTY"}
WATCHED = [RELIANCE, TCS]
since_two = pytest.mark.skipif(VERSION < (2,), reason="new in 2.x of the SDK")


class Heard(list):
    """What a callback was called with."""

    def of(self, symbol):
        return [one for one in self if one["symbol"] == symbol]

    def wait(self, symbol, count=3, seconds=15):
        wait_until(lambda: len(self.of(symbol)) >= count, seconds)
        return self.of(symbol)


def make(gateway, key, **options):
    return api(api_key=key, host=gateway.http_url, ws_url=gateway.ws_url, **options)


@pytest.fixture
def client(gateway, key):
    one = make(gateway, key)
    assert one.connect(), gateway.log
    yield one
    one.disconnect()


class TestFeed:
    def test_connecting_with_a_wrong_key_fails(self, gateway):
        one = make(gateway, "wrong")
        assert not one.connect()
        one.disconnect()

    def test_ltp_by_callback_and_by_polling(self, client):
        heard = Heard()
        assert client.subscribe_ltp([*WATCHED, NIFTY], on_data_received=heard.append)
        for symbol, exchange in [("RELIANCE", "NSE"), ("TCS", "NSE"), ("NIFTY", "NSE_INDEX")]:
            tick = heard.wait(symbol)[-1]
            assert (tick["type"], tick["exchange"], tick["mode"]) == ("market_data", exchange, 1)
            assert tick["data"]["ltp"] > 0 and type(tick["data"]["timestamp"]) is int
        polled = client.get_ltp()["ltp"]
        assert polled["NSE"]["RELIANCE"]["ltp"] > 0 and polled["NSE_INDEX"]["NIFTY"]["timestamp"] > 0
        assert list(client.get_ltp("NSE", "TCS")["ltp"]["NSE"]) == ["TCS"]

    def test_quotes_by_callback_and_by_polling(self, client):
        heard = Heard()
        assert client.subscribe_quote(WATCHED, on_data_received=heard.append)
        data = heard.wait("RELIANCE")[-1]["data"]
        assert heard.of("RELIANCE")[-1]["mode"] == 2
        assert 0 < data["low"] <= data["ltp"] <= data["high"] and data["close"] > 0
        assert data["volume"] > 0 and data["avg_trade_price"] > 0 and data["last_trade_quantity"] > 0
        assert data["change"] == pytest.approx(data["ltp"] - data["close"], abs=1e-9)
        polled = client.get_quotes()["quote"]["NSE"]["RELIANCE"]
        assert polled["ltp"] > 0 and polled["volume"] >= data["volume"]

    def test_depth_by_callback_and_by_polling(self, client):
        heard = Heard()
        assert client.subscribe_depth(WATCHED, on_data_received=heard.append)
        data = heard.wait("TCS")[-1]["data"]
        assert data["ltp"] > 0 and len(data["depth"]["buy"]) == len(data["depth"]["sell"]) == 5
        polled = client.get_depth()["depth"]["NSE"]["TCS"]
        assert list(polled["buyBook"]) == list(polled["sellBook"]) == ["1", "2", "3", "4", "5"]
        assert 0 < polled["buyBook"]["1"]["price"] < polled["sellBook"]["1"]["price"]
        assert polled["buyBook"]["1"]["qty"] > 0 and polled["buyBook"]["1"]["orders"] > 0

    def test_all_modes_of_one_symbol_go_on_side_by_side(self, client):
        ltp, quote, depth = Heard(), Heard(), Heard()
        client.subscribe_ltp([RELIANCE], on_data_received=ltp.append)
        client.subscribe_quote([RELIANCE], on_data_received=quote.append)
        client.subscribe_depth([RELIANCE], on_data_received=depth.append)
        for heard in (depth, quote, ltp):
            heard.clear()
            heard.wait("RELIANCE")

    @pytest.mark.parametrize("mode", ["ltp", "quote", "depth"])
    def test_unsubscribing_ends_the_ticks_of_that_mode_only(self, client, mode):
        heard, other = Heard(), Heard()
        other_mode = "quote" if mode == "ltp" else "ltp"
        assert getattr(client, f"subscribe_{mode}")([TCS], on_data_received=heard.append)
        assert getattr(client, f"subscribe_{other_mode}")([TCS], on_data_received=other.append)
        heard.wait("TCS")
        assert getattr(client, f"unsubscribe_{mode}")([TCS])
        wait = threading.Event()
        # The library hands over what it has queued first, which takes a while on a busy machine.
        for _ in range(20):
            heard.clear()
            wait.wait(1)
            if heard == []:
                break
        heard.clear()
        other.clear()
        other.wait("TCS", count=5)
        assert heard == []

    def test_an_unknown_symbol_does_not_disturb_the_known(self, client):
        heard = Heard()
        client.subscribe_ltp([{"exchange": "NSE", "symbol": "NOPE"}, RELIANCE], on_data_received=heard.append)
        heard.wait("RELIANCE")
        assert heard.of("NOPE") == []

    def test_the_client_comes_back_after_a_restart_of_the_gateway(self, make_gateway):
        """2.x does so by itself and replays its subscriptions; 1.x connects anew."""
        gateway = make_gateway()
        one = make(gateway, gateway.add_key())
        assert one.connect()
        heard = Heard()
        one.subscribe_ltp(WATCHED, on_data_received=heard.append)
        heard.wait("RELIANCE")
        gateway.stop()
        wait_until(lambda: not one.connected, 10)
        gateway.start()
        if VERSION < (2,):
            assert one.connect()
            one.subscribe_ltp(WATCHED)
        heard.clear()
        heard.wait("RELIANCE", seconds=30)
        heard.wait("TCS")
        one.disconnect()


class TestOrders:
    def row(self, client, order_id):
        book = client.orderbook()
        assert book["status"] == "success", book
        return next(one for one in book["data"]["orders"] if one["orderid"] == order_id)

    def place(self, client, **fields):
        reply = client.placeorder(
            **{"strategy": "sdk", "symbol": "RELIANCE", "exchange": "NSE", "action": "BUY", "product": "MIS",
               "price_type": "MARKET", "quantity": 1} | fields
        )  # fmt: skip
        assert reply["status"] == "success", reply
        assert isinstance(reply["orderid"], str)
        return reply["orderid"]

    def test_a_market_order_fills_and_shows_in_the_books(self, client):
        before = client.funds()
        assert before["status"] == "success" and before["data"]["availablecash"] > 0
        order_id = self.place(client, quantity=7, symbol="SBIN")
        row = wait_until(lambda: (r := self.row(client, order_id))["order_status"] == "complete" and r)
        assert (row["quantity"], row["filled_quantity"], row["pending_quantity"]) == (7, 7, 0)
        assert row["average_price"] > 0 and row["pricetype"] == "MARKET"
        position = next(one for one in client.positionbook()["data"] if one["symbol"] == "SBIN")
        assert position["quantity"] == 7 and position["average_price"] == row["average_price"]
        assert client.funds()["data"]["utiliseddebits"] > before["data"]["utiliseddebits"]

    def test_a_limit_order_waits_and_fills_on_a_later_tick(self, client):
        """Limits a little below and above the market: the walk of the prices must reach one of them."""
        heard = Heard()
        client.subscribe_ltp([RELIANCE], on_data_received=heard.append)
        heard.wait("RELIANCE")
        resting = {}
        for _ in range(5):
            # The market may reach a limit before the first look at it; then that pair proves nothing.
            last = heard.of("RELIANCE")[-1]["data"]["ltp"]
            for action, limit in [("BUY", round(last * 0.998, 1)), ("SELL", round(last * 1.002, 1))]:
                order_id = self.place(client, price_type="LIMIT", action=action, price=limit, quantity=1)
                if self.row(client, order_id)["order_status"] == "open":
                    resting[order_id] = limit
            if resting:
                break
        assert resting, "no limit rests: the market ran away between tick and order, five times"

        def filled():
            return [r for r in (self.row(client, one) for one in resting) if r["order_status"] == "complete"]

        for row in wait_until(filled, seconds=60, interval=0.2):
            assert row["filled_quantity"] == 1
            difference = row["average_price"] - resting[row["orderid"]]
            assert difference <= 0.001 if row["action"] == "BUY" else difference >= -0.001

    def test_status_trades_and_position_of_an_order(self, client):
        order_id = self.place(client, symbol="TCS", quantity=3, product="CNC")
        status = wait_until(
            lambda: (r := client.orderstatus(order_id=order_id))["data"]["order_status"] == "complete" and r
        )
        assert status["data"]["average_price"] > 0 and status["data"]["quantity"] == 3
        trade = next(one for one in client.tradebook()["data"] if one["orderid"] == order_id)
        assert (trade["symbol"], trade["quantity"]) == ("TCS", 3)
        assert trade["average_price"] == status["data"]["average_price"]
        assert client.openposition(symbol="TCS", exchange="NSE", product="CNC")["quantity"] == 3
        assert client.holdings()["data"]["holdings"] == []
        assert client.analyzerstatus()["data"]["analyze_mode"] is True

    def test_an_open_order_can_be_cancelled(self, client):
        order_id = self.place(client, price_type="LIMIT", price=1.05, symbol="INFY")
        assert self.row(client, order_id)["order_status"] == "open"
        reply = client.cancelorder(order_id=order_id)
        assert reply["status"] == "success" and reply["orderid"] == order_id
        assert self.row(client, order_id)["order_status"] == "cancelled"

    def test_a_quote_over_rest(self, client):
        reply = client.quotes(symbol="INFY", exchange="NSE")
        assert reply["status"] == "success"
        assert {"ltp", "open", "high", "low", "prev_close", "bid", "ask", "volume", "oi"} <= set(reply["data"])
        assert reply["data"]["ltp"] > 0

    def test_refusals_reach_the_caller(self, gateway, client):
        for fields, word in [({"symbol": "NOPE"}, "NOPE"), ({"exchange": "XXX"}, "exchange"), ({"quantity": 0}, "quantity")]:
            order = {"symbol": "RELIANCE", "exchange": "NSE", "action": "BUY", "quantity": 1} | fields
            reply = client.placeorder(**order)
            assert reply["status"] == "error" and reply["code"] == 400 and word in reply["message"], reply
        reply = make(gateway, "wrong").funds()
        assert reply["status"] == "error" and reply["code"] == 403

    @since_two
    def test_order_updates_by_callback_and_by_polling(self, client):
        events = []
        assert client.subscribe_orders(on_order_update=events.append)
        order_id = self.place(client, symbol="ITC", quantity=2)
        wait_until(lambda: any(e["orderid"] == order_id and e["order_status"] == "complete" for e in events))
        last = [e for e in events if e["orderid"] == order_id][-1]
        assert last["type"] == "order_update" and last["filled_quantity"] == 2 and last["average_price"] > 0
        assert any(e["orderid"] == order_id for e in client.get_orders()["orders"])
        assert client.unsubscribe_orders()

    @since_two
    def test_order_updates_go_on_after_a_restart_of_the_gateway(self, make_gateway):
        gateway = make_gateway()
        one = make(gateway, gateway.add_key())
        assert one.connect()
        events = []
        one.subscribe_orders(on_order_update=events.append)
        self.place(one)
        wait_until(lambda: events)
        gateway.kill()
        gateway.start()
        wait_until(lambda: one.authenticated, 30)
        wait_until(lambda: (self.place(one), len(events) > 2)[1], 15, interval=0.5)
        one.disconnect()


def test_the_first_example_prints_all_three_kinds_of_ticks(gateway, key, tmp_path):
    text = (ROOT / "examples" / "first_ticks.py").read_text()
    assert text.count(":5000") == text.count(":8765") == 1
    text = text.replace(":5000", f":{gateway.http_port}").replace(":8765", f":{gateway.ws_port}")
    (tmp_path / "first_ticks.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "first_ticks.py", key], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for kind in ["LTP  ", "quote", "depth"]:
        lines = [line for line in done.stdout.splitlines() if line.startswith(kind)]
        assert any("'RELIANCE'" in line for line in lines) and any("'INFY'" in line for line in lines), done.stdout[:2000]
