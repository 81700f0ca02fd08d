"""Prints ticks of the binary stream (docs/binary.md): TICKGATE_KEY=... python binary_ticks.py [URL [EXCHANGE:SYMBOL...]]
(pip install websockets)"""
import json
import os
import struct
import sys

HELLO, FEED, INSTRUMENT = struct.Struct("<QqH"), struct.Struct("<HH"), struct.Struct("<qqIiBBHHH")
LTP = "<QHBxIqqqq"
QUOTE = LTP + "14qII"
TICKS = {1: struct.Struct(LTP), 2: struct.Struct(QUOTE), 3: struct.Struct(QUOTE + "qqBB6x" + "qII" * 10)}
TYPES = {1: "ltp", 2: "quote", 3: "depth"}
NAMES = """sequence presence feed published_delay received_time exchange_time last_trade_time ltp
    open high low close volume last_trade_quantity average_price total_buy_quantity total_sell_quantity open_interest
    upper_circuit lower_circuit bid_price ask_price bid_quantity ask_quantity
    open_interest_high open_interest_low bid_levels ask_levels""".split()
GROUPS = [names.split() for names in (  # the fields of each presence bit
    "ltp", "last_trade_time", "exchange_time", "open high low", "volume", "last_trade_quantity", "average_price",
    "total_buy_quantity total_sell_quantity", "open_interest", "open_interest_high open_interest_low",
    "upper_circuit lower_circuit", "bid_price bid_quantity", "ask_price ask_quantity", "bid_levels ask_levels bids asks", "close")]

def decode(record, kind, flags, number):
    """One record as a dictionary, without what the feed did not send; None when the kind is not known."""
    if kind == 16:
        return {"type": "hello"} | dict(zip(("epoch", "gateway_time", "version"), HELLO.unpack_from(record, 8)))
    if kind == 17:
        start, size = FEED.unpack_from(record, 8)
        return {"type": "feed", "id": number, "name": record[start:start + size].decode()}
    if kind == 18:
        *values, start, code, size = INSTRUMENT.unpack_from(record, 8)
        fields = dict(zip(("tick_size", "strike", "lot_size", "expiry_day", "kind", "decimals"), values))
        exchange, symbol = record[start:start + code].decode(), record[start + code:start + code + size].decode()
        return {"type": "instrument", "id": number, "exchange": exchange, "symbol": symbol} | fields
    if kind not in TICKS:
        return None
    values = TICKS[kind].unpack_from(record, 8)
    tick = {"type": TYPES[kind], "id": number} | dict(zip(NAMES, values))
    if kind == 3:  # after the 28 named numbers: five levels a side of price, quantity and orders
        levels = [values[at:at + 3] for at in range(28, 58, 3)]
        tick |= {"bids": levels[:tick["bid_levels"]], "asks": levels[5:5 + tick["ask_levels"]]}
    presence = tick.pop("presence")
    absent = {name for bit, names in enumerate(GROUPS) if not presence >> bit & 1 for name in names}
    age = {"age_ms": struct.unpack_from("<Q", record, len(record) - 8)[0]} if flags & 1 else {}
    return {name: value for name, value in tick.items() if name not in absent} | age

def records(message):
    """The records of one binary message that this program knows."""
    offset = 0
    while offset < len(message):
        size, kind, flags, number = struct.unpack_from("<HBBI", message, offset)
        if size < 8 or size % 8 or offset + size > len(message):
            raise ValueError(f"record of {size} bytes at {offset} of {len(message)}")
        if record := decode(message[offset:offset + size], kind, flags, number):
            yield record
        offset += size

def main(url="ws://127.0.0.1:8765", *wanted):
    from websockets.sync.client import connect
    symbols = [dict(zip(("exchange", "symbol"), name.split(":", 1))) for name in wanted or ("NSE:RELIANCE", "NSE:INFY")]
    instruments = {}
    with connect(url, subprotocols=["tickgate.v1"]) as socket:
        socket.send(json.dumps({"action": "authenticate", "api_key": os.environ["TICKGATE_KEY"]}))
        socket.send(json.dumps({"action": "subscribe", "symbols": symbols, "mode": "Quote"}))
        for message in socket:
            if isinstance(message, str):
                print(message, flush=True)
                continue
            for record in records(message):
                if record["type"] == "instrument":
                    instruments[record["id"]] = record
                elif "ltp" in record:
                    one = instruments[record["id"]]
                    price = f"{record['ltp'] / 1e8:.{one['decimals']}f}"
                    print(one["exchange"], one["symbol"], price, "volume", record.get("volume", "-"), flush=True)

if __name__ == "__main__":
    main(*sys.argv[1:])
