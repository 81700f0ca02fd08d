// The pieces of the tick path, each in a loop of its own over realistic data.

import Fanout
import Market
import Normalize
import Simulator
import TickRing
import WebSocket

enum Pieces {
  private static let instrumentCount = 100

  /// A frame of one packet of an equity in each mode, and the map that knows it.
  private static func frame(_ mode: KiteMode) -> (bytes: UnsafeRawBufferPointer, tokens: TokenMap) {
    let universe = Universe(count: instrumentCount, seed: 1, todayDay: 20_780)
    let prices = PriceProcess(universe: universe, seed: 1, nowSeconds: 1_795_400_000)
    let index = universe.instruments.firstIndex { $0.instrument.kind == .equity }!
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 2 + KiteEncoder.packetBytesMax, alignment: 8)
    memory.storeBytes(of: UInt16(1).bigEndian, as: UInt16.self)
    let count = KiteEncoder.write(prices[index], mode, to: memory + 2)
    let entries = universe.instruments.enumerated().map {
      TokenMap.Entry(token: UInt64($0.element.token), instrument: UInt32($0.offset))
    }
    return (UnsafeRawBufferPointer(start: memory, count: 2 + count), TokenMap(entries))
  }

  /// A full tick of an equity.
  private static func fullTick() -> UnsafeMutablePointer<Tick> {
    let (frame, tokens) = frame(.full)
    var decoder = KiteDecoder(tokens: tokens, feed: 0)
    let tick = UnsafeMutablePointer<Tick>.allocate(capacity: 1)
    tick.initialize(to: Tick())
    decoder.begin(frame, receivedNanos: 1_795_400_000_123_456_789)
    precondition(decoder.next(into: tick) == .tick)
    return tick
  }

  static func decode(_ measure: inout Measure) {
    let tick = UnsafeMutablePointer<Tick>.allocate(capacity: 1)
    tick.initialize(to: Tick())
    for (mode, name) in [(KiteMode.ltp, "ltp"), (.quote, "quote"), (.full, "full")] {
      let (frame, tokens) = frame(mode)
      var decoder = KiteDecoder(tokens: tokens, feed: 0)
      measure.piece("decode kite \(name)") { index in
        decoder.begin(frame, receivedNanos: Int64(index))
        while decoder.next(into: tick) == .tick {}
      }
    }
  }

  static func ring(_ measure: inout Measure) {
    let tick = fullTick()
    let ring = TickRing(capacity: 1 << 14)
    var sequencer = TickSequencer(ring: ring, lastValues: LastValueTable(count: instrumentCount))
    measure.piece("sequence and write full") { index in
      tick.pointee.mode = Mode.depth.rawValue
      sequencer.submit(tick, publishedNanos: Int64(index))
    }
    measure.piece("sequence and write ltp") { index in
      tick.pointee.mode = Mode.ltp.rawValue
      sequencer.submit(tick, publishedNanos: Int64(index))
    }
    sequencer.flush()
    var reader = TickReader(ring)
    let out = UnsafeMutablePointer<Tick>.allocate(capacity: 1)
    out.initialize(to: Tick())
    tick.pointee.mode = Mode.depth.rawValue
    measure.piece("write and read full", per: 64) { _ in
      for _ in 0..<64 { ring.write(tick) }
      ring.publish()
      while reader.read(into: out) == .tick {}
    }
  }

  static func encode(_ measure: inout Measure) {
    let tick = fullTick()
    let universe = Universe(count: instrumentCount, seed: 1, todayDay: 20_780)
    let registry = InstrumentRegistry(universe.instruments.map(\.instrument))
    var encoder = TickEncoder(registry: registry, feedNames: ["sim"])
    let out = UnsafeMutableRawPointer.allocate(byteCount: encoder.bytesMax(.depth), alignment: 16)
    for mode in Mode.allCases {
      measure.piece("encode \(mode.label.lowercased()) json") { _ in
        let count = encoder.encode(tick, mode, into: out)
        _ = TickEncoder.writeTail(into: out + count)
      }
    }
  }

  static func mask(_ measure: inout Measure) {
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 16)
    measure.piece("mask 4 KiB") { index in Masking.apply(UInt32(truncatingIfNeeded: index), to: bytes, count: 4096) }
  }

  /// Subscriptions of a thousand clients coming and going.
  static func index(_ measure: inout Measure) {
    let clients: UInt32 = 1000
    let instruments: UInt32 = 100
    let index = SubscriptionIndex(
      instrumentCount: Int(instruments), clientsMax: Int(clients), lastValues: LastValueTable(count: Int(instruments)))
    // All but one client stay, so that lists have a length and a first or last subscriber is not the rule.
    for client in 1..<clients {
      for instrument in UInt32(0)..<10 {
        index.add(client: client, (client &+ instrument) % instruments, .ltp, flags: [])
      }
    }
    _ = index.takeWants()
    measure.piece("subscription add and remove") { number in
      let instrument = UInt32(truncatingIfNeeded: number) % instruments
      index.add(client: 0, instrument, .ltp, flags: [])
      index.remove(client: 0, instrument, .ltp)
    }
  }

  /// What needs more than one thread.
  static func threads(_ measure: inout Measure) {
    let repetitions = max(1, min(5, measure.repetitions / 8))
    let tick = fullTick()
    tick.pointee.mode = Mode.ltp.rawValue
    measure.add(RingBroadcast.measure("ring to 4 readers ltp", tick, repetitions))
    tick.pointee.mode = Mode.depth.rawValue
    measure.add(RingBroadcast.measure("ring to 4 readers full", tick, repetitions))
    if let piece = WakePingPong.measure("wake by eventfd", .eventfd, repetitions) { measure.add(piece) }
    if let piece = WakePingPong.measure("wake by message", .message, repetitions) { measure.add(piece) }
  }
}
