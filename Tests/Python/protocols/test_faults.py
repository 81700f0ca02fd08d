"""Misbehaving clients of every kind beside a witness that must not notice, and everything given back afterwards."""

import contextlib
import os
import random
import resource
import socket
import struct
import time

import pytest
from client import Client, RawClient
from gateway import wait_until

SEED = int(os.environ.get("TICKGATE_SEED", "0")) or random.SystemRandom().randrange(1 << 32)


@pytest.fixture(scope="module")
def own_gateway(tmp_path_factory):
    """A gateway of this module's own, since its descriptors are counted."""
    from gateway import Gateway

    running = Gateway(tmp_path_factory.mktemp("faults"), {"ws.loops": 2}).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def own_key(own_gateway):
    return own_gateway.add_key()


@pytest.fixture
def witness(own_gateway, own_key):
    """Gets every tick by sequence, before and after the fault; and the gateway ends with the descriptors it had."""
    with Client(own_gateway, own_key) as client:
        client.subscribe("TCS", mode=1, seq=True)
        client.fresh("TCS")
        before = own_gateway.descriptors
        client.ticks.clear()
        last = client.tick("TCS")["seq"]
        yield client
        client.fresh("TCS")
        for tick in client.ticks:
            assert tick["seq"] > last
        wait_until(lambda: own_gateway.descriptors <= before, 20)
        assert len(own_gateway.clients()["clients"]) == 1
        # A message a time, from now on: none is missing.
        sequences = [client.tick("TCS")["seq"] for _ in range(100)]
        assert sequences == list(range(sequences[0], sequences[0] + 100))


def reset(client):
    """Ends the connection with RST instead of FIN."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


def test_a_flood_of_pings(own_gateway, own_key, witness):
    with RawClient(own_gateway, key=own_key) as client:
        flood = b"".join(client.frame(9, b"%d" % number) for number in range(1000))
        for _ in range(5):
            client.send(flood)
            for number in range(1000):
                assert client.read_frame() == (0x8A, b"%d" % number)
        witness.fresh("TCS")
    # And one that reads none of the answers.
    with RawClient(own_gateway, receive_buffer=4096) as client:
        client.socket.settimeout(2)
        with contextlib.suppress(OSError):
            for _ in range(2000):
                client.send(flood)
        witness.fresh("TCS")


def test_a_flood_of_subscribes(own_gateway, own_key, witness):
    with RawClient(own_gateway, key=own_key) as client:
        on = client.text({"action": "subscribe", "symbol": "*", "exchange": "NSE", "mode": 3})
        off = client.text({"action": "unsubscribe", "symbol": "*", "exchange": "NSE", "mode": 3})
        client.send((on + off) * 300)
        replies = 0
        while replies < 600:
            replies += client.read_json()["type"] in ("subscribe", "unsubscribe")
        witness.fresh("TCS")


def test_frames_that_do_not_end(own_gateway, witness):
    clients = [RawClient(own_gateway) for _ in range(20)]
    for number, client in enumerate(clients):
        client.send(client.text({"action": "ping"})[: 1 + number % 12])
    witness.fresh("TCS")
    for client in clients[::2]:
        client.socket.close()
    for client in clients[1::2]:
        reset(client)


@pytest.mark.parametrize("length", [b"\xfe\xff\xff", b"\xff" + b"\x00\x00\x00\x01" + b"\x00" * 4, b"\xff" + b"\xff" * 8])
def test_lengths_beyond_all_bounds(own_gateway, witness, length):
    with RawClient(own_gateway) as client:
        client.send(b"\x82" + length + b"mask")
        if length[0] == 0xFE:
            # Allowed; what follows never comes.
            client.send(b"x" * 100)
        else:
            assert client.read_close()[0] in (1002, 1009)
    witness.fresh("TCS")


def test_resets_in_the_middle_of_sending(own_gateway, own_key, witness):
    for _ in range(40):
        client = RawClient(own_gateway, receive_buffer=4096, key=own_key)
        client.send(client.text({"action": "subscribe", "symbol": "*", "exchange": "NSE", "mode": 3}))
        client.socket.recv(100)
        reset(client)
    witness.fresh("TCS")


def test_thousands_that_connect_and_vanish(own_gateway, own_key, witness):
    generator = random.Random(SEED)
    for number in range(3000):
        client = socket.create_connection(("127.0.0.1", own_gateway.ws_port), 10)
        upgrade = RawClient.upgrade_request()
        client.sendall(upgrade[: generator.choice([0, 1, 40, len(upgrade), len(upgrade)])])
        if generator.random() < 0.5:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        if number % 500 == 0:
            witness.fresh("TCS")
    assert own_gateway.process.poll() is None, f"seed {SEED}"


def test_noise_of_all_kinds(own_gateway, own_key, witness):
    generator = random.Random(SEED)
    for _ in range(200):
        with RawClient(own_gateway, key=own_key if generator.random() < 0.5 else None) as client:
            with contextlib.suppress(OSError):
                for _ in range(5):
                    client.send(generator.randbytes(generator.randrange(1, 400)))
    assert own_gateway.process.poll() is None, f"seed {SEED}"


def test_descriptors_that_run_out(make_gateway):
    # The ring remembers the limit that was in force when accepting began; this backend asks anew each time.
    gateway = make_gateway({"io.backend": "epoll"})
    key = gateway.add_key()
    with Client(gateway, key) as witness:
        witness.subscribe("TCS")
        witness.fresh("TCS")
        before = gateway.descriptors
        # From outside, since the gateway raises its own limit when it starts.
        limits = resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (before + 20, limits[1]))
        sockets = []
        refused = 0
        for _ in range(60):
            one = socket.create_connection(("127.0.0.1", gateway.ws_port), 10)
            one.settimeout(3)
            sockets.append(one)
            with contextlib.suppress(TimeoutError, ConnectionResetError, BrokenPipeError):
                one.sendall(RawClient.upgrade_request())
                if one.recv(1000).startswith(b"HTTP/1.1 101 "):
                    continue
            refused += 1
            if refused == 3:
                break
        assert refused == 3 and len(sockets) > 10
        witness.fresh("TCS")
        for one in sockets:
            one.close()

        def accepts_again():
            """Takes new connections."""
            with contextlib.suppress(Exception), Client(gateway, key) as client:
                client.subscribe("INFY")
                return bool(client.fresh("INFY"))

        wait_until(accepts_again, 30, 0.5)
        witness.fresh("TCS")
        wait_until(lambda: gateway.descriptors <= before, 20)
        assert "connections cannot be accepted" in gateway.log
        began = time.monotonic()
        assert gateway.stop() == 0 and time.monotonic() - began < 15
