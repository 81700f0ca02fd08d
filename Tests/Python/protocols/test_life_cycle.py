"""Starting, refusing to start, and coming back after a kill."""

import subprocess
import time

import pytest
from client import Client
from gateway import IS_OWN_BINARY, ROOT, clean_environment, run_command

UNAVAILABLE = 69
CONFIGURATION = 78


def order(key, **fields):
    return {
        "apikey": key, "strategy": "life", "symbol": "RELIANCE", "exchange": "NSE", "action": "BUY", "quantity": 3,
        "pricetype": "MARKET", "product": "CNC",
    } | fields  # fmt: skip


def test_the_version_is_printed(tmp_path):
    done = run_command("version", directory=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("tickgate ")
    assert done.stdout.split()[1][0].isdigit()


def test_an_unknown_command_is_a_usage_error(tmp_path):
    assert run_command("dance", directory=tmp_path).returncode == 64


class TestConfiguration:
    def check(self, tmp_path, *arguments, **environment):
        return run_command("checkconfig", *arguments, directory=tmp_path, environment=environment)

    def test_what_is_in_force_is_listed_with_its_place(self, tmp_path):
        (tmp_path / "own.toml").write_text('[ws]\nport = 9001\n[http]\nport = 9002\n')
        done = self.check(tmp_path, "--config", "own.toml", "--ws.port=9003", TICKGATE_USER="asha")
        assert done.returncode == 0, done.stderr
        for line in ["ws.port = 9003  # flag --ws.port", "http.port = 9002  # file own.toml",
                     'user = "asha"  # environment variable TICKGATE_USER']:  # fmt: skip
            assert line in done.stdout

    def test_the_committed_file_and_its_uncommented_self_are_valid_and_all_defaults(self, tmp_path):
        committed = (ROOT / "config" / "tickgate.toml").read_text()
        whole = "\n".join(line[1:] if line[:1] == "#" and line[1:2].isalpha() else line for line in committed.split("\n"))
        (tmp_path / "whole.toml").write_text(whole)
        listed = self.check(tmp_path).stdout.splitlines()
        from_file = self.check(tmp_path, "--config", "whole.toml").stdout.splitlines()
        assert listed and all(line.endswith("# default") for line in listed)
        values = [line.split("  # ")[0] for line in listed]
        assert [line.split("  # ")[0] for line in from_file] == values
        assert all(line.endswith("# file whole.toml") for line in from_file)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("[ws]\nprot = 1\n", ['"ws.prot"', 'did you mean "ws.port"']),
            ('[ws]\nport = "8765"\n', ["ws.port", "expected integer", "text"]),
            ("[ws]\nport = 70000\n", ["ws.port", "70000", "0 to 65535"]),
            ('[ws]\nhost = "0.0.0.0"\n', ["ws.host", "ws.allow_public"]),
            ("[ws\n", ["own.toml"]),
        ],
        ids=["unknown", "type", "range", "public", "no toml"],
    )
    def test_a_bad_file_is_refused_with_key_and_place(self, tmp_path, text, words):
        (tmp_path / "own.toml").write_text(text)
        for command in ["checkconfig", "serve"]:
            done = run_command(command, "--config", "own.toml", directory=tmp_path)
            assert done.returncode == CONFIGURATION
            for word in [*words, "own.toml"]:
                assert word in done.stderr, done.stderr

    def test_a_missing_file_an_unknown_variable_and_an_unknown_flag_are_refused(self, tmp_path):
        assert self.check(tmp_path, "--config", "nope.toml").returncode == CONFIGURATION
        done = self.check(tmp_path, TICKGATE_WS_PROT="1")
        assert done.returncode == CONFIGURATION and "TICKGATE_WS_PORT" in done.stderr
        done = self.check(tmp_path, "--ws.prot", "1")
        assert done.returncode in (64, CONFIGURATION) and "--ws.port" in done.stderr

    def test_a_secret_is_not_taken_as_a_flag_nor_shown(self, tmp_path):
        done = self.check(tmp_path, "--feeds.zerodha.api_key", "hunter2")
        assert done.returncode in (64, CONFIGURATION)
        assert "TICKGATE_FEEDS_ZERODHA_API_KEY" in done.stderr and "hunter2" not in done.stderr
        done = self.check(tmp_path, TICKGATE_FEEDS_ZERODHA_API_KEY="hunter2")
        assert done.returncode == 0 and "hunter2" not in done.stdout

    def test_the_names_of_an_existing_installation_are_heard(self, tmp_path):
        done = self.check(tmp_path, WEBSOCKET_PORT="9100", WEBSOCKET_HOST="localhost")
        assert "ws.port = 9100" in done.stdout and 'ws.host = "localhost"' in done.stdout


class TestStarting:
    def test_a_second_gateway_on_the_same_state_is_told_the_first(self, make_gateway):
        first = make_gateway()
        second = make_gateway(start=False)
        done = second.command("serve")
        assert done.returncode == UNAVAILABLE
        assert str(first.process.pid) in done.stderr
        assert first.post("ping", {})[0] in (200, 400)

    @pytest.mark.parametrize("setting", ["ws.port", "http.port", "bus.publish"])
    def test_a_port_that_is_taken_is_named_and_not_exchanged(self, make_gateway, setting):
        first = make_gateway()
        second = make_gateway(directory="second", start=False)
        port = first.bus_port if setting == "bus.publish" else first.settings[setting]
        second.settings[setting] = f"tcp://127.0.0.1:{port}" if setting == "bus.publish" else port
        done = second.command("serve")
        assert done.returncode == UNAVAILABLE, done.stderr
        assert str(port) in done.stderr

    def test_a_stale_lock_of_a_killed_gateway_does_not_stop_the_next(self, make_gateway):
        gateway = make_gateway()
        gateway.kill()
        gateway.start()
        assert gateway.stop() == 0

    def test_the_state_directory_is_private(self, make_gateway):
        gateway = make_gateway()
        gateway.add_key()
        assert gateway.state.stat().st_mode & 0o077 == 0
        for path in gateway.state.rglob("*"):
            if path.is_socket() or path.name == "pepper":
                assert path.stat().st_mode & 0o077 == 0, f"{path} is open to others"

    def test_keys_are_nowhere_in_clear(self, make_gateway):
        gateway = make_gateway()
        key = gateway.add_key()
        gateway.post("funds", {"apikey": key})
        with Client(gateway, key):
            pass
        assert gateway.stop() == 0
        assert key not in gateway.log
        for path in gateway.state.rglob("*"):
            if path.is_file():
                assert key.encode() not in path.read_bytes(), path

    def test_keys_work_without_a_running_gateway(self, make_gateway):
        gateway = make_gateway(start=False)
        key = gateway.add_key("early", "asha")
        listed = gateway.command("keys", "list")
        assert listed.returncode == 0 and "early" in listed.stdout and key not in listed.stdout
        gateway.start()
        assert gateway.post("funds", {"apikey": key})[0] == 200

    @pytest.mark.skipif(not IS_OWN_BINARY, reason="another binary is under test")
    def test_the_script_reaches_the_gateway_from_any_directory(self, tmp_path):
        done = subprocess.run(
            [str(ROOT / "scripts" / "run"), "--ws.prot=1"], cwd=tmp_path, env=clean_environment(), capture_output=True,
            text=True, timeout=1200,
        )  # fmt: skip
        assert done.returncode in (64, CONFIGURATION) and "--ws.port" in done.stderr


class TestCrash:
    def books(self, gateway, key):
        orders = gateway.post("orderbook", {"apikey": key})[1]["data"]["orders"]
        positions = gateway.post("positionbook", {"apikey": key})[1]["data"]
        funds = gateway.post("funds", {"apikey": key})[1]["data"]
        facts = ["orderid", "order_status", "quantity", "filled_quantity", "average_price", "symbol", "action", "price"]
        return (
            [{name: one[name] for name in facts} for one in orders],
            sorted((one["symbol"], one["product"], one["quantity"], one["average_price"]) for one in positions),
            funds["utiliseddebits"],
        )

    def test_key_and_books_survive_a_kill(self, make_gateway):
        gateway = make_gateway()
        key = gateway.add_key()
        for fields in [{}, {"symbol": "TCS", "quantity": 1, "product": "MIS"},
                       {"symbol": "INFY", "pricetype": "LIMIT", "price": 1.05}]:  # fmt: skip
            status, body = gateway.post("placeorder", order(key, **fields))
            assert status == 200, body
        before = self.books(gateway, key)
        assert [one["order_status"] for one in before[0]] == ["open", "complete", "complete"]
        gateway.kill()
        gateway.start()
        assert self.books(gateway, key) == before
        status, body = gateway.post("placeorder", order(key))
        assert status == 200 and body["orderid"] not in {one["orderid"] for one in before[0]}

    def test_no_acknowledged_order_is_lost_by_a_kill_in_the_middle(self, make_gateway):
        gateway = make_gateway()
        key = gateway.add_key()
        acknowledged = []
        for round_number in range(3):
            deadline = time.monotonic() + 1
            while time.monotonic() < deadline:
                status, body = gateway.post("placeorder", order(key, pricetype="LIMIT", price=1.05, quantity=1))
                assert status == 200, body
                acknowledged.append(body["orderid"])
            gateway.kill()
            gateway.start()
            kept = {one["orderid"] for one in gateway.post("orderbook", {"apikey": key})[1]["data"]["orders"]}
            assert set(acknowledged) <= kept, f"round {round_number}"
        assert len(set(acknowledged)) == len(acknowledged)

    def test_clients_are_served_again_after_a_kill(self, make_gateway):
        gateway = make_gateway()
        key = gateway.add_key()
        with Client(gateway, key) as client:
            client.subscribe("RELIANCE", mode=1, seq=True)
            first = client.tick("RELIANCE")
        gateway.kill()
        gateway.start()
        with Client(gateway, key) as client:
            client.subscribe("RELIANCE", mode=1, seq=True)
            assert client.tick("RELIANCE")["epoch"] > first["epoch"]
