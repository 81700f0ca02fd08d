"""The examples that read the binary stream, docs/binary.md: on the vectors of the encoder's own test, on bytes that no
gateway sends, and against a small server that speaks the protocol."""

import importlib.util
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from gateway import ROOT
from websockets.sync.server import serve

VECTORS = json.loads((ROOT / "Tests/Fixtures/binary/vectors.json").read_text())
PYTHON_EXAMPLE = ROOT / "examples/binary_ticks.py"
SWIFT_EXAMPLE = ROOT / "examples/BinaryTicks.swift"
KEY = "0" * 64


def load_example():
    spec = importlib.util.spec_from_file_location("binary_ticks", PYTHON_EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


binary_ticks = load_example()


def vector(name):
    return next(bytes.fromhex(one["hex"]) for one in VECTORS if one["name"] == name)


def decoded(message):
    """As JSON knows it: lists instead of tuples."""
    return json.loads(json.dumps(list(binary_ticks.records(message))))


@pytest.mark.parametrize("one", VECTORS, ids=lambda one: one["name"])
def test_the_example_reads_what_the_vector_says(one):
    assert decoded(bytes.fromhex(one["hex"])) == one["records"]


def test_a_message_cut_anywhere_but_between_records_is_refused():
    whole = vector("whole message")
    ends, offset = {0}, 0
    while offset < len(whole):
        offset += struct.unpack_from("<H", whole, offset)[0]
        ends.add(offset)
    for size in range(len(whole)):
        if size in ends:
            decoded(whole[:size])
        else:
            with pytest.raises((ValueError, struct.error)):
                decoded(whole[:size])


@pytest.mark.parametrize("size", [0, 1, 7, 9, 55, 64, 65535])
def test_a_size_that_cannot_be_is_refused(size):
    message = struct.pack("<H", size) + vector("ltp")[2:]
    with pytest.raises((ValueError, struct.error)):
        decoded(message)


@pytest.mark.parametrize("kind", [1, 2, 3, 16, 17, 18])
def test_a_record_too_short_for_its_type_is_refused(kind):
    with pytest.raises((ValueError, struct.error)):
        decoded(struct.pack("<HBBI", 8, kind, 0, 0))


@contextmanager
def small_server():
    """Answers like the gateway, then sends a definition with every tick of the vectors in one message each."""
    requests = []

    def handle(socket):
        assert socket.subprotocol == "tickgate.v1"
        for kind in ("auth", "subscribe"):
            requests.append(json.loads(socket.recv(timeout=10)))
            socket.send(json.dumps({"type": kind, "status": "success"}))
        socket.send(vector("hello") + vector("feed") + vector("share") + vector("ltp"))
        socket.ping(b"alive").wait(10)
        socket.send(vector("records of a later version") + vector("negative price"))
        socket.send(vector("quote") + vector("depth snapshot") + vector("ltp without fields"))
        socket.close(1001, "server stopping")

    with serve(handle, "127.0.0.1", 0, subprotocols=["tickgate.v1"], compression=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.socket.getsockname()[1], requests
        server.shutdown()


def run(*command):
    done = subprocess.run(
        command, env=os.environ | {"TICKGATE_KEY": KEY}, capture_output=True, text=True, timeout=60
    )
    return done.stdout.splitlines(), done.stderr


def check_requests(requests, mode):
    assert requests == [
        {"action": "authenticate", "api_key": KEY},
        {"action": "subscribe", "mode": mode, "symbols": [{"exchange": "NSE", "symbol": "M&M"}]},
    ]


def test_the_python_example_prints_ticks():
    with small_server() as (port, requests):
        lines, errors = run(sys.executable, str(PYTHON_EXAMPLE), f"ws://127.0.0.1:{port}", "NSE:M&M")
    check_requests(requests, "Quote")
    assert [json.loads(line)["type"] for line in lines[:2]] == ["auth", "subscribe"], errors
    assert lines[2:] == (
        ["NSE M&M 1511.40 volume -"] * 4 + ["NSE M&M -37.63 volume -"] + ["NSE M&M 1511.40 volume 4410233"] * 2
    ), errors


def test_the_swift_example_compiles_and_prints_ticks(tmp_path):
    if not shutil.which("swiftc"):
        pytest.skip("no swiftc")
    program = tmp_path / "binary-ticks"
    subprocess.run(
        ["swiftc", "-parse-as-library", "-warnings-as-errors", str(SWIFT_EXAMPLE), "-o", str(program)],
        check=True, timeout=300,
    )
    with small_server() as (port, requests):
        lines, errors = run(str(program), str(port), "NSE:M&M")
    check_requests(requests, "LTP")
    assert [json.loads(line)["type"] for line in lines[:2]] == ["auth", "subscribe"], errors
    ltp = "NSE:M&M 1511.40 seq"
    assert [line.strip() for line in lines[2:]] == [
        "epoch 1795390000123", f"{ltp} 41", f"{ltp} 41", f"{ltp} 41 snapshot", f"{ltp} 41", "NSE:M&M -37.63 seq 1",
        f"{ltp} 17", f"{ltp} {2**63 + 5} snapshot",
    ]
    assert errors.strip() == "closed by the gateway: server stopping"
