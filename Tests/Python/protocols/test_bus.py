"""The ZeroMQ bus: what strategies hear, and what other processes may say."""

import json
import stat
import time

import pytest
import zmq
from client import Client
from gateway import Gateway, free_port

WAIT_MILLIS = 10_000


class Subscriber:
    def __init__(self, endpoint, *topics):
        self.socket = zmq.Context.instance().socket(zmq.SUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)
        for topic in topics:
            self.socket.subscribe(topic)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def receive(self, millis=WAIT_MILLIS):
        assert self.socket.poll(millis), "nothing on the bus in time"
        frames = self.socket.recv_multipart()
        assert len(frames) == 2, frames
        return frames[0].decode(), json.loads(frames[1])

    def topics(self, seconds):
        """All topics heard in a time, apart from the heartbeats of the feeds."""
        heard = set()
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self.socket.poll(int(left * 1000) + 1):
                heard.add(self.receive()[0])
        return {topic for topic in heard if not topic.startswith("STATUS_")}


@pytest.fixture
def endpoint(gateway):
    return f"tcp://127.0.0.1:{gateway.bus_port}"


class TestPublishing:
    @pytest.mark.parametrize(
        ("topic", "symbol", "exchange", "mode"),
        [
            ("NSE_RELIANCE_LTP", "RELIANCE", "NSE", 1),
            ("NSE_RELIANCE_QUOTE", "RELIANCE", "NSE", 2),
            ("NSE_RELIANCE_DEPTH", "RELIANCE", "NSE", 3),
            ("NSE_M&M_QUOTE", "M&M", "NSE", 2),
            ("NSE_BAJAJ-AUTO_LTP", "BAJAJ-AUTO", "NSE", 1),
            ("NSE_INDEX_NIFTY_QUOTE", "NIFTY", "NSE_INDEX", 2),
            ("BSE_INDEX_SENSEX_LTP", "SENSEX", "BSE_INDEX", 1),
        ],
    )
    def test_a_topic_nobody_else_watches_brings_its_ticks(self, endpoint, topic, symbol, exchange, mode):
        with Subscriber(endpoint, topic) as subscriber:
            for _ in range(3):
                heard, data = subscriber.receive()
                assert heard == topic
                assert (data["symbol"], data["exchange"], data["mode"]) == (symbol, exchange, mode)
                assert data["ltp"] > 0 and type(data["timestamp"]) is int
                assert ("depth" in data) == (mode == 3)

    def test_the_payload_is_the_data_of_the_websocket_message(self, gateway, key, endpoint):
        with Client(gateway, key) as client, Subscriber(endpoint, "NSE_TCS_QUOTE") as subscriber:
            client.subscribe("TCS", mode=2)
            subscriber.receive()
            data = [subscriber.receive()[1] for _ in range(10)]
            seen = [client.tick("TCS", 2)["data"] for _ in range(40)]
            assert any(one in seen for one in data)

    def test_a_prefix_brings_every_mode_of_its_symbol(self, endpoint):
        with Subscriber(endpoint, "NSE_ITC_") as subscriber:
            wanted = {"NSE_ITC_LTP", "NSE_ITC_QUOTE", "NSE_ITC_DEPTH"}
            # The broker is asked for the mode in a second message, for which the pace may not leave room at once.
            heard = set()
            deadline = time.monotonic() + WAIT_MILLIS / 1000
            while heard != wanted and time.monotonic() < deadline:
                heard.add(subscriber.receive()[0])
            assert heard == wanted

    def test_everything_is_a_filter_and_asks_for_nothing(self, make_gateway):
        gateway = make_gateway()
        with Subscriber(f"tcp://127.0.0.1:{gateway.bus_port}", "") as subscriber:
            assert subscriber.topics(1.5) == set()
            with Client(gateway, gateway.add_key()) as client:
                client.subscribe("SBIN", mode=2)
                heard = subscriber.topics(2)
                assert {"NSE_SBIN_LTP", "NSE_SBIN_QUOTE"} <= heard
                assert all(topic.startswith("NSE_SBIN_") for topic in heard)

    def test_leaving_ends_the_ticks(self, make_gateway):
        gateway = make_gateway()
        endpoint = f"tcp://127.0.0.1:{gateway.bus_port}"
        with Subscriber(endpoint, "") as everything:
            with Subscriber(endpoint, "NSE_ITC_LTP") as subscriber:
                subscriber.receive()
            time.sleep(1)
            everything.topics(0.2)
            assert everything.topics(1) == set()

    def test_the_local_endpoint_is_for_its_owner_only(self, gateway):
        path = gateway.state / "bus.sock"
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
        with Subscriber(f"ipc://{path}", "NSE_SBIN_LTP") as subscriber:
            assert subscriber.receive()[0] == "NSE_SBIN_LTP"

    def test_an_unknown_topic_is_a_filter_and_no_harm(self, endpoint):
        with Subscriber(endpoint, "NSE_NOPE_LTP", "x" * 4000, "_", "NSE__LTP", "NSE_SBIN_LTP") as subscriber:
            assert subscriber.receive()[0] == "NSE_SBIN_LTP"

    def test_a_subscriber_with_an_endless_topic_disturbs_nobody(self, endpoint):
        with Subscriber(endpoint, "NSE_SBIN_LTP") as subscriber, Subscriber(endpoint, "x" * 100_000):
            for _ in range(50):
                assert subscriber.receive()[0] == "NSE_SBIN_LTP"

    def test_order_events_are_published_under_their_user(self, gateway, key, endpoint):
        with Subscriber(endpoint, "ANALYZE_asha_orders") as subscriber:
            time.sleep(0.5)
            body = {
                "apikey": key, "strategy": "bus", "symbol": "RELIANCE", "exchange": "NSE", "action": "BUY",
                "quantity": 1, "pricetype": "MARKET", "product": "MIS",
            }  # fmt: skip
            status, reply = gateway.post("placeorder", body)
            assert status == 200, reply
            topic, event = subscriber.receive()
            assert topic == "ANALYZE_asha_orders"
            assert (event["type"], event["orderid"]) == ("order_update", reply["orderid"])


@pytest.fixture(scope="module")
def open_gateway(tmp_path_factory):
    """A gateway that takes what other processes publish."""
    port = free_port()
    running = Gateway(tmp_path_factory.mktemp("ingest"), {"bus.ingest": f"tcp://127.0.0.1:{port}"})
    running.ingest = f"tcp://127.0.0.1:{port}"
    running.start()
    running.key = running.add_key()
    yield running
    running.stop()


class TestIngest:
    @pytest.fixture
    def publisher(self, open_gateway):
        socket = zmq.Context.instance().socket(zmq.PUB)
        socket.setsockopt(zmq.LINGER, 1000)
        monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        socket.connect(open_gateway.ingest)
        assert monitor.poll(WAIT_MILLIS), "no connection to the ingest side"
        time.sleep(0.3)  # The subscription of the gateway has to arrive, or the first messages are dropped here.
        yield socket
        socket.disable_monitor()
        socket.close()

    @staticmethod
    def tick(ltp, symbol="RELIANCE", **more):
        data = {"symbol": symbol, "exchange": "NSE", "mode": 1, "ltp": ltp, "timestamp": int(time.time() * 1000)}
        return json.dumps(data | more).encode()

    def test_a_tick_of_another_process_reaches_the_clients(self, open_gateway, publisher):
        with Client(open_gateway, open_gateway.key) as client:
            client.subscribe("RELIANCE", mode=1)
            publisher.send_multipart([b"NSE_RELIANCE_LTP", self.tick(123456.75)])
            tick = client.tick("RELIANCE", 1, lambda tick: tick["data"]["ltp"] == 123456.75)
            assert tick["data"]["symbol"] == "RELIANCE"

    def test_the_payload_says_which_symbol_and_the_topic_which_mode(self, open_gateway, publisher):
        with Client(open_gateway, open_gateway.key) as client:
            client.subscribe("NIFTY", "NSE_INDEX", 1)
            payload = self.tick(98765.5, symbol="NIFTY", exchange="NSE_INDEX")
            publisher.send_multipart([b"NSE_INDEX_NIFTY_LTP", payload])
            assert client.tick("NIFTY", 1, lambda tick: tick["data"]["ltp"] == 98765.5)

    def test_a_depth_tick_keeps_its_book(self, open_gateway, publisher):
        book = [{"price": 100.05 + i, "quantity": 10 + i, "orders": 1 + i} for i in range(5)]
        payload = self.tick(
            123457.25, mode=3, open=1.5, high=200000, low=1, close=100, volume=5, depth={"buy": book[::-1], "sell": book}
        )
        with Client(open_gateway, open_gateway.key) as client:
            client.subscribe("RELIANCE", mode=3)
            publisher.send_multipart([b"NSE_RELIANCE_DEPTH", payload])
            data = client.tick("RELIANCE", 3, lambda tick: tick["data"]["ltp"] == 123457.25)["data"]
            assert data["depth"]["sell"] == book and data["depth"]["buy"] == book[::-1]
            assert (data["open"], data["volume"]) == (1.5, 5)

    @pytest.mark.parametrize(
        "frames",
        [
            [b"NSE_RELIANCE_LTP"],
            [b"NSE_RELIANCE_LTP", b"{}", b"extra"],
            [b"\xff\xfe", b"{}"],
            [b"NSE_RELIANCE_LTP", b"\xff"],
            [b"NSE_RELIANCE_LTP", b"{"],
            [b"NSE_RELIANCE_LTP", b"[]"],
            [b"NSE_RELIANCE_LTP", b"{}"],
            [b"NSE_RELIANCE_LTP", b'{"symbol":"RELIANCE","exchange":"NSE","ltp":"12"}'],
            [b"NSE_RELIANCE_LTP", b'{"symbol":"RELIANCE","exchange":"NSE","ltp":1e999}'],
            [b"NSE_RELIANCE_LTP", b'{"symbol":"RELIANCE","exchange":"NSE","ltp":NaN}'],
            [b"NSE_RELIANCE_DEPTH", b'{"symbol":"RELIANCE","exchange":"NSE","ltp":1,"depth":[1]}'],
            [b"NSE_NOPE_LTP", b'{"symbol":"NOPE","exchange":"NSE","ltp":1}'],
            [b"NSE_RELIANCE_DATA", b'{"symbol":"RELIANCE","exchange":"NSE","ltp":1}'],
            [b"NSE", b"{}"],
            [b"", b""],
            [b"x_orders", b"{}"],
            [b"asha_positions", b"{}"],
            [b"CACHE_INVALIDATE_ALL_asha", b"{}"],
            [b"CACHE_INVALIDATE_ALL_asha", b'{"action":"invalidate","user_id":"asha","cache_type":"ALL"}'],
            [b"NSE_RELIANCE_LTP", b'{"a":"' + b"x" * (2 << 20) + b'"}'],
            [b"NSE_RELIANCE_LTP", b"[" * 100_000],
        ],
        ids=lambda frames: f"{len(frames)} frames {frames[-1][:30]!r}",
    )
    def test_hostile_messages_are_skipped_without_a_pause(self, open_gateway, publisher, frames):
        with Client(open_gateway, open_gateway.key) as client:
            client.subscribe("RELIANCE", mode=1)
            mark = 200000 + time.monotonic_ns() % 100000
            publisher.send_multipart(frames)
            publisher.send_multipart([b"NSE_RELIANCE_LTP", self.tick(mark)])
            assert client.tick("RELIANCE", 1, lambda tick: tick["data"]["ltp"] == mark, seconds=5)

    def test_an_order_event_reaches_its_user_as_it_was_sent(self, open_gateway, publisher):
        stranger_key = open_gateway.add_key("stranger", "ravi")
        event = {
            "type": "order_update", "user_id": "asha", "mode": "live", "broker": "zerodha", "orderid": "1",
            "symbol": "X", "exchange": "NSE", "action": "BUY", "quantity": 1, "price": 1.5, "trigger_price": 0.0,
            "pricetype": "LIMIT", "product": "CNC", "order_status": "open", "filled_quantity": 0,
            "pending_quantity": 1, "average_price": 0.0, "rejection_reason": "",
        }  # fmt: skip
        with Client(open_gateway, open_gateway.key) as client, Client(open_gateway, stranger_key) as stranger:
            for one in (client, stranger):
                one.request({"action": "subscribe_orders"})
            publisher.send_multipart([b"ZERODHA_asha_orders", json.dumps(event).encode()])
            assert client.reply() == event
            assert stranger.request({"action": "ping"})["type"] == "pong"
