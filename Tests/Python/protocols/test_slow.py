"""Readers that lag beside healthy ones: who pays, how much memory, and what the laggards get afterwards."""

import json
import threading
import time

from client import Client, RawClient
from gateway import wait_until

SOFT_BYTES = 65_536
HEALTHY = 10
MIB = 1 << 20


class Watcher(threading.Thread):
    """A healthy client that checks the sequence of every message."""

    def __init__(self, gateway, key, number):
        super().__init__(daemon=True)
        self.client = Client(gateway, key, user_agent_header=f"healthy-{number}")
        self.last = {}
        reply = self.client.subscribe("TCS", mode=1, seq=True)
        self.last = {entry["symbol"]: entry["seq"] for entry in reply["subscriptions"]}
        self.count = 0
        self.gaps = []
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            try:
                tick = self.client.tick(seconds=0.2)
            except TimeoutError:
                continue
            symbol, seq = tick["symbol"], tick["seq"]
            if seq != self.last[symbol] + 1:
                self.gaps.append((symbol, self.last[symbol], seq))
            self.last[symbol] = seq
            self.count += 1


def row(gateway, agent):
    return next(row for row in gateway.clients()["clients"] if row["agent"] == agent)


def lagging(gateway, key, agent):
    """Subscribed to the depth of everything, with little room in the kernel."""
    client = RawClient(gateway, receive_buffer=4096, extra=f"User-Agent: {agent}\r\n", key=key)
    client.send(client.text({"action": "subscribe", "symbol": "*", "exchange": "NSE", "mode": 3}))
    assert client.read_json()["subscriptions"][0]["matched"] > 30
    return client


def test_laggards_hurt_nobody_and_catch_up_with_the_newest(make_gateway):
    gateway = make_gateway(
        {"ws.outbox_soft_bytes": SOFT_BYTES, "ws.outbox_hard_ms": 600_000, "sim.ticks_per_second": 4000}
    )
    key = gateway.add_key()
    watchers = [Watcher(gateway, key, number) for number in range(HEALTHY)]
    stalled = lagging(gateway, key, "stalled")
    trickling = lagging(gateway, key, "trickling")
    for watcher in watchers:
        watcher.start()

    def both_are_held():
        """Both laggards are held to the newest values."""
        trickling.socket.recv(400)
        rows = [row(gateway, agent) for agent in ("stalled", "trickling")]
        return all(one["state"] == "held" and one["conflated"] > 0 for one in rows)

    wait_until(both_are_held, 60)
    memory = gateway.resident_bytes
    for _ in range(50):
        time.sleep(0.1)
        trickling.socket.recv(400)
    report = gateway.clients()
    assert gateway.resident_bytes - memory < 16 * MIB
    for one in report["clients"]:
        if one["agent"] in ("stalled", "trickling"):
            assert one["state"] == "held" and one["pending_bytes"] <= SOFT_BYTES + 8192, one
        else:
            assert one["state"] == "direct" and one["conflated"] == 0, one
    assert report["totals"]["slow_closed"] == 0 and report["totals"]["slow_held"] >= 2
    assert report["totals"]["outbox_bytes"] < 2 * MIB
    lines = gateway.command("clients").stdout.splitlines()
    assert any("stalled" in line and " held " in line for line in lines), lines
    assert any("healthy-0" in line and " direct " in line for line in lines), lines
    for watcher in watchers:
        watcher.stopping.set()
    for watcher in watchers:
        watcher.join(10)
        assert not watcher.gaps and watcher.count > 50, (watcher.gaps[:3], watcher.count)

    # It reads again: what comes after the bytes that were under way already is fresh.
    began = time.time() * 1000
    read_bytes = 0
    while True:
        _, payload = stalled.read_frame()
        read_bytes += len(payload)
        if json.loads(payload)["data"]["timestamp"] >= began:
            break
        assert read_bytes < 12 * MIB, "a backlog instead of the newest"


def test_bytes_that_wait_too_long_close_with_1008(make_gateway):
    gateway = make_gateway(
        {"ws.outbox_soft_ms": 300, "ws.outbox_hard_ms": 1500, "sim.ticks_per_second": 4000}
    )
    key = gateway.add_key()
    stalled = lagging(gateway, key, "stalled")

    def closed():
        """The stalled client is closed."""
        return gateway.clients()["totals"]["slow_closed"] == 1

    with Client(gateway, key) as witness:
        witness.subscribe("TCS")
        wait_until(closed, 60)
        assert stalled.read_close() == (1008, "slow consumer")
        witness.fresh("TCS")


def test_the_policy_of_all_clients_is_a_setting(make_gateway):
    gateway = make_gateway({"ws.policy": "disconnect", "ws.outbox_soft_bytes": SOFT_BYTES, "sim.ticks_per_second": 4000})
    key = gateway.add_key()
    with Client(gateway, key, user_agent_header="own") as own:
        own.subscribe("TCS", policy="conflate")
        stalled = lagging(gateway, key, "stalled")
        assert row(gateway, "stalled")["policy"] == "disconnect" and row(gateway, "own")["policy"] == "conflate"

        def closed():
            """The stalled client is closed."""
            return gateway.clients()["totals"]["slow_closed"] == 1

        wait_until(closed, 60)
        assert stalled.read_close() == (1008, "slow consumer")
        own.fresh("TCS")
