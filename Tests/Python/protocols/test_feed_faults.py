"""Faults of brokers, end to end: each of the four goes through a list of them while a gateway and a client are on it.

The four run at the same time, once for the whole file; what came is recorded, and the tests judge the records. Times
are those that the gateway puts on its messages, so that a client on a busy machine is never what is judged.

Two faults are left to tests without a clock, in Swift: `collapse` needs a minute of the usual rate before it counts,
and the silent half of `drophalf` is told after a minute.
"""

import json
import threading
import time

import pytest
from client import Client
from gateway import Gateway
from test_feed_status import check_shape
from test_feeds import BROKERS, broker, settings, write_token

USABLE = {"live", "quiet"}
WANTED = [
    ("RELIANCE", "NSE", 1), ("RELIANCE", "NSE", 2), ("RELIANCE", "NSE", 3), ("TCS", "NSE", 1), ("INFY", "NSE", 2),
    ("SBIN", "NSE", 3), ("NIFTY", "NSE_INDEX", 1), ("RELIANCE", "BSE", 2),
]  # fmt: skip

# When each fault comes, in seconds after the start of the broker. The wait before a reconnection doubles from half a
# second on, and begins anew only after 30 s without a fault: the faults after which it is awaited have ever more room.
FAULTS = {
    "garbage": 5.5,
    "badheartbeat": 7,
    "rst": 10,
    "mute": 13.5,
    "dead": 21,
    "halfframe": 29.5,
}
FAULT_TEXT = {
    "badheartbeat": "badheartbeat@{at}+2s",
    # The connection for good, and every other one for a time.
    "mute": "mute@{at},mute@{at}+3s",
    "dead": "dead@{at},dead@{at}+3s",
    # A refusal shows with the connection after it.
    "halfframe": "limit429:1@{at},halfframe@{at}",
}
STALE_SECONDS = 2
LIMIT_SECONDS = 30
# From a fault to the state that tells of it, and from the last refusal to ticks of everything.
TOLD_SECONDS = 10
BACK_SECONDS = 30
# What must be left of the time until the first fault when everything ticks.
SPARE_SECONDS = 1
# A machine on which that fails gets more time for everything.
PACES = [1, 2.5, 6]

ALWAYS_OPEN = """[[session]]
exchanges = ["NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NSE_INDEX", "BSE_INDEX", "MCX_INDEX"]
weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
open = "00:00"
close = "24:00"
"""


def content(tick):
    """What changes with every tick of a mode, and is missing or old where only a lower one is subscribed."""
    data = tick["data"]
    if tick["mode"] == 1:
        return data["timestamp"]
    if tick["mode"] == 2:
        return data["volume"]
    assert len(data["depth"]["buy"]) == len(data["depth"]["sell"]) == 5
    return data["depth"]


class Record:
    """What a client was told while one broker went through its faults."""

    def __init__(self, name, directory):
        self.name = name
        self.directory = directory
        self.error = None
        self._clear()

    def _clear(self):
        self.states = []
        # By symbol, exchange and mode: when the gateway received each tick that brought something new of that mode.
        self.ticks = {key: [] for key in WANTED}
        self.feeds = []
        self._contents = {}

    def run(self):
        try:
            for self.pace in PACES:
                self._clear()
                directory = self.directory / f"pace{self.pace}"
                directory.mkdir()
                if self._is_recorded(directory):
                    return
            raise AssertionError("the machine is too busy: not everything ticks before the first fault")
        except BaseException as error:  # for the tests of this broker to raise
            self.error = error

    def _is_recorded(self, directory):
        """False when the machine was too slow to have everything ticking before the first fault."""
        self.at = {kind: seconds * self.pace for kind, seconds in FAULTS.items()}
        plan = ",".join(FAULT_TEXT.get(kind, kind + "@{at}").format(at=f"{at}s") for kind, at in self.at.items())
        write_token(directory, "first")
        (directory / "calendar.toml").write_text(ALWAYS_OPEN)
        # Before the broker's own beginning, so that no fault is earlier than it is reckoned from here.
        self.zero = time.time()
        with broker(self.name, directory, "--fault", plan, "--sim.ticks_per_second", "300") as url:
            own = settings(self.name, url, directory) | {
                "calendar.file": str(directory / "calendar.toml"),
                "feeds.stale_seconds": STALE_SECONDS,
            }
            gateway = Gateway(directory / "gateway", own).start()
            try:
                with Client(gateway, gateway.add_key()) as client:
                    if not self._is_all_ticking(client, self.begin("garbage") - SPARE_SECONDS * self.pace):
                        return False
                    self._record(client)
                    # While there is somebody who wants the symbols.
                    done = gateway.command("feeds", "--json")
                assert done.returncode == 0, done.stderr
                self.feeds = json.loads(done.stdout)["feeds"]
                assert gateway.stop() == 0
                return True
            finally:
                if gateway.process:
                    gateway.kill()

    def _is_all_ticking(self, client, deadline):
        for symbol, exchange, mode in WANTED:
            client.subscribe(symbol, exchange, mode)
        assert client.request({"action": "subscribe_feed_status"})["status"] == "success"
        while self.silent(0) and time.time() < deadline:
            self._take(client)
        return time.time() < deadline

    def _take(self, client, seconds=0.2):
        for tick in client.collect(seconds):
            key = (tick["symbol"], tick["exchange"], tick["mode"])
            new = content(tick)
            if self._contents.get(key) != new:
                self._contents[key] = new
                self.ticks[key].append(tick["data"]["timestamp"] / 1000)
        states, client.others = client.others, []
        for state in states:
            check_shape(state)
            if state["broker"] == self.name:
                self.states.append(state)

    def _record(self, client):
        """Until everything ticks after the last fault, or should have long since."""
        end = self.begin("halfframe") + LIMIT_SECONDS + BACK_SECONDS * self.pace
        while time.time() < end:
            self._take(client)
            back = self.back_after("halfframe", "limit")
            if back and not self.silent(back):
                # What the gateway counts, it counts once a second.
                return self._take(client, seconds=1.5)

    # What the record says. Times are seconds since the epoch.

    def begin(self, kind):
        return self.zero + self.at[kind]

    def end(self, kind):
        """When the next fault begins."""
        return min((self.zero + at for at in self.at.values() if at > self.at[kind]), default=float("inf"))

    def told(self, kind):
        """The states told from this fault to the next, each with its time."""
        times = [(one["timestamp"] / 1000, one) for one in self.states]
        return [(at, one) for at, one in times if self.begin(kind) <= at < self.end(kind)]

    def lost(self, kind):
        """The states of this fault in which prices are not current."""
        return [(at, one) for at, one in self.told(kind) if one["state"] not in USABLE]

    def back_after(self, kind, reason):
        """Since when the feed was usable until the next fault, once lost with this reason; None if it was not."""
        lost = self.lost(kind)
        if not any(one["reason"] == reason for _, one in lost):
            return None
        return min((at for at, one in self.told(kind) if at > lost[-1][0]), default=None)

    def silent(self, since, until=float("inf")):
        """What has not ticked in that time."""
        return [key for key, times in self.ticks.items() if not any(since <= at < until for at in times)]

    def reconnects(self, kind):
        """How many connections were lost, and attempts failed, from this fault to the next."""
        before = [one["reconnects"] for one in self.states if one["timestamp"] / 1000 < self.begin(kind)]
        return max(one["reconnects"] for one in self.states if one["timestamp"] / 1000 < self.end(kind)) - before[-1]

    def check_return(self, kind, reason):
        """Lost with that reason and soon, then usable until the next fault, with ticks of everything."""
        lost = self.lost(kind)
        assert lost, f"nothing was told of {kind}"
        at, first = lost[0]
        assert at - self.begin(kind) < TOLD_SECONDS * self.pace, first
        back = self.back_after(kind, reason)
        assert back, f"not back after {reason}: {self.told(kind)}"
        assert not self.silent(back, self.end(kind)), f"since {back}, told: {self.told(kind)}"
        return first, back


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    made = {name: Record(name, tmp_path_factory.mktemp(name)) for name in BROKERS}
    threads = [threading.Thread(target=record.run) for record in made.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


@pytest.fixture(params=BROKERS)
def record(request, records):
    one = records[request.param]
    if one.error:
        raise one.error
    return one


@pytest.mark.parametrize("kind", ["garbage", "badheartbeat"])
def test_what_makes_no_sense_is_passed_over(record, kind):
    assert not record.lost(kind)
    assert record.reconnects(kind) == 0
    assert not record.silent(record.begin(kind) + 0.5, record.end(kind))


def test_senseless_frames_are_counted(record):
    assert record.feeds[0]["rejected"] >= 1


def test_a_connection_that_is_reset_is_opened_anew(record):
    first, _ = record.check_return("rst", "network")
    assert first["state"] == "reconnecting" and first["reason"] == "network"
    assert record.reconnects("rst") == 1


def test_a_feed_of_heartbeats_without_data_is_stale_and_then_left(record):
    first, _ = record.check_return("mute", "stall")
    assert first["state"] == "stale" and first["reason"] == "stall"
    assert first["age_ms"] >= STALE_SECONDS * 1000
    assert any(one["state"] == "reconnecting" for _, one in record.lost("mute"))
    assert {one["reason"] for _, one in record.lost("mute")} == {"stall"}
    # The fault lasts longer than a mute connection: the next one may see its end.
    assert 1 <= record.reconnects("mute") <= 2


def test_a_feed_without_any_byte_is_left(record):
    first, _ = record.check_return("dead", "stall")
    assert first["state"] in ("stale", "reconnecting") and first["reason"] == "stall"
    assert any(one["state"] == "reconnecting" for _, one in record.lost("dead"))
    assert 1 <= record.reconnects("dead") <= 2


def test_half_a_frame_ends_the_connection_and_too_many_attempts_are_not_repeated_soon(record):
    first, back = record.check_return("halfframe", "limit")
    assert first["state"] == "reconnecting" and first["reason"] == "serverClose"
    limited = [(at, one) for at, one in record.lost("halfframe") if one["reason"] == "limit"]
    assert limited[0][1]["state"] == "reconnecting"
    assert back - limited[0][0] >= LIMIT_SECONDS - 1
    assert record.reconnects("halfframe") == 2


def test_there_are_no_more_reconnections_than_the_faults_explain(record):
    feed, *books = record.feeds
    assert feed["name"] == record.name and feed["state"] in USABLE and feed["reason"] == ""
    # One for the reset, one for the half frame, one for 429; one or two each for mute and dead.
    assert 5 <= feed["reconnects"] <= 7
    assert feed["used"] == len({key[:2] for key in WANTED}) and feed["sockets"] == 1
    assert all(book["reconnects"] == 0 and book["state"] == "closed" for book in books)
