"""`tickgate decode`: captured frames of every broker on standard input, JSON lines out."""

import gzip
import json
import subprocess

import pytest
from gateway import BINARY, ROOT, clean_environment

FIXTURES = ROOT / "Tests" / "Fixtures" / "feeds"
LTP = "00010008000001010000000a"


def decode(*arguments, lines):
    return subprocess.run(
        [str(BINARY), "decode", *arguments],
        input=lines,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("broker", ["zerodha", "angel", "upstox", "dhan"])
def test_sample_frames_come_back_under_their_ids(broker):
    vectors = json.loads((FIXTURES / f"{broker}.json").read_text())["vectors"]
    done = decode(broker, lines="\n".join(json.dumps(vector) for vector in vectors))
    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [vector["id"] for vector in vectors]
    for answer, vector in zip(answers, vectors):
        assert [tick["token"] for tick in answer["expect"]] == [tick["token"] for tick in vector["expect"]]
        assert answer.get("event") == vector.get("event")
        assert answer.get("reject") == vector.get("reject")


def test_nothing_in_nothing_out():
    done = decode("upstox", lines="")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_line_that_cannot_be_read_is_named_and_the_next_one_is_read():
    done = decode("zerodha", lines='{"frame_hex":"0"}\n\n{"id":1,"frame_hex":"%s"}' % LTP)
    assert done.returncode == 65
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"line": 1, "error": "bad frame_hex"},
        {"id": 1, "expect": [{"kind": "ltp", "token": "257", "seg": 1, "ltp": 0.1}]},
    ]
    assert "1 lines could not be read" in done.stderr


def test_a_line_of_any_length_is_survived():
    done = decode("zerodha", lines='{"frame_hex":"' + "0" * (33 << 20) + '"}\n{"frame_hex":"%s"}\n' % LTP)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers[0] == {"line": 1, "error": f"longer than {32 << 20} bytes"}
    assert len(answers) == 2 and answers[1]["expect"][0]["ltp"] == 0.1


def test_names_come_from_the_instrument_list(tmp_path):
    instruments = tmp_path / "instruments.csv"
    instruments.write_text(
        "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
        "instrument_type,segment,exchange\n257,1,RELIANCE,RELIANCE INDUSTRIES,0,,0,0.05,1,EQ,NSE,NSE\n"
    )
    done = decode("zerodha", "--instruments", str(instruments), lines='{"frame_hex":"%s"}' % LTP)
    assert json.loads(done.stdout)["expect"][0] == {
        "kind": "ltp", "token": "257", "seg": 1, "ltp": 0.1, "exchange": "NSE", "symbol": "RELIANCE",
    }  # fmt: skip
    packed = tmp_path / "instruments.csv.gz"
    packed.write_bytes(gzip.compress(instruments.read_bytes()))
    assert decode("zerodha", "--instruments", str(packed), lines='{"frame_hex":"%s"}' % LTP).stdout == done.stdout
    packed.write_bytes(packed.read_bytes()[:-9])
    assert decode("zerodha", "--instruments", str(packed), lines="").returncode == 65
    assert decode("zerodha", "--instruments", str(tmp_path / "none.csv"), lines="").returncode == 1
    instruments.write_text("what is this\n")
    assert decode("zerodha", "--instruments", str(instruments), lines="").returncode == 65


def test_another_broker_is_a_usage_error():
    done = decode("nobody", lines="")
    assert done.returncode == 64
    assert "zerodha" in done.stderr
