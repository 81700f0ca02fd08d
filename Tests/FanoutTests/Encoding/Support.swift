// Instruments, ticks and a collecting call of the encoder, shared by the tests of this target.

import Fanout
import Glibc
import JSONText
import Market

func instrument(_ exchange: Exchange, _ symbol: String, kind: InstrumentKind = .equity) -> Instrument {
  Instrument(key: InstrumentKey(exchange, symbol), name: symbol, tickSize: 5_000_000, kind: kind)
}

let everyPresence: Presence = [
  .ltp, .lastTradeTime, .exchangeTime, .ohlc, .volume, .lastTradeQuantity, .averagePrice, .totals, .openInterest,
  .openInterestRange, .circuits, .bestBid, .bestAsk, .depth,
]

/// The tick of the contract's quote example, with a book.
func exampleTick(_ instrument: UInt32 = 0, _ mode: Mode, presence: Presence = everyPresence) -> Tick {
  var tick = Tick()
  tick.instrument = instrument
  tick.mode = mode.rawValue
  tick.presence = presence.rawValue
  tick.receivedTime = 1_795_399_040_661_999_999
  tick.ltp = 151_140_000_000
  tick.lastTradeTime = 1_795_399_040_640_000_000
  tick.open = 150_200_000_000
  tick.high = 151_680_000_000
  tick.low = 149_810_000_000
  tick.close = 150_025_000_000
  tick.volume = 4_410_233
  tick.lastTradeQuantity = 12
  tick.averagePrice = 150_877_000_000
  tick.totalBuyQuantity = 311_200
  tick.totalSellQuantity = 402_150
  tick.upperCircuit = 165_030_000_000
  tick.lowerCircuit = 135_020_000_000
  tick.bidPrice = 151_135_000_000
  tick.askPrice = 151_140_000_000
  tick.bidQuantity = 240
  tick.askQuantity = 95
  tick.bidLevels = 1
  tick.askLevels = 2
  tick.bids[0] = DepthLevel(price: 151_135_000_000, quantity: 240, orders: 6)
  tick.asks[0] = DepthLevel(price: 151_140_000_000, quantity: 95, orders: 3)
  tick.asks[1] = DepthLevel(price: 151_145_000_000, quantity: 7, orders: 1)
  return tick
}

/// Encodes into a buffer of exactly `bytesMax` with guard bytes before and after it, which must stay as they were.
func encoded(
  _ encoder: inout TickEncoder, _ tick: Tick, _ mode: Mode, dataOnly: Bool = false
) -> (text: String, guardsAreIntact: Bool) {
  let guardBytes = 64
  let room = encoder.bytesMax(mode)
  var copy = tick
  return withUnsafeTemporaryAllocation(byteCount: room + 2 * guardBytes, alignment: 16) { buffer in
    for index in buffer.indices { buffer[index] = 0xA5 }
    let out = buffer.baseAddress! + guardBytes
    let count =
      dataOnly
      ? encoder.encodeData(&copy, mode, into: out) : encoder.encode(&copy, mode, into: out)
    let text = String(decoding: UnsafeRawBufferPointer(start: out, count: count), as: UTF8.self)
    let head = buffer[..<guardBytes]
    let end = buffer[(guardBytes + room)...]
    return (text, head.allSatisfy { $0 == 0xA5 } && end.allSatisfy { $0 == 0xA5 })
  }
}
