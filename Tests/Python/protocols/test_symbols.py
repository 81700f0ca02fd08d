"""`tickgate symbols` on instrument lists of the four brokers, and what a gateway starts with when a list is broken."""

import gzip
import json
import re
import sqlite3
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from client import Client
from gateway import free_port, run_command, variable
from test_feeds import BROKERS, broker, settings, write_token

OK, FAILURE, USAGE, UNREADABLE, UNAVAILABLE, CONFIGURATION = 0, 1, 64, 65, 69, 78
COMMAND_SECONDS = 60
COUNT = 120
# RELIANCE on NSE as each broker calls it: symbol, exchange, token.
RELIANCE = {
    "zerodha": ("RELIANCE", "NSE", "256257::::1001"),
    "angel": ("RELIANCE-EQ", "NSE", "11"),
    "upstox": ("RELIANCE", "NSE_EQ", "NSE_EQ|INE000001A01"),
    "dhan": ("RELIANCE", "NSE_EQ", "11"),
}


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    """The list of the simulated exchange as each broker writes it."""
    made = {}
    for name in BROKERS:
        directory = tmp_path_factory.mktemp(name)
        with broker(name, directory):
            made[name] = (directory / "list").read_text()
    return made


class Symbols:
    """The command with a state directory of its own."""

    def __init__(self, directory):
        self.directory = directory
        self.settings = {"state_dir": directory / "state"}

    def run(self, *arguments, **more):
        environment = {variable(name): str(value) for name, value in (self.settings | more).items()}
        return run_command(
            "symbols", *arguments, directory=self.directory, environment=environment, timeout=COMMAND_SECONDS
        )

    def refresh(self, name, content, *options):
        """Refreshes from a file with this content."""
        path = self.directory / f"{name}.list"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self.run("refresh", "--broker", name, "--file", str(path), *options)

    def count(self, name):
        """Instruments of the broker that are in force."""
        database = sqlite3.connect(f"file:{self.directory}/state/masters.sqlite?mode=ro", uri=True)
        try:
            return database.execute("SELECT count(*) FROM symtoken WHERE broker = ?", [name]).fetchone()[0]
        finally:
            database.close()

    def is_known(self, instrument):
        done = self.run("show", instrument)
        assert done.returncode == OK or (done.returncode == FAILURE and "is in no list" in done.stderr), done
        return done.returncode == OK


@pytest.fixture
def symbols(tmp_path):
    return Symbols(tmp_path)


def tables(text):
    """Rows of each table by the names of its columns, which stand above one another."""
    made = []
    for block in text.strip("\n").split("\n\n"):
        lines = block.splitlines()
        starts = [match.start() for match in re.finditer(r"\S+( \S+)*", lines[0])]
        names, *rows = [[line[a:b].strip() for a, b in zip(starts, [*starts[1:], None])] for line in lines]
        made.append([dict(zip(names, row)) for row in rows])
    return made


def rows_of(text):
    """The rows of a list, and how to make a list of some of them."""
    if text.startswith("["):
        return json.loads(text), json.dumps
    header, *lines = text.splitlines(True)
    return lines, lambda rows: header + "".join(rows)


def two_thirds(text):
    rows, write = rows_of(text)
    return write(rows[: len(rows) * 2 // 3])


def broken_rows(text):
    """Every tenth row has lost its token."""
    rows, write = rows_of(text)
    for index in range(0, len(rows), 10):
        if isinstance(rows[index], dict):
            rows[index] |= {key: "" for key in ("token", "instrument_key") if key in rows[index]}
        else:
            rows[index] = "no,row\n"
    return write(rows)


BROKEN = {
    "truncated": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "garbage": lambda text: "\0\1\2 this is no list\n" * 50,
    "broken rows": broken_rows,
    "broken gzip": lambda text: gzip.compress(text.encode())[:-20],
}


@pytest.mark.parametrize("name", BROKERS)
class TestLists:
    def test_a_refresh_says_what_it_took(self, symbols, lists, name):
        done = symbols.refresh(name, lists[name])
        assert (done.returncode, done.stderr) == (OK, "")
        assert done.stdout == f"{name}: {COUNT} instruments from {symbols.directory / name}.list\n"
        assert symbols.count(name) == COUNT
        again = symbols.refresh(name, lists[name])
        assert again.returncode == OK and again.stdout == done.stdout.rstrip("\n") + ", unchanged\n"

    def test_a_list_may_be_packed(self, symbols, lists, name):
        done = symbols.refresh(name, gzip.compress(lists[name].encode()))
        assert done.returncode == OK and f"{name}: {COUNT} instruments" in done.stdout, done.stderr
        assert symbols.is_known("NSE:RELIANCE")

    @pytest.mark.parametrize(
        "words, exchange, pattern",
        [
            ("reliance", "NSE", "RELIANCE"),
            ("infy", "BSE", "INFY"),
            ("nifty", "NSE_INDEX", "NIFTY|BANKNIFTY|FINNIFTY|MIDCPNIFTY"),
            ("nifty fut", "NFO", r"[A-Z]*NIFTY\d\d[A-Z]{3}\d\dFUT"),
            ("banknifty ce", "NFO", r"BANKNIFTY\d\d[A-Z]{3}\d{2}\d+CE"),
            ("crudeoil", "MCX", r"CRUDEOIL\d\d[A-Z]{3}\d\dFUT"),
        ],
    )
    def test_search_finds_the_common_symbols(self, symbols, lists, name, words, exchange, pattern):
        symbols.refresh(name, lists[name])
        done = symbols.run("search", words, "--exchange", exchange)
        assert (done.returncode, done.stderr) == (OK, "")
        [rows] = tables(done.stdout)
        assert rows and all(row["EXCHANGE"] == exchange and row["BROKERS"] == name for row in rows)
        assert [row["SYMBOL"] for row in rows if not re.fullmatch(pattern, row["SYMBOL"])] == []

    def test_show_has_the_fields_of_a_share(self, symbols, lists, name):
        symbols.refresh(name, lists[name])
        done = symbols.run("show", "NSE:RELIANCE")
        assert (done.returncode, done.stderr) == (OK, "")
        [[common], [own]] = tables(done.stdout)
        assert (common["EXCHANGE"], common["SYMBOL"], common["KIND"]) == ("NSE", "RELIANCE", "EQ")
        assert (common["EXPIRY"], common["STRIKE"], common["LOT"], common["TICK"]) == ("", "", "1", "0.1")
        assert (own["BROKER SYMBOL"], own["BROKER EXCHANGE"], own["TOKEN"]) == RELIANCE[name]
        assert (own["BROKER"], own["BROKER LOT"], own["TICK"]) == (name, "1", "0.1")

    def test_show_has_the_fields_of_an_option(self, symbols, lists, name):
        symbols.refresh(name, lists[name])
        [found] = tables(symbols.run("search", "banknifty pe", "--exchange", "NFO", "--limit", "1").stdout)
        symbol = found[0]["SYMBOL"]
        day, month, year, strike = re.fullmatch(r"BANKNIFTY(\d\d)([A-Z]{3})(\d\d)(\d+)PE", symbol).groups()
        [[common], [own]] = tables(symbols.run("show", f"NFO:{symbol}").stdout)
        assert (common["NAME"], common["KIND"]) == ("BANKNIFTY", "PE")
        assert (common["EXPIRY"], common["STRIKE"]) == (f"{day}-{month}-{year}", strike)
        assert (common["LOT"], common["TICK"]) == ("35", "0.05")
        assert own["BROKER"] == name and own["TOKEN"] and own["BROKER SYMBOL"]

    def test_a_list_that_lost_a_third_is_taken_by_force_only(self, symbols, lists, name):
        symbols.refresh(name, lists[name])
        shrunk = two_thirds(lists[name])
        done = symbols.refresh(name, shrunk)
        assert done.returncode == FAILURE and done.stdout == ""
        assert f"the instrument list of {name}" in done.stderr and "is refused, the last good one stays" in done.stderr
        assert f"only {COUNT * 2 // 3} instruments where the last list has {COUNT}" in done.stderr
        assert symbols.count(name) == COUNT and symbols.is_known("NSE:IDEA")
        forced = symbols.refresh(name, shrunk, "--force")
        assert forced.returncode == OK and f"{COUNT * 2 // 3} instruments" in forced.stdout
        assert symbols.count(name) == COUNT * 2 // 3
        assert symbols.is_known("NSE:RELIANCE") and not symbols.is_known("NSE:IDEA")
        assert symbols.refresh(name, lists[name]).returncode == OK and symbols.is_known("NSE:IDEA")

    @pytest.mark.parametrize("kind", BROKEN)
    def test_a_broken_list_changes_nothing(self, symbols, lists, name, kind):
        symbols.refresh(name, lists[name])
        done = symbols.refresh(name, BROKEN[kind](lists[name]))
        assert done.returncode != OK and done.stdout == ""
        assert done.stderr.startswith("tickgate: ") and f"{name}.list" in done.stderr
        assert symbols.count(name) == COUNT and symbols.is_known("NSE:RELIANCE")

    def test_force_does_not_take_what_is_no_list(self, symbols, lists, name):
        symbols.refresh(name, lists[name])
        for kind in ("empty", "garbage", "broken gzip"):
            assert symbols.refresh(name, BROKEN[kind](lists[name]), "--force").returncode != OK
        assert symbols.count(name) == COUNT

    def test_the_list_of_another_broker_is_refused(self, symbols, lists, name):
        for other in BROKERS:
            if other != name:
                done = symbols.refresh(name, lists[other])
                assert done.returncode != OK and done.stderr.startswith("tickgate: "), other
        assert not symbols.is_known("NSE:RELIANCE")

    def test_what_cannot_be_read_has_the_exit_code_of_that(self, symbols, lists, name):
        done = symbols.run("refresh", "--broker", name, "--file", "nowhere.csv")
        assert "nowhere.csv: No such file or directory" in done.stderr
        assert done.returncode == UNREADABLE
        assert symbols.refresh(name, "").returncode == UNREADABLE
        assert symbols.refresh(name, BROKEN["garbage"](lists[name])).returncode == UNREADABLE


def test_an_instrument_is_shown_once_with_all_its_brokers(symbols, lists):
    for name in BROKERS:
        assert symbols.refresh(name, lists[name]).returncode == OK
    [rows] = tables(symbols.run("search", "tcs", "--exchange", "BSE").stdout)
    assert [(row["SYMBOL"], row["BROKERS"]) for row in rows] == [("TCS", ",".join(sorted(BROKERS)))]
    [[common], own] = tables(symbols.run("show", "nse:RELIANCE").stdout)
    assert common["SYMBOL"] == "RELIANCE"
    assert {row["BROKER"]: (row["BROKER SYMBOL"], row["BROKER EXCHANGE"], row["TOKEN"]) for row in own} == RELIANCE
    assert len(tables(symbols.run("search", "nifty", "--limit", "3").stdout)[0]) == 3


def test_of_several_brokers_one_broken_list_does_not_hinder_the_others(symbols, lists):
    for name in BROKERS:
        (symbols.directory / name).write_text("" if name == "zerodha" else lists[name])
    more = {f"feeds.{name}.instruments": symbols.directory / name for name in BROKERS}
    done = symbols.run("refresh", **{"feeds.enabled": ",".join(BROKERS)}, **more)
    assert done.returncode != OK and "the instrument list is empty" in done.stderr
    assert [symbols.count(name) for name in BROKERS] == [0, COUNT, COUNT, COUNT]


class TestErrors:
    @pytest.mark.parametrize(
        "arguments, code, text",
        [
            (["refresh", "--broker", "nosuch"], USAGE, "there are: zerodha, angel, upstox, dhan"),
            (["refresh", "--broker", "sim"], USAGE, "there are: zerodha, angel, upstox, dhan"),
            (["refresh"], USAGE, "name one: --broker NAME"),
            (["refresh", "--file", "list"], USAGE, "Name the broker: --broker NAME"),
            (["refresh", "--broker"], USAGE, "Missing value"),
            (["refresh", "--broker", "dhan", "--nosuch", "1"], CONFIGURATION, "--nosuch"),
            (["search"], USAGE, "<text>"),
            (["search", "nosuchthing"], FAILURE, "nothing found"),
            (["search", "tcs", "--exchange", "NOSUCH"], USAGE, "'NOSUCH' is no exchange; there are: NSE, "),
            (["search", "tcs", "--limit", "0"], USAGE, "--limit is 1 to "),
            (["search", "tcs", "--limit", "many"], USAGE, "many"),
            (["show", "NSE:NOSUCH"], FAILURE, "NSE:NOSUCH is in no list"),
            (["show", "NSE:reliance"], FAILURE, "case-sensitive"),
            (["show", "RELIANCE"], USAGE, "'RELIANCE' is not EXCHANGE:SYMBOL"),
            (["show", "NOSUCH:RELIANCE"], USAGE, "'NOSUCH' is no exchange; there are: NSE, "),
            (["show"], USAGE, "<instrument>"),
            (["nosuch"], USAGE, "nosuch"),
        ],
    )
    def test_a_mistake_is_explained(self, symbols, lists, arguments, code, text):
        symbols.refresh("dhan", lists["dhan"])
        done = symbols.run(*arguments)
        assert (done.returncode, done.stdout) == (code, ""), done
        assert text in done.stderr

    def test_without_any_list_it_says_how_to_get_one(self, symbols):
        done = symbols.run("search", "reliance")
        assert done.returncode == FAILURE and "tickgate symbols refresh" in done.stderr

    def test_a_damaged_database_is_named(self, symbols, lists):
        (symbols.directory / "state").mkdir()
        (symbols.directory / "state" / "masters.sqlite").write_text("this is no database\n" * 500)
        for done in (symbols.run("show", "NSE:TCS"), symbols.refresh("dhan", lists["dhan"])):
            assert done.returncode == UNAVAILABLE and "masters.sqlite" in done.stderr


# Lists from a server.

KEY = "apikey0123456789"
TOKEN = "accesstoken0123456789"


@contextmanager
def server(content, authorization=None, status=200):
    """Serves a list to those with the right header; gives its address and the headers of each request."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(dict(self.headers))
            is_right = authorization is None or self.headers.get("Authorization") == authorization
            body = content.encode() if is_right and status == 200 else b'{"status":"error"}'
            self.send_response(status if is_right else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}/instruments", seen
        finally:
            running.shutdown()
            thread.join()


def zerodha(directory, url, token_file):
    (directory / "token").write_text(token_file)
    (directory / "token").chmod(0o600)
    return {
        "feeds.enabled": "zerodha",
        "feeds.zerodha.instruments": url,
        "feeds.zerodha.token_file": directory / "token",
    }


@pytest.mark.parametrize("has_key_in_file", [True, False], ids=["key in the file", "key in the settings"])
def test_zerodhas_list_is_asked_for_with_the_login_of_the_day(symbols, lists, has_key_in_file):
    with server(lists["zerodha"], authorization=f"token {KEY}:{TOKEN}") as (url, seen):
        if has_key_in_file:
            more = zerodha(symbols.directory, url, json.dumps({"access_token": TOKEN, "api_key": KEY}))
        else:
            more = zerodha(symbols.directory, url, TOKEN) | {"feeds.zerodha.api_key": KEY}
        done = symbols.run("refresh", **more)
    assert done.returncode == OK, (done.stderr, [sorted(headers) for headers in seen])
    assert done.stdout == f"zerodha: {COUNT} instruments from {url}\n"
    assert symbols.count("zerodha") == COUNT and symbols.is_known("NSE:RELIANCE")
    assert len(seen) == 1 and TOKEN not in done.stderr and KEY not in done.stderr


def test_a_login_that_is_refused_is_said_without_the_token(symbols, lists):
    symbols.refresh("zerodha", lists["zerodha"])
    with server(lists["zerodha"], authorization=f"token {KEY}:another") as (url, seen):
        more = zerodha(symbols.directory, url, json.dumps({"access_token": TOKEN, "api_key": KEY}))
        done = symbols.run("refresh", **more)
    assert done.returncode == UNAVAILABLE and "it wants today's login of the broker" in done.stderr
    assert len(seen) == 1 and TOKEN not in done.stderr and KEY not in done.stderr
    assert symbols.count("zerodha") == COUNT


def test_the_others_lists_are_asked_for_without_a_login(symbols, lists):
    for name in ("angel", "upstox", "dhan"):
        write_token(symbols.directory, TOKEN)
        with server(lists[name]) as (url, seen):
            more = {f"feeds.{name}.instruments": url, f"feeds.{name}.token_file": symbols.directory / "token"}
            done = symbols.run("refresh", "--broker", name, **more)
        assert done.returncode == OK and symbols.count(name) == COUNT, done.stderr
        assert len(seen) == 1 and "Authorization" not in seen[0] and TOKEN not in str(seen)


@pytest.mark.parametrize("status", [404, 429, 500])
def test_a_server_that_has_no_list_is_said(symbols, lists, status):
    symbols.refresh("dhan", lists["dhan"])
    with server(lists["dhan"], status=status) as (url, _):
        done = symbols.run("refresh", "--broker", "dhan", **{"feeds.dhan.instruments": url})
    assert done.returncode == UNAVAILABLE and f"{url} answered with status {status}" in done.stderr
    assert symbols.count("dhan") == COUNT


def test_a_server_that_is_not_there_is_said(symbols):
    url = f"http://127.0.0.1:{free_port()}/instruments"
    done = symbols.run("refresh", "--broker", "dhan", **{"feeds.dhan.instruments": url})
    assert done.returncode == UNAVAILABLE and url in done.stderr


def test_an_address_that_is_not_encrypted_is_not_asked(symbols):
    done = symbols.run("refresh", "--broker", "dhan", **{"feeds.dhan.instruments": "http://example.invalid/list"})
    assert done.returncode == CONFIGURATION and "is no https address" in done.stderr


# What a gateway starts with.


@pytest.mark.parametrize(
    "name, breaks, cause",
    [
        ("zerodha", BROKEN["garbage"], "the instrument list has no column instrument_token"),
        ("angel", BROKEN["truncated"], "the instrument list ends in the middle"),
        ("upstox", None, "No such file or directory"),
        ("dhan", two_thirds, "is refused, the last good one stays"),
    ],
    ids=["garbage", "truncated", "missing", "lost rows"],
)
def test_a_gateway_with_a_broken_list_starts_with_the_last_good_one(make_gateway, tmp_path, lists, name, breaks, cause):
    write_token(tmp_path, "first")
    with broker(name, tmp_path) as url:
        gateway = make_gateway(settings(name, url, tmp_path), start=False)
        done = gateway.command("symbols", "refresh")
        assert done.returncode == OK, done.stderr
        path = tmp_path / "list"
        path.write_text(breaks(path.read_text())) if breaks else path.unlink()
        gateway.start()
        [line] = [line for line in gateway.log.splitlines() if re.search("the list of .* is used", line)]
        assert cause in line and " error " in line
        with Client(gateway, gateway.add_key()) as client:
            for symbol in ("RELIANCE", "IDEA"):
                client.subscribe(symbol, mode=1)
                assert client.tick(symbol, mode=1)["broker"] == name


@pytest.mark.parametrize("name", BROKERS)
def test_a_gateway_without_any_good_list_says_how_to_get_one(symbols, lists, name):
    (symbols.directory / "list").write_text(BROKEN["garbage"](lists[name]))
    write_token(symbols.directory, "first")
    own = settings(name, f"ws://127.0.0.1:{free_port()}/", symbols.directory) | symbols.settings
    own |= {"ws.port": 0, "http.port": 0, "bus.publish": ""}
    environment = {variable(key): str(value) for key, value in own.items()}
    done = run_command("serve", directory=symbols.directory, environment=environment, timeout=COMMAND_SECONDS)
    assert done.returncode == CONFIGURATION
    assert f"no instruments of {name}: " in done.stderr and f"tickgate symbols refresh --broker {name}" in done.stderr
    assert f"feeds.{name}.instruments" in done.stderr
