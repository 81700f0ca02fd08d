"""Prints LTP, quote and depth ticks: python first_ticks.py KEY (pip install openalgo)."""
import sys
import time

from openalgo import api

client = api(api_key=sys.argv[1], host="http://127.0.0.1:5000", ws_url="ws://127.0.0.1:8765")
watched = [{"exchange": "NSE", "symbol": "RELIANCE"}, {"exchange": "NSE", "symbol": "INFY"}]
if not client.connect():
    sys.exit("no connection: is the gateway running, and is the key right?")
client.subscribe_ltp(watched, on_data_received=lambda tick: print("LTP  ", tick, flush=True))
client.subscribe_quote(watched, on_data_received=lambda tick: print("quote", tick, flush=True))
client.subscribe_depth(watched, on_data_received=lambda tick: print("depth", tick, flush=True))
time.sleep(5)
client.disconnect()
