"""Settings reach the part that they are about, and the commands around a running gateway work."""

import json
import re
import subprocess

import pytest
from client import Client, RawClient
from gateway import BINARY, clean_environment, wait_until
from websockets.exceptions import InvalidStatus

ORDER = {
    "strategy": "settings", "symbol": "RELIANCE", "exchange": "NSE", "action": "BUY", "quantity": 1,
    "pricetype": "MARKET", "product": "MIS",
}  # fmt: skip


def refused_with(gateway, **options):
    """Status with which an upgrade is refused."""
    with pytest.raises(InvalidStatus) as refused:
        Client(gateway, **options)
    return refused.value.response.status_code


def test_the_bounds_of_the_websocket_server(make_gateway):
    gateway = make_gateway(
        {"ws.message_bytes_max": 2048, "ws.clients_max": 2, "ws.allowed_origins": "https://good.example"}
    )
    assert refused_with(gateway, origin="https://bad.example") == 403
    with RawClient(gateway) as client, Client(gateway, origin="https://good.example"):
        # Over a limit the answer comes before the request, which is more than the library can take.
        with RawClient(gateway, upgrade=False) as late:
            assert late.read_head().startswith(b"HTTP/1.1 503 ")
        client.send(client.frame(1, b" " * 2049))
        assert client.read_close()[0] == 1009


def test_the_bounds_of_the_rest_server(make_gateway):
    gateway = make_gateway({"http.body_bytes_max": 1024, "http.order_rate": "2 per second"})
    key = gateway.add_key()
    status, body = gateway.post("funds", {"apikey": key, "strategy": "x" * 2000})
    assert status == 413 and body["status"] == "error"
    answers = [gateway.post("placeorder", ORDER | {"apikey": key, "symbol": "NOPE"}) for _ in range(8)]
    limited = [body for status, body in answers if status == 429]
    assert limited and limited[0]["status"] == "error" and limited[0]["message"]
    assert 400 in {status for status, _ in answers}


def test_the_starting_capital(make_gateway):
    gateway = make_gateway({"sandbox.starting_capital": 1000})
    key = gateway.add_key()
    assert gateway.post("funds", {"apikey": key})[1]["data"]["availablecash"] == 1000
    status, body = gateway.post("placeorder", ORDER | {"apikey": key, "quantity": 1000})
    assert status == 400 and "Insufficient funds" in body["message"]


def test_the_seed_decides_the_prices(make_gateway):
    closes = []
    for run, seed in enumerate((7, 7, 8)):
        gateway = make_gateway({"sim.seed": seed}, directory=f"run{run}")
        with Client(gateway, gateway.add_key()) as client:
            client.subscribe("RELIANCE", mode=2)
            client.subscribe("TCS", mode=2)
            closes.append([client.tick(symbol)["data"]["close"] for symbol in ("RELIANCE", "TCS")])
        gateway.stop()
    assert closes[0] == closes[1] != closes[2]


def test_free_ports_and_the_first_key_are_in_the_banner(make_gateway):
    gateway = make_gateway({"ws.port": 0, "http.port": 0}, start=False)
    gateway.directory.mkdir(parents=True)
    with open(gateway.directory / "banner", "w+") as banner:
        process = subprocess.Popen(
            [str(BINARY), "serve"], cwd=gateway.directory, env=clean_environment(**gateway.environment),
            stdout=banner, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            def shown():
                banner.seek(0)
                text = banner.read()
                return text if "API key" in text else None

            text = wait_until(shown)
            gateway.ws_port = int(re.search(r"ws://127\.0\.0\.1:(\d+)", text)[1])
            gateway.http_port = int(re.search(r"http://127\.0\.0\.1:(\d+)/api/v1", text)[1])
            key = re.search(r"API key +([0-9a-f]{64})", text)[1]
            assert gateway.post("funds", {"apikey": key})[0] == 200
            with Client(gateway, key) as client:
                client.subscribe("RELIANCE")
                assert client.tick("RELIANCE")
        finally:
            process.terminate()
            assert process.wait(20) == 0


def test_watching_symbols_from_the_command_line(gateway, key):
    def sub(*arguments, key):
        return subprocess.run(
            [str(BINARY), "sub", *arguments, "--port", str(gateway.ws_port)], cwd=gateway.directory,
            env=clean_environment(TICKGATE_KEY=key), capture_output=True, text=True, timeout=30,
        )  # fmt: skip

    done = sub("NSE:RELIANCE", "NSE_INDEX:NIFTY", "--mode", "quote", "--count", "500", key=key)
    assert done.returncode == 0, done.stderr
    ticks = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(ticks) == 500 and {tick["symbol"] for tick in ticks} == {"RELIANCE", "NIFTY"}
    assert sub("NSE:RELIANCE", key="wrong").returncode not in (0, -11)
    assert "NOPE" in sub("NSE:NOPE", "NSE:RELIANCE", "--count", "1", key=key).stderr
