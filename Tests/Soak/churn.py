"""Clients of every kind that come, subscribe and are killed at random, from a seed. At the end, when all are gone, the
gateway must have the descriptors and the memory that it had after a warm-up of the same kind, and a witness that was
connected all the time must have missed nothing. Run by scripts/soak."""

import argparse
import contextlib
import random
import socket
import struct
import sys
import tempfile
import threading
import time

from client import RawClient
from gateway import Gateway, wait_until

# What the memory may have grown by: the allocator's own slack, far below what a leak per connection would sum up to.
TOLERANCE_SHARE = 0.05
TOLERANCE_BYTES = 4 << 20
WARM_UP_SHARE = 0.25
WARM_UP_SECONDS_MAX = 60
SYMBOLS = ["RELIANCE", "TCS", "INFY", "HDFCBANK", "ICICIBANK", "*", "T*"]
OPTIONS = [
    {}, {"seq": True}, {"snapshot": True}, {"max_rate": 5}, {"max_rate": 50}, {"policy": "conflate"},
    {"policy": "disconnect"}, {"policy": "paced"}, {"snapshot": True, "seq": True, "policy": "every"},
]  # fmt: skip
FIELDS = [
    "User-Agent: plain\r\n",
    "User-Agent: small\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
    "User-Agent: binary\r\nSec-WebSocket-Protocol: tickgate.v1\r\n",
    "",
]


class Witness(threading.Thread):
    """One healthy client, checked by sequence."""

    def __init__(self, gateway, key):
        super().__init__(daemon=True)
        self.client = RawClient(gateway, extra="User-Agent: witness\r\n", key=key)
        self.client.send(
            RawClient.text({"action": "subscribe", "symbol": "TCS", "exchange": "NSE", "mode": 1, "seq": True})
        )
        self.last = self.client.read_json()["subscriptions"][0]["seq"]
        self.ticks = 0
        self.gaps = 0
        self.failure = None

    def run(self):
        try:
            while True:
                first, payload = self.client.read_frame()
                if first == 0x89:
                    self.client.send(RawClient.frame(10, payload))
                    continue
                sequence = int(payload.rsplit(b'"seq":', 1)[1].split(b",")[0])
                self.gaps += sequence != self.last + 1
                self.last = sequence
                self.ticks += 1
        except Exception as failure:  # told by the main thread
            self.failure = failure


class Churn:
    def __init__(self, gateway, keys, generator, clients_max):
        self.gateway = gateway
        self.keys = keys
        self.random = generator
        self.clients_max = clients_max
        self.clients = []
        self.counts = dict.fromkeys(("connected", "subscribed", "killed", "reset", "vanished", "ended", "bytes"), 0)

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            action = self.random.random()
            if action < 0.12:
                self.connect()
            elif action < 0.17:
                self.vanish()
            elif action < 0.27 and self.clients:
                self.kill(self.random.choice(self.clients))
            elif action < 0.5 and self.clients:
                self.talk(self.random.choice(self.clients))
            else:
                self.read()
        for client in list(self.clients):
            self.kill(client)

    def connect(self):
        if len(self.clients) >= self.clients_max:
            self.kill(self.random.choice(self.clients))
        buffer = self.random.choice([None, None, 4096])
        key = self.random.choice(self.keys) if self.random.random() < 0.9 else None
        extra = self.random.choice(FIELDS)
        client = RawClient(self.gateway, receive_buffer=buffer, extra=extra)
        if key:
            client.send(RawClient.text({"action": "authenticate", "api_key": key}))
        client.reads = self.random.random() < 0.7
        client.socket.setblocking(False)
        self.clients.append(client)
        self.counts["connected"] += 1

    def vanish(self):
        """Connects and leaves somewhere in the handshake."""
        with socket.create_connection(("127.0.0.1", self.gateway.ws_port), 10) as one:
            request = RawClient.upgrade_request()
            one.sendall(request[: self.random.randrange(len(request) + 1)])
            if self.random.random() < 0.5:
                self.linger_off(one)
        self.counts["vanished"] += 1

    def talk(self, client):
        action = self.random.choice(["subscribe", "subscribe", "unsubscribe", "ping", "frame", "garbage"])
        if action == "garbage" and self.random.random() < 0.8:
            return
        if action == "frame":
            data = RawClient.frame(9, b"x" * self.random.randrange(20))
        elif action == "garbage":
            data = self.random.randbytes(self.random.randrange(1, 200))
        elif action == "ping":
            data = RawClient.text({"action": "ping"})
        else:
            request = {"action": action, "symbol": self.random.choice(SYMBOLS), "exchange": "NSE"}
            request["mode"] = self.random.randrange(1, 4)
            data = RawClient.text(request | (self.random.choice(OPTIONS) if action == "subscribe" else {}))
            self.counts["subscribed"] += action == "subscribe"
        try:
            client.socket.send(data)
        except BlockingIOError:
            pass
        except OSError:
            self.forget(client)

    def read(self):
        """All that the readers have waiting; some of those that read nothing never do."""
        for client in self.random.sample(self.clients, min(len(self.clients), 10)):
            if not client.reads:
                continue
            try:
                data = client.socket.recv(1 << 18)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            self.counts["bytes"] += len(data)
            if not data:
                self.forget(client)

    def forget(self, client):
        """The gateway has ended it."""
        self.counts["ended"] += 1
        self.clients.remove(client)
        client.socket.close()

    @staticmethod
    def linger_off(one):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def kill(self, client):
        self.clients.remove(client)
        way = self.random.randrange(4)
        with contextlib.suppress(OSError):
            if way == 0:
                client.socket.send(RawClient.frame(8, b"\x03\xe8"))
            elif way == 1:
                client.socket.send(RawClient.text({"action": "ping"})[:5])
            elif way == 2:
                self.linger_off(client.socket)
                self.counts["reset"] += 1
        client.socket.close()
        self.counts["killed"] += 1


def settled(gateway):
    """Only the witness is left, and its descriptors are counted when nothing lingers any more."""

    def alone():
        """All other clients are gone."""
        return len(gateway.clients()["clients"]) == 1

    wait_until(alone, 60, 0.5)
    time.sleep(3)
    return gateway.descriptors, gateway.resident_bytes


def soak(gateway, options, seed):
    keys = [gateway.add_key(name) for name in ("one", "two", "three")]
    witness = Witness(gateway, keys[0])
    witness.start()
    churn = Churn(gateway, keys, random.Random(seed), options.clients)
    seconds = 60 * options.minutes
    churn.run(min(WARM_UP_SECONDS_MAX, WARM_UP_SHARE * seconds))
    before = settled(gateway)
    churn.counts = dict.fromkeys(churn.counts, 0)
    ticks_before = witness.ticks
    churn.run(seconds)
    after = settled(gateway)
    problems = []
    if gateway.process.poll() is not None:
        problems.append("the gateway ended")
    if after[0] != before[0]:
        problems.append("descriptors")
    if after[1] > before[1] * (1 + TOLERANCE_SHARE) + TOLERANCE_BYTES:
        problems.append("memory")
    if witness.failure or witness.gaps or witness.ticks == ticks_before:
        problems.append(f"witness ({witness.failure or 'gaps or silence'})")
    totals = gateway.clients()["totals"]
    counts = ", ".join(f"{name} {value}" for name, value in churn.counts.items())
    print(
        f"soak: {options.minutes:g} min, seed {seed}: {counts}; held {totals['slow_held']}, slow closed "
        f"{totals['slow_closed']}; witness {witness.ticks} ticks, {witness.gaps} gaps; descriptors {before[0]} -> "
        f"{after[0]}; memory {before[1] / 2**20:.1f} -> {after[1] / 2**20:.1f} MiB (allowed: +5 % and 4 MiB): "
        + (f"FAILED: {', '.join(problems)}" if problems else "ok"),
        flush=True,
    )
    return 1 if problems else 0


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--clients", type=int, default=60, help="connected at a time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tickgate-soak-") as directory:
        # A small ring: its memory is touched for the first time within the warm-up.
        settings = {
            "ring.capacity": 16_384,
            "ws.loops": 2, "ws.outbox_soft_bytes": 262_144, "ws.outbox_soft_ms": 500, "ws.outbox_hard_ms": 3000,
            "ws.paced_ms": 20, "sim.ticks_per_second": 2000,
        }  # fmt: skip
        gateway = Gateway(directory, settings).start()
        try:
            return soak(gateway, options, options.seed)
        finally:
            if gateway.process.poll() is None:
                gateway.stop()


if __name__ == "__main__":
    sys.exit(main())
