"""A gateway under test: the release binary, started with free ports and a state directory of its own.

Only the standard library is used, so that the environments of the SDK tests can import it too.
"""

import itertools
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OWN_BINARY = ROOT / ".build" / "release" / "tickgate"
BINARY = Path(os.environ.get("BINARY_UNDER_TEST", OWN_BINARY))
IS_OWN_BINARY = BINARY == OWN_BINARY
START_SECONDS = 20
STOP_SECONDS = 15


# Below the ports that Linux gives to connections, so that none of those takes one between its choice and its use;
# every worker of a parallel run has its own.
WORKERS_MAX = 16
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS_MAX
PORTS = range(10_000, 32_000, WORKERS_MAX)
_candidates = itertools.cycle(PORTS)
for _ in range(random.randrange(len(PORTS))):
    next(_candidates)


def free_port() -> int:
    """A port that nothing listens on at the moment."""
    for port in itertools.islice(_candidates, len(PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port + WORKER))
            except OSError:
                continue
            return port + WORKER
    raise RuntimeError("no free port")


def clean_environment(**extra) -> dict:
    """The environment without settings that somebody's shell may carry."""
    foreign = re.compile(r"^(TICKGATE_|WEBSOCKET_|WS_|ZMQ_|.*_RATE_LIMIT$)")
    return {k: v for k, v in os.environ.items() if not foreign.match(k)} | extra


def variable(setting: str) -> str:
    """Name of a setting in the environment: ws.port is TICKGATE_WS_PORT."""
    return "TICKGATE_" + setting.replace(".", "_").upper()


def run_command(*arguments, directory, environment=None, timeout=30):
    """Runs one command of the binary to its end."""
    return subprocess.run(
        [str(BINARY), *arguments],
        cwd=directory,
        env=clean_environment(**(environment or {})),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


class Gateway:
    """One gateway. `directory` outlives it, so that a test can start another one on the same state."""

    def __init__(self, directory, settings=None):
        self.directory = Path(directory)
        self.state = self.directory / "state"
        self.ws_port = free_port()
        self.http_port = free_port()
        self.bus_port = free_port()
        self.settings = {
            "state_dir": str(self.state),
            "ws.port": self.ws_port,
            "http.port": self.http_port,
            "bus.publish": f"tcp://127.0.0.1:{self.bus_port},ipc://{self.state}/bus.sock",
            "sim.ticks_per_second": 3000,
            "feeds.unsubscribe_linger_ms": 200,
            "http.order_rate": "1000 per second",
            "http.api_rate": "1000 per second",
        } | (settings or {})
        self.process = None
        self._log = None

    @property
    def environment(self) -> dict:
        return {variable(name): str(value) for name, value in self.settings.items()}

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.ws_port}"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def log(self) -> str:
        return (self.directory / "gateway.log").read_text(errors="replace")

    def start(self):
        assert self.process is None
        self.directory.mkdir(parents=True, exist_ok=True)
        self._log = open(self.directory / "gateway.log", "ab")
        self.process = subprocess.Popen(
            [str(BINARY), "serve"],
            cwd=self.directory,
            env=clean_environment(**self.environment),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._await_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def _await_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the gateway ended with {self.process.returncode}:\n{self.log}")
            try:
                socket.create_connection(("127.0.0.1", self.ws_port), 1).close()
                self.post("ping", {})
                return
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
        raise AssertionError(f"the gateway does not answer after {START_SECONDS} s:\n{self.log}")

    def stop(self) -> int:
        """Asks the gateway to end, and returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self._wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM did not end the gateway within {STOP_SECONDS} s:\n{self.log}") from None

    def kill(self):
        """kill -9."""
        self.process.kill()
        self._wait(STOP_SECONDS)

    def _wait(self, seconds) -> int:
        code = self.process.wait(seconds)
        self.process = None
        self._log.close()
        return code

    def command(self, *arguments, timeout=30):
        """A command of the binary with the settings of this gateway."""
        self.directory.mkdir(parents=True, exist_ok=True)
        return run_command(*arguments, directory=self.directory, environment=self.environment, timeout=timeout)

    def add_key(self, name="test", user="asha") -> str:
        done = self.command("keys", "add", "--name", name, "--user", user)
        assert done.returncode == 0, done.stderr
        key = done.stdout.strip()
        assert re.fullmatch(r"[0-9a-f]{64}", key), f"not a key alone: {done.stdout!r}"
        return key

    def clients(self) -> dict:
        """What `tickgate clients` tells: the list `clients` and the `totals`."""
        done = self.command("clients", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def descriptors(self) -> int:
        """Descriptors that the process has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def post(self, endpoint, body) -> tuple:
        """POST /api/v1/<endpoint>; status and parsed body."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.http_url}/api/v1/{endpoint}", data=data, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=15) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")


def wait_until(condition, seconds=15, interval=0.05):
    """The first true value of the condition; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {getattr(condition, '__doc__', None) or condition}"
        time.sleep(interval)
