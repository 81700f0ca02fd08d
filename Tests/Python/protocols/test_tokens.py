"""`tickgate token`: secrets go in through standard input, are stored encrypted, and are shown nowhere."""

import http.server
import json
import os
import pty
import subprocess
import threading
import time

import pytest

from client import Client
from gateway import BINARY, clean_environment, run_command
from test_feeds import broker, settings

SECRET = "very-secret-token-1"
CONFIGURATION, UNAVAILABLE, USAGE = 78, 69, 64


def token(directory, *arguments, text="", **environment):
    return subprocess.run(
        [str(BINARY), "token", *arguments],
        cwd=directory,
        env=clean_environment(**environment),
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_a_secret_is_stored_listed_and_removed_without_being_shown(tmp_path):
    assert token(tmp_path, "list").stdout.split() == ["BROKER", "TOKEN", "AGE", "STORED"]
    done = token(tmp_path, "set", "zerodha", text=f"  {SECRET}\n")
    assert done.returncode == 0, done.stderr
    assert token(tmp_path, "set", "zerodha", "--field", "api_key", text="key-1").returncode == 0
    listed = token(tmp_path, "list")
    assert listed.stdout.splitlines()[1].split() == ["zerodha", "0", "min", "access_token,", "api_key"]
    for shown in [done.stdout, done.stderr, listed.stdout, listed.stderr]:
        assert SECRET not in shown
    for file in (tmp_path / "state").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
        assert SECRET.encode() not in file.read_bytes()
    assert token(tmp_path, "remove", "zerodha", "--field", "access_token").returncode == 0
    assert token(tmp_path, "list").stdout.splitlines()[1].split() == ["zerodha", "-", "api_key"]
    assert token(tmp_path, "remove", "zerodha").returncode == 0
    assert token(tmp_path, "remove", "zerodha").returncode == CONFIGURATION


def test_a_secret_as_an_argument_is_refused_without_being_repeated(tmp_path):
    done = token(tmp_path, "set", "zerodha", SECRET)
    assert done.returncode == USAGE
    assert "standard input" in done.stderr and SECRET not in done.stderr + done.stdout
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("text", ["", "   \n", "two words", "line\nbreak"])
def test_what_can_be_no_secret_is_refused(tmp_path, text):
    done = token(tmp_path, "set", "dhan", text=text)
    assert done.returncode == CONFIGURATION and "access_token" in done.stderr
    assert token(tmp_path, "set", "nobody", text=SECRET).returncode == CONFIGURATION
    assert token(tmp_path, "set", "dhan", "--field", "colour", text=SECRET).returncode == USAGE


def test_a_key_that_others_can_read_is_refused_with_the_command_that_mends_it(tmp_path):
    assert token(tmp_path, "set", "dhan", text=SECRET).returncode == 0
    key = tmp_path / "state" / "credentials.key"
    key.chmod(0o644)
    done = token(tmp_path, "list")
    assert done.returncode == CONFIGURATION and f"chmod 600 state/{key.name}" in done.stderr
    key.chmod(0o600)
    key.write_bytes(bytes(32))
    done = token(tmp_path, "list")
    assert done.returncode == CONFIGURATION and "another key" in done.stderr


def on_terminal(directory, *arguments, typed):
    """Runs a command on a terminal of its own and types; gives all that the terminal showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.execve(str(BINARY), [str(BINARY), *arguments], clean_environment())
    shown = b""
    is_typed = False
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
        if not is_typed and b": " in shown:
            is_typed = True
            time.sleep(0.2)
            os.write(terminal, typed)
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_terminal_shows_nothing_of_what_is_typed(tmp_path):
    shown, code = on_terminal(tmp_path, "token", "set", "angel", "--field", "pin", typed=b"918273\n")
    assert code == 0 and "pin of angel: " in shown and "918273" not in shown
    assert "pin" in token(tmp_path, "list").stdout
    shown, code = on_terminal(tmp_path, "token", "set", "dhan", typed=b"half\x03")
    assert code == 1 and "nothing was changed" in shown and "half" not in shown
    assert "dhan" not in token(tmp_path, "list").stdout


class Service:
    """A login service on loopback that answers everything alike and keeps what it was asked."""

    def __init__(self, status, answer):
        self.asked = []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                service.asked.append((self.command, self.path, body))
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"


def store(directory, broker, **fields):
    for field, text in fields.items():
        assert token(directory, "set", broker, "--field", field, text=text).returncode == 0


def test_a_request_token_is_exchanged_with_the_stored_secrets(tmp_path):
    service = Service(200, {"data": {"access_token": SECRET}})
    store(tmp_path, "zerodha", api_secret="api-secret-1")
    done = token(
        tmp_path, "login", "zerodha", "--feeds.zerodha.login_url", service.url,
        text="https://127.0.0.1/?request_token=req-1&status=success\n", TICKGATE_FEEDS_ZERODHA_API_KEY="key-1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "https://kite.zerodha.com/connect/login?v=3&api_key=key-1" in done.stderr
    assert "api-secret-1" not in done.stdout + done.stderr and SECRET not in done.stdout + done.stderr
    command, path, body = service.asked[0]
    assert (command, path) == ("POST", "/session/token")
    assert body.startswith("api_key=key-1&request_token=req-1&checksum=")
    assert "access_token, api_secret" in token(tmp_path, "list").stdout


def test_angel_logs_in_with_what_is_stored(tmp_path):
    service = Service(200, {"status": True, "data": {"jwtToken": SECRET, "feedToken": "feed-1"}})
    url = ["--feeds.angel.login_url", service.url]
    done = token(tmp_path, "login", "angel", *url)
    assert done.returncode == CONFIGURATION and "tickgate token set angel --field pin" in done.stderr
    store(tmp_path, "angel", api_key="k", client_id="c", pin="4711", totp_secret="GEZD GNBV GY3T QOJQ")
    assert token(tmp_path, "login", "angel", *url).returncode == 0
    assert json.loads(service.asked[0][2])["clientcode"] == "c"
    listed = token(tmp_path, "list").stdout
    assert "access_token, feed_token, api_key, client_id, pin, totp_secret" in listed


@pytest.mark.parametrize(("status", "code"), [(401, 1), (429, UNAVAILABLE), (500, UNAVAILABLE)])
def test_a_login_that_fails_says_why_and_stores_nothing(tmp_path, status, code):
    service = Service(status, {"message": "no api-secret-1"})
    store(tmp_path, "upstox", api_key="key-1", api_secret="api-secret-1")
    arguments = ["--feeds.upstox.login_url", service.url, "--feeds.upstox.redirect_url", "https://example.org"]
    done = token(tmp_path, "login", "upstox", *arguments, text="code-1")
    assert done.returncode == code and "api-secret-1" not in done.stderr + done.stdout
    assert "access_token" not in token(tmp_path, "list").stdout


def test_secrets_are_sent_over_https_only(tmp_path):
    store(tmp_path, "dhan", client_id="c", pin="4711", totp_secret="GEZDGNBVGY3TQOJQ")
    done = token(tmp_path, "login", "dhan", "--feeds.dhan.login_url", "http://example.org")
    assert done.returncode != 0 and "https" in done.stderr


def test_a_running_gateway_takes_a_new_token_from_the_store(make_gateway, tmp_path):
    with broker("zerodha", tmp_path) as url:
        own = settings("zerodha", url, tmp_path)
        own.pop("feeds.zerodha.token_file")
        gateway = make_gateway(own)
        with Client(gateway, key=gateway.add_key()) as client:
            client.subscribe("RELIANCE", mode=1)
            done = token(gateway.directory, "set", "zerodha", "--state_dir", str(gateway.state), text=SECRET)
            assert done.returncode == 0, done.stderr
            assert client.tick("RELIANCE", mode=1)["data"]["ltp"] > 0


def test_a_gateway_does_not_start_with_a_key_that_others_can_read(make_gateway, tmp_path):
    with broker("zerodha", tmp_path) as url:
        gateway = make_gateway(settings("zerodha", url, tmp_path), start=False)
        gateway.state.mkdir(parents=True)
        (gateway.state / "credentials.key").write_bytes(bytes(32))
        (gateway.state / "credentials.key").chmod(0o644)
        done = run_command(
            "serve", "--state_dir", str(gateway.state), "--feeds.enabled", "zerodha", directory=gateway.directory
        )
        assert done.returncode == CONFIGURATION and "chmod 600" in done.stderr


class TestCalendar:
    def check(self, tmp_path, text):
        (tmp_path / "calendar.toml").write_text(text)
        return run_command("checkconfig", "--calendar.file", "calendar.toml", directory=tmp_path)

    def test_the_committed_calendar_is_valid(self, tmp_path):
        from gateway import ROOT

        done = self.check(tmp_path, (ROOT / "config" / "calendar.toml").read_text())
        assert done.returncode == 0, done.stderr

    def test_a_session_may_be_shortened_replaced_and_added(self, tmp_path):
        day = '[[day]]\ndate = "2026-11-08"\nexchanges = ["NSE"]\nsessions = ["18:00-18:30", "18:45-19:45"]\n'
        week = '[[session]]\nexchanges = ["CDS"]\nopen = "09:00"\nclose = "17:00"\nweekdays = ["mon", "sat"]\n'
        assert self.check(tmp_path, day + week).returncode == 0

    @pytest.mark.parametrize(
        ("text", "line", "words"),
        [
            ('date = "2026-02-30"\nexchanges = ["NSE"]\nclosed = true', 3, "date must be"),
            ('date = 2026-01-26\nexchanges = ["NSE"]\nclosed = true', 3, "date must be"),
            ('date = "2026-01-26"\nexchanges = ["NSA"]\nclosed = true', 3, '"NSA"'),
            ('date = "2026-01-26"\nexchanges = []\nclosed = true', 3, "exchanges are needed"),
            ('date = "2026-01-26"\nexchanges = ["NSE"]', 3, "one of closed"),
            ('date = "2026-01-26"\nexchanges = ["NSE"]\nclosed = false', 3, "only be true"),
            ('date = "2026-01-26"\nexchanges = ["NSE"]\nclosed = true\nclosd = true', 3, '"closd"'),
            ('date = "2026-01-26"\nexchanges = ["NSE"]\nsessions = ["9:15-15:30"]', 3, '"9:15-15:30"'),
            ('date = "2026-01-26"\nexchanges = ["NSE"]\nsessions = ["15:30-09:15"]', 3, "no session"),
            ('date = "2026-01-26"\nexchanges = ["NSE"]\nsessions = ["10:00-12:00", "11:00-13:00"]', 3, "overlap"),
            ('date = "2026-01-24"\nexchanges = ["NSE"]\nclosed_until = "12:00"', 3, "no regular session"),
            ('date = "2026-01-26"\nexchanges = ["NSE"]\nclosed_until = "17:00"', 3, "not within"),
            ('date = "2026-01-26"\nexchanges = ["NSE", "NSE"]\nclosed = true', 3, "already"),
        ],
    )
    def test_a_bad_day_is_refused_with_its_line(self, tmp_path, text, line, words):
        done = self.check(tmp_path, f"# one\n\n[[day]]\n{text}\n")
        assert done.returncode == CONFIGURATION
        assert f"calendar.toml: line {line}: " in done.stderr and words in done.stderr, done.stderr

    def test_what_is_no_calendar_is_refused(self, tmp_path):
        for text in ["[day", "day = 1", "[days]\na = 1", '[[session]]\nexchanges = ["NSE"]\nopen = "24:01"\nclose = "x"']:
            done = self.check(tmp_path, text)
            assert done.returncode == CONFIGURATION and "calendar.toml" in done.stderr, text
        assert run_command("checkconfig", "--calendar.file", "nope.toml", directory=tmp_path).returncode == CONFIGURATION
