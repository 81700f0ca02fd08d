"""Feeds of the four brokers, end to end: a simulated broker in a process of its own, its instrument list, a token file."""

import json
import re
import shutil
import subprocess
import time
from contextlib import contextmanager

import pytest
from client import Client
from gateway import BINARY, clean_environment, wait_until

BROKERS = ["zerodha", "angel", "upstox", "dhan"]


@contextmanager
def broker(name, directory, *options):
    """A simulated broker; gives its WebSocket address."""
    process = subprocess.Popen(
        [str(BINARY), "sim", "--broker", name, "--instruments-file", str(directory / "list"), "--sim.port", "0",
         "--sim.ticks_per_second", "100", "--state_dir", str(directory / "simstate"), *options],
        env=clean_environment(), stdout=subprocess.PIPE, text=True, cwd=directory,
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        yield re.search(r"(ws|http)s?://\S+?(?=,| |$)", line).group(0)
    finally:
        process.terminate()
        process.wait(10)


def settings(name, url, directory, **more):
    """Of a gateway with this one feed. Upstox is asked for an address over HTTP at every connection."""
    own = {
        "feeds.enabled": name,
        f"feeds.{name}.instruments": str(directory / "list"),
        f"feeds.{name}.token_file": str(directory / "token"),
        f"feeds.{name}.api_key": "key",
    }
    if name == "upstox":
        own["feeds.upstox.login_url"] = re.sub(r"^ws", "http", re.match(r"\w+://[^/?]+", url).group(0))
    else:
        own[f"feeds.{name}.url"] = url
    if name in ("angel", "dhan"):
        own[f"feeds.{name}.client_id"] = "C100"
    return own | more


def write_token(directory, token):
    (directory / "token.new").write_text(json.dumps({"access_token": token, "feed_token": "feed-" + token}))
    (directory / "token.new").rename(directory / "token")


@pytest.mark.parametrize("name", BROKERS)
def test_ticks_of_every_broker_reach_a_client(make_gateway, tmp_path, name):
    write_token(tmp_path, "first")
    with broker(name, tmp_path) as url:
        gateway = make_gateway(settings(name, url, tmp_path))
        with Client(gateway, key=gateway.add_key()) as client:
            client.subscribe("RELIANCE", mode=1)
            assert client.tick("RELIANCE", mode=1)["data"]["ltp"] > 0
            client.subscribe("TCS", mode=2)
            quote = client.tick("TCS", mode=2)
            assert quote["data"]["volume"] >= 0 and quote["data"]["close"] > 0 and quote["broker"] == name
            client.subscribe("INFY", mode=3)
            depth = client.tick("INFY", mode=3)["data"]["depth"]
            assert len(depth["buy"]) == 5 and depth["buy"][0]["price"] < depth["sell"][0]["price"]
            client.subscribe("NIFTY", exchange="NSE_INDEX", mode=2)
            assert client.tick("NIFTY", mode=2)["data"]["ltp"] > 0


DEEP = [
    ("angel", 20, {}),
    ("upstox", 30, {"feeds.upstox.plus_plan": "true"}),
    ("dhan", 20, {}),
    ("dhan", 200, {}),
]


@pytest.mark.parametrize("name, levels, more", DEEP)
def test_books_beyond_five_levels_have_names_of_their_own(make_gateway, tmp_path, name, levels, more):
    write_token(tmp_path, "first")
    with broker(name, tmp_path) as url:
        own = settings(name, url, tmp_path, **more)
        if name == "dhan":
            base = url.rstrip("/")
            own |= {"feeds.dhan.depth20_url": base + "/twentydepth", "feeds.dhan.depth200_url": base + "/twohundreddepth"}
        gateway = make_gateway(own)
        symbol = f"TCS:{levels}"
        with Client(gateway, key=gateway.add_key()) as client:
            reply = client.subscribe(symbol, mode=3)
            assert reply["subscriptions"][0]["depth"] == levels
            message = client.tick(symbol, mode=3)
            while "ltp" not in message["data"]:
                message = client.tick(symbol, mode=3)
            data = message["data"]
            assert data["symbol"] == symbol and data["depth_level"] == levels and message["broker"] == name
            buy, sell = data["depth"]["buy"], data["depth"]["sell"]
            assert len(buy) == len(sell) == levels and buy[19]["price"] > 0 and sell[19]["quantity"] > 0
            assert buy[0]["price"] > buy[1]["price"] and sell[0]["price"] < sell[1]["price"]
            other = {"action": "subscribe", "symbol": "TCS:50", "exchange": "NSE", "mode": 3}
            assert "Symbol TCS:50 not found" in client.request(other)["subscriptions"][0]["message"]


@pytest.mark.parametrize("name", BROKERS)
def test_a_token_that_dies_is_waited_for_and_everything_comes_back(make_gateway, tmp_path, name):
    write_token(tmp_path, "first")
    with broker(name, tmp_path, "--fault", "expire@6s") as url:
        gateway = make_gateway(settings(name, url, tmp_path))
        with Client(gateway, key=gateway.add_key()) as client:
            client.subscribe("RELIANCE", mode=1)
            client.subscribe("TCS", mode=2)
            assert client.tick("TCS", mode=2)
            start = len(gateway.log)
            wait_until(lambda: "-> authFailed" in gateway.log[start:], seconds=30)
            with pytest.raises(TimeoutError):
                client.fresh("TCS", seconds=1)
            write_token(tmp_path, "second")
            assert client.fresh("RELIANCE", seconds=20) and client.fresh("TCS", seconds=20)
        assert gateway.log[start:].count("-> authFailed") == 1
        assert "first" not in gateway.log and "second" not in gateway.log


def test_a_feed_over_tls_proves_who_it_is(make_gateway, tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("no openssl command to make certificates with")
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        [*make, "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    write_token(tmp_path, "first")
    options = ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")]
    with broker("zerodha", tmp_path, *options) as url:
        assert url.startswith("wss://")
        url = re.sub(r"//[^:/]+", "//localhost", url)
        stranger = make_gateway(settings("zerodha", url, tmp_path), directory="stranger")
        wait_until(lambda: "certificate verify failed" in stranger.log)
        trusting = {"feeds.tls_authorities": str(tmp_path / "cert.pem")}
        gateway = make_gateway(settings("zerodha", url, tmp_path, **trusting), directory="trusting")
        with Client(gateway, key=gateway.add_key()) as client:
            client.subscribe("RELIANCE", mode=3)
            assert client.tick("RELIANCE", mode=3)["data"]["ltp"] > 0


def test_a_second_feed_speaks_while_the_first_is_down(make_gateway, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write_token(tmp_path / "a", "first")
    write_token(tmp_path / "b", "first")
    with broker("dhan", tmp_path / "b") as second:
        with broker("zerodha", tmp_path / "a") as first:
            own = settings("zerodha", first, tmp_path / "a") | settings("dhan", second, tmp_path / "b")
            own |= {"feeds.enabled": "zerodha,dhan", "feeds.failover_seconds": 1}
            gateway = make_gateway(own)
            client = Client(gateway, key=gateway.add_key())
            client.subscribe("RELIANCE", mode=2)
            assert client.tick("RELIANCE")["broker"] == "zerodha"
        with client:
            deadline = time.monotonic() + 30
            while client.tick("RELIANCE", seconds=30)["broker"] != "dhan":
                assert time.monotonic() < deadline, "the second feed did not take over"
