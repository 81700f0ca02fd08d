"""Every request of port 8765 in every shape, and its reply."""

import json
import time

import pytest
from client import Client

REQUEST_IDS = ["q7", 0, 7, -1.5, True, False, "", [1, {"a": None}], {"k": "v\u20b9\""}]


@pytest.fixture
def client(gateway, key):
    with Client(gateway, key) as one:
        yield one


def error(code, message):
    return {"status": "error", "code": code, "message": message}


def entry(symbol, exchange="NSE"):
    return {"symbol": symbol, "exchange": exchange}


class TestEnvelope:
    @pytest.mark.parametrize("text", ["ping", "", "{", "{'action': 'ping'}", '{"action":"ping"} x', "\u20b9"])
    def test_what_is_no_json_is_said_to_be_none(self, client, text):
        client.send(text)
        assert client.reply() == error("INVALID_JSON", "Invalid JSON message")
        assert client.request({"action": "ping"})["type"] == "pong"

    @pytest.mark.parametrize("text", ["[]", '"ping"', "1", "null", "true", '[{"action":"ping"}]'])
    def test_json_that_is_no_object_is_an_error_and_the_connection_stays(self, client, text):
        client.send(text)
        reply = client.reply()
        assert reply["code"] == "SERVER_ERROR" and set(reply) == {"status", "code", "message"}
        assert client.request({"action": "ping"})["type"] == "pong"

    def test_deep_nesting_is_refused(self, client):
        client.send('{"action":"ping","_pingId":' + "[" * 20_000 + "]" * 20_000 + "}")
        assert client.reply()["status"] == "error"
        assert client.request({"action": "ping"})["type"] == "pong"

    @pytest.mark.parametrize(
        ("request_body", "shown"),
        [
            ({}, "None"),
            ({"action": "subscribed"}, "subscribed"),
            ({"action": "SUBSCRIBE"}, "SUBSCRIBE"),
            ({"type": "x y"}, "x y"),
            ({"action": "no", "type": "ping"}, "no"),
            ({"action": "", "type": "nor"}, "nor"),
        ],
    )
    def test_an_unknown_action_is_named(self, client, request_body, shown):
        assert client.request(request_body) == error("INVALID_ACTION", f"Invalid action: {shown}")

    def test_type_stands_in_for_action_and_unknown_keys_are_ignored(self, client):
        assert client.request({"type": "ping", "whatever": [1]})["type"] == "pong"
        assert client.request({"action": "", "type": "ping"})["type"] == "pong"
        assert client.request({"action": "ping", "type": "subscribe"})["type"] == "pong"


class TestSubscribe:
    @pytest.mark.parametrize(
        ("mode", "label"),
        [
            (1, "LTP"), (2, "Quote"), (3, "Depth"), ("LTP", "LTP"), ("Quote", "Quote"), ("Depth", "Depth"),
            ("ltp", "LTP"), ("QUOTE", "Quote"), ("dEpTh", "Depth"), ("  ltp ", "LTP"),
        ],
    )  # fmt: skip
    def test_every_mode_is_acknowledged_by_its_label(self, client, mode, label):
        reply = client.request({"action": "subscribe", "symbol": "INFY", "exchange": "NSE", "mode": mode})
        broker = reply["broker"]
        assert reply == {
            "type": "subscribe",
            "status": "success",
            "subscriptions": [entry("INFY") | {"status": "success", "mode": label, "depth": 5, "broker": broker}],
            "message": "Subscription processing complete",
            "broker": broker,
        }

    def test_without_a_mode_it_is_quote(self, client):
        reply = client.request({"action": "subscribe"} | entry("INFY"))
        assert reply["subscriptions"][0]["mode"] == "Quote"
        assert client.tick("INFY")["mode"] == 2

    @pytest.mark.parametrize(
        ("mode", "message"),
        [
            (4, "Invalid mode 4; expected 1 (LTP), 2 (Quote), or 3 (Depth)"),
            (0, "Invalid mode 0; expected 1 (LTP), 2 (Quote), or 3 (Depth)"),
            (-1, "Invalid mode -1; expected 1 (LTP), 2 (Quote), or 3 (Depth)"),
            ("x", "Invalid mode 'x'; expected 'LTP', 'Quote', or 'Depth' (case-insensitive)"),
            ("1", "Invalid mode '1'; expected 'LTP', 'Quote', or 'Depth' (case-insensitive)"),
            ("", "Invalid mode ''; expected 'LTP', 'Quote', or 'Depth' (case-insensitive)"),
            (1.0, "Mode must be int or str, got float"),
            (None, "Mode must be int or str, got NoneType"),
            (True, "Mode must be int or str, got bool"),
            ([1], "Mode must be int or str, got list"),
            ({"m": 1}, "Mode must be int or str, got dict"),
        ],
        ids=str,
    )
    def test_a_wrong_mode_is_refused_before_the_symbols_are_looked_at(self, client, mode, message):
        expected = error("INVALID_MODE", message)
        assert client.request({"action": "subscribe", "mode": mode, "request_id": 1} | entry("INFY")) == expected
        assert client.request({"action": "subscribe", "mode": mode}) == expected

    @pytest.mark.parametrize(
        "request_body", [{}, {"symbols": []}, {"symbol": "INFY"}, {"exchange": "NSE"}, {"symbols": [], "symbol": ""}]
    )
    def test_without_symbols_it_is_refused(self, client, request_body):
        expected = error("INVALID_PARAMETERS", "At least one symbol must be specified")
        assert client.request({"action": "subscribe", "mode": 1} | request_body) == expected

    def test_many_symbols_are_acknowledged_in_one_reply_in_their_order(self, client):
        names = ["TCS", "RELIANCE", "NOPE1", "M&M", "BAJAJ-AUTO", "INFY"]
        reply = client.request({"action": "subscribe", "symbols": [entry(name) for name in names], "mode": 1})
        assert [row["symbol"] for row in reply["subscriptions"]] == names
        assert [row["status"] for row in reply["subscriptions"]].count("error") == 1
        assert reply["status"] == "partial"
        assert client.tick("M&M") and client.tick("BAJAJ-AUTO")

    def test_an_unknown_symbol_is_named_in_its_entry_and_never_an_error_of_the_whole(self, client):
        reply = client.request({"action": "subscribe", "symbols": [entry("ZZZ")], "mode": 2, "request_id": "q"})
        broker = reply["broker"]
        assert reply["status"] == "partial" and reply["request_id"] == "q"
        assert reply["subscriptions"] == [
            entry("ZZZ")
            | {"status": "error", "message": "Symbol ZZZ not found for exchange NSE", "broker": broker}
        ]

    @pytest.mark.parametrize("name", [entry("infy"), entry("INFY", "nse"), entry("INFY", "XYZ"), entry(" INFY")])
    def test_names_are_case_sensitive(self, client, name):
        reply = client.request({"action": "subscribe", "mode": 1} | name)
        assert reply["subscriptions"][0]["status"] == "error"
        assert reply["subscriptions"][0]["symbol"] == name["symbol"]
        assert reply["subscriptions"][0]["exchange"] == name["exchange"]

    def test_symbols_win_over_a_single_symbol_and_their_own_modes_are_ignored(self, client):
        reply = client.request(
            {"action": "subscribe", "symbols": [entry("TCS") | {"mode": 3}], "mode": 1} | entry("INFY")
        )
        assert [(row["symbol"], row["mode"]) for row in reply["subscriptions"]] == [("TCS", "LTP")]

    def test_entries_that_lack_a_name_are_skipped(self, client):
        symbols = [{"symbol": "INFY"}, {"exchange": "NSE"}, {}, entry("TCS")]
        reply = client.request({"action": "subscribe", "symbols": symbols, "mode": 1})
        assert reply["status"] == "success"
        assert [row["symbol"] for row in reply["subscriptions"]] == ["TCS"]
        reply = client.request({"action": "subscribe", "symbols": [{}], "mode": 1})
        assert (reply["status"], reply["subscriptions"]) == ("success", [])

    @pytest.mark.parametrize("symbols", [["INFY"], [1], [None], [[]], [entry("INFY"), "TCS"]], ids=json.dumps)
    def test_entries_that_are_no_objects_are_an_error(self, client, symbols):
        assert client.request({"action": "subscribe", "symbols": symbols, "mode": 1})["code"] == "SERVER_ERROR"
        assert client.request({"action": "ping"})["type"] == "pong"

    def test_the_documented_aliases_work(self, client):
        reply = client.request({"action": "subscribe", "instruments": [entry("INFY")], "mode": "ltp"})
        assert reply["subscriptions"][0]["status"] == "success"
        assert client.request({"action": "subscribe", "depth_level": 5, "mode": 3} | entry("INFY"))["status"] == "success"

    def test_repeating_is_no_error_and_no_second_copy(self, client):
        for _ in range(3):
            client.subscribe("INFY", mode=1, seq=True)
        numbers = [client.tick("INFY")["seq"] for _ in range(20)]
        assert numbers == list(range(numbers[0], numbers[0] + 20))

    @pytest.mark.parametrize("value", REQUEST_IDS, ids=json.dumps)
    def test_the_request_id_is_echoed_as_it_was(self, client, value):
        for action in ["subscribe", "unsubscribe", "unsubscribe_all", "subscribe_orders", "unsubscribe_orders"]:
            reply = client.request({"action": action, "request_id": value} | entry("INFY"))
            assert reply["request_id"] == value and type(reply["request_id"]) is type(value)

    def test_no_request_id_where_none_was_given_or_none_belongs(self, client):
        assert "request_id" not in client.request({"action": "subscribe", "request_id": None} | entry("INFY"))
        assert "request_id" not in client.request({"action": "subscribe", "request_id": 1})
        assert "request_id" not in client.request({"action": "ping", "request_id": 1})
        assert "request_id" not in client.request({"action": "get_broker_info", "request_id": 1})

    def test_a_bound_on_subscriptions_is_said_per_entry(self, make_gateway):
        gateway = make_gateway({"ws.subscriptions_per_client_max": 2})
        with Client(gateway, gateway.add_key()) as client:
            symbols = [entry("INFY"), entry("TCS"), entry("SBIN")]
            reply = client.request({"action": "subscribe", "symbols": symbols, "mode": 1})
            assert [row["status"] for row in reply["subscriptions"]] == ["success", "success", "error"]
            assert reply["status"] == "partial"
            client.request({"action": "unsubscribe", "mode": 1} | entry("INFY"))
            client.subscribe("SBIN", mode=1)


class TestUnsubscribe:
    def quiet(self, client):
        """Whether nothing comes once what was on its way has arrived."""
        client.collect(0.3)
        return client.collect(0.7) == []

    def test_a_single_symbol_with_its_mode(self, client):
        client.subscribe("INFY", mode=1)
        client.tick("INFY")
        reply = client.request({"action": "unsubscribe", "mode": 1, "request_id": 5} | entry("INFY"))
        broker = reply["broker"]
        assert reply == {
            "type": "unsubscribe",
            "status": "success",
            "message": "Unsubscription processing complete",
            "successful": [entry("INFY") | {"status": "success", "broker": broker}],
            "failed": [],
            "broker": broker,
            "request_id": 5,
        }
        assert self.quiet(client)

    @pytest.mark.parametrize(
        "request_body",
        [
            {"symbols": [entry("INFY") | {"mode": 1}]},
            {"symbols": [entry("INFY") | {"mode": "LTP"}]},
            {"symbols": [entry("INFY")], "mode": 1},
            {"symbols": [entry("INFY") | {"mode": 1}], "mode": 3},
            {"symbols": [entry("INFY")]},
            {"instruments": [entry("INFY")], "mode": "ltp"},
            {"mode": "ltp"} | entry("INFY"),
        ],
        ids=["entry", "label", "top level", "entry wins", "no mode", "instruments", "single"],
    )
    def test_every_shape_ends_an_ltp_subscription(self, client, request_body):
        client.subscribe("INFY", mode=1)
        assert client.request({"action": "unsubscribe"} | request_body)["status"] == "success"
        assert self.quiet(client)

    def test_a_single_symbol_without_a_mode_means_quote(self, client):
        client.subscribe("INFY", mode=1)
        client.subscribe("INFY", mode=2)
        client.request({"action": "unsubscribe"} | entry("INFY"))
        client.collect(0.3)
        assert {tick["mode"] for tick in client.collect(1)} == {1}

    def test_an_array_without_modes_removes_quote_before_anything_else(self, client):
        client.subscribe("INFY", mode=2)
        client.subscribe("INFY", mode=3)
        client.request({"action": "unsubscribe", "symbols": [entry("INFY")]})
        client.collect(0.3)
        assert {tick["mode"] for tick in client.collect(1)} == {3}
        client.request({"action": "unsubscribe", "symbols": [entry("INFY")]})
        assert self.quiet(client)

    def test_what_was_never_subscribed_is_no_failure(self, client):
        reply = client.request({"action": "unsubscribe", "symbols": [entry("TCS") | {"mode": 3}]})
        assert reply["status"] == "success" and len(reply["successful"]) == 1

    def test_a_bad_mode_fails_its_entry_in_an_array_and_all_of_a_single_request(self, client):
        bad, good = entry("TCS") | {"mode": 9}, entry("INFY") | {"mode": 1}
        reply = client.request({"action": "unsubscribe", "symbols": [bad, good]})
        assert reply["status"] == "partial"
        assert [row["symbol"] for row in reply["successful"]] == ["INFY"]
        assert [(row["symbol"], row["status"]) for row in reply["failed"]] == [("TCS", "error")]
        assert client.request({"action": "unsubscribe", "symbols": [bad]})["status"] == "error"
        assert client.request({"action": "unsubscribe"} | bad)["code"] == "INVALID_MODE"

    def test_without_symbols_it_is_refused(self, client):
        expected = error("INVALID_PARAMETERS", "Either symbols or unsubscribe_all is required")
        assert client.request({"action": "unsubscribe"}) == expected
        assert client.request({"action": "unsubscribe", "symbols": []}) == expected

    @pytest.mark.parametrize(
        "request_body",
        [{"action": "unsubscribe_all"}, {"type": "unsubscribe_all"},
         {"action": "unsubscribe", "type": "unsubscribe_all"}],
    )  # fmt: skip
    def test_all_subscriptions_end_at_once_and_are_listed(self, client, request_body):
        client.subscribe("INFY", mode=1)
        client.subscribe("INFY", mode=3)
        client.subscribe("NIFTY", "NSE_INDEX", mode=2)
        reply = client.request(request_body | {"request_id": "all"})
        assert reply["type"] == "unsubscribe" and reply["status"] == "success" and reply["request_id"] == "all"
        assert sorted(row["symbol"] for row in reply["successful"]) == ["INFY", "INFY", "NIFTY"]
        assert self.quiet(client)
        again = client.request(request_body)
        assert (again["status"], again["successful"], again["failed"]) == ("success", [], [])

    def test_one_client_leaving_changes_nothing_for_another(self, gateway, key, client):
        with Client(gateway, key) as other:
            client.subscribe("ITC", mode=3)
            other.subscribe("ITC", mode=3)
            other.request({"action": "unsubscribe", "mode": 3} | entry("ITC"))
            other.close()
            time.sleep(0.6)
            assert client.fresh("ITC", 3)


class TestInformation:
    def test_broker_info_tells_the_state_of_the_feed(self, client):
        reply = client.request({"action": "get_broker_info"})
        assert set(reply) == {"type", "status", "broker", "adapter_status", "user_id"}
        assert (reply["type"], reply["status"], reply["user_id"]) == ("broker_info", "success", "asha")
        assert reply["adapter_status"] == "connected"

    def test_supported_brokers_are_counted(self, client):
        reply = client.request({"action": "get_supported_brokers"})
        assert (reply["type"], reply["status"]) == ("supported_brokers", "success")
        assert reply["count"] == len(reply["brokers"]) > 0

    @pytest.mark.parametrize("value", [v for v in REQUEST_IDS], ids=json.dumps)
    def test_a_ping_gives_back_what_it_carried(self, client, value):
        before = int(time.time() * 1000)
        reply = client.request({"action": "ping", "timestamp": value, "_pingId": value})
        assert reply.pop("server_timestamp") in range(before - 1, int(time.time() * 1000) + 2)
        assert reply == {"type": "pong", "status": "success", "client_timestamp": value, "_pingId": value}

    def test_a_bare_ping_has_a_bare_answer(self, client):
        for extra in [{}, {"timestamp": None, "_pingId": None}]:
            assert set(client.request({"action": "ping"} | extra)) == {"type", "status", "server_timestamp"}

    def test_order_subscriptions_are_acknowledged_every_time(self, client):
        for _ in range(2):
            assert client.request({"action": "subscribe_orders"}) == {
                "type": "subscribe_orders",
                "status": "success",
                "message": "Subscribed to order updates",
            }
        for _ in range(2):
            assert client.request({"type": "unsubscribe_orders"}) == {
                "type": "unsubscribe_orders",
                "status": "success",
                "message": "Unsubscribed from order updates",
            }
