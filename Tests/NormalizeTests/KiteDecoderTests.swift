// The Kite decoder against recorded and hand-made frames, cut frames and random damage.

import Market
import Normalize
import TestSupport
import Testing

@Suite struct KiteDecoderTests {
  @Test(arguments: KiteVector.fixtures)
  func `fixture frames decode to exactly the expected values`(vector: KiteVector) {
    check(vector)
  }

  @Test func `the fixtures are there`() {
    #expect(KiteVector.fixtures.count == 20)
  }

  @Test func `captured frames decode to exactly the expected values`() {
    let captured = KiteVector.captured
    if captured.isEmpty { print("no captured frames: TICKGATE_SHARED_DATA is not set") }
    for vector in captured { check(vector) }
  }

  private func check(_ vector: KiteVector) {
    let run = KiteRun(vector.frame, tokens: vector.expected.map(\.token))
    #expect(run.last == (vector.isRejected ? .malformed : .end), "\(vector.id)")
    #expect(run.counters.malformed == (vector.isRejected ? 1 : 0), "\(vector.id)")
    #expect(run.ticks.count == vector.expected.count, "\(vector.id)")
    for (index, (tick, expected)) in zip(run.ticks, vector.expected).enumerated() {
      #expect(expected.difference(from: tick) == nil, "\(vector.id)")
      #expect(tick.instrument == UInt32(index) && tick.feed == 7)
      #expect(tick.receivedTime == KiteRun.receivedNanos)
      #expect(tick.sequence == 0 && tick.publishedTime == 0 && tick.quoteSequence == 0 && tick.depthSequence == 0)
    }
  }

  /// All fixture packets behind one another in one frame.
  private static let joined: (frame: [UInt8], expected: [ExpectedTick]) = {
    let good = KiteVector.fixtures.filter { !$0.isRejected }
    let count = UInt16(good.count)
    return (
      [UInt8(count >> 8), UInt8(count & 0xFF)] + good.flatMap { $0.frame.dropFirst(2) }, good.flatMap(\.expected)
    )
  }()

  @Test func `a frame of many packets gives all its ticks in order`() {
    let (frame, expected) = Self.joined
    let run = KiteRun(frame, tokens: expected.map(\.token))
    #expect(run.last == .end)
    #expect(run.ticks.count == expected.count)
    for (tick, wanted) in zip(run.ticks, expected) { #expect(wanted.difference(from: tick) == nil) }
  }

  @Test func `a frame cut anywhere gives the leading ticks and nothing else`() {
    let (frame, expected) = Self.joined
    let tokens = expected.map(\.token)
    for length in 0..<frame.count {
      let run = KiteRun(frame[..<length], tokens: tokens)
      #expect(run.last == (length < 2 ? .end : .malformed), "cut at \(length)")
      #expect(run.counters.heartbeats == (length < 2 ? 1 : 0))
      let starts = packetEnds(frame).filter { $0 <= length }.count
      #expect(run.ticks.count == starts, "cut at \(length)")
      for (tick, wanted) in zip(run.ticks, expected) {
        #expect(wanted.difference(from: tick) == nil, "cut at \(length)")
      }
    }
  }

  private func packetEnds(_ frame: [UInt8]) -> [Int] {
    var ends: [Int] = []
    var position = 2
    while position + 2 <= frame.count {
      position += 2 + Int(frame[position]) << 8 + Int(frame[position + 1])
      ends.append(position)
    }
    return ends
  }

  @Test func `random damage never breaks the decoder or its counts`() {
    var generator = SeededGenerator()
    let (frame, expected) = Self.joined
    let tokens = expected.map(\.token)
    for round in 0..<10_000 {
      var damaged = frame
      for _ in 0..<Int.random(in: 1...8, using: &generator) {
        damaged[Int.random(in: 0..<damaged.count, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      if round % 3 == 0 { damaged.removeLast(Int.random(in: 0..<damaged.count, using: &generator)) }
      let run = KiteRun(damaged, tokens: tokens)
      let valid = run.ticks.allSatisfy {
        Int($0.instrument) < tokens.count && (1...3).contains($0.mode) && $0.has(.ltp) && $0.bidLevels <= 5
          && $0.askLevels <= 5
      }
      #expect(valid && run.counters.ticks == UInt64(run.ticks.count), "seed \(generator.seed), round \(round)")
      #expect(run.counters.malformed == (run.last == .malformed ? 1 : 0), "seed \(generator.seed), round \(round)")
    }
  }

  @Test func `a negative price keeps its sign`() {
    // MCX token, -37.63 rupees: settlements below zero have happened.
    let run = KiteRun(bytes(hex: "0001000800000107fffff14d"), tokens: [0x107])
    #expect(run.ticks.first?.ltp == -37_63 * 1_000_000)
  }

  @Test func `the segment of a token decides the unit of its prices`() {
    for (segment, expected) in [(1, 1_000_000), (3, 10), (6, 10_000), (9, 1_000_000), (12, 10_000)] as [(UInt32, Int64)]
    {
      let token = 0x100 | segment
      let run = KiteRun([0, 1, 0, 8, 0, 0, 1, UInt8(segment), 0, 0, 0, 1], tokens: [token])
      #expect(run.ticks.first?.ltp == expected, "segment \(segment)")
    }
  }

  @Test func `unknown tokens and lengths are skipped and counted`() {
    let known: [UInt8] = [0, 8, 0, 0, 1, 1, 0, 0, 0, 9]
    let unknown: [UInt8] = [0, 8, 0, 0, 2, 1, 0, 0, 0, 9]
    let oddLength: [UInt8] = [0, 9, 0, 0, 1, 1, 0, 0, 0, 9, 0]
    let empty: [UInt8] = [0, 0]
    let run = KiteRun([0, 4] + unknown + oddLength + empty + known, tokens: [0x101])
    #expect(run.last == .end)
    #expect(run.ticks.map(\.ltp) == [9_000_000])
    #expect(run.counters.unknownTokens == 1)
    #expect(run.counters.unknownLengths == 2)
    #expect(run.counters.ticks == 1 && run.counters.frames == 1)
  }

  @Test func `bytes after the last packet are ignored`() {
    let run = KiteRun([0, 1, 0, 8, 0, 0, 1, 1, 0, 0, 0, 9, 0xAB, 0xCD, 0xEF], tokens: [0x101])
    #expect(run.ticks.count == 1 && run.last == .end && run.counters.malformed == 0)
  }

  @Test func `an index packet of a tradable segment is told by its length`() {
    let prices: [UInt8] = [0, 0, 0, 5, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0]
    let run = KiteRun([0, 1, 0, 28, 0, 0, 1, 1] + prices, tokens: [0x101])
    let tick = run.ticks.first ?? Tick()
    #expect([tick.ltp, tick.high, tick.low, tick.open, tick.close] == [5, 9, 1, 2, 3].map { $0 * 1_000_000 })
    #expect(Presence(rawValue: tick.presence) == [.ltp, .ohlc])
  }

  @Test func `only the prefix that the mode names is written`() {
    var decoder = KiteDecoder(tokens: TokenMap([.init(token: 0x101, instrument: 3)]), feed: 0)
    var tick = Tick()
    tick.sequence = 11
    tick.publishedTime = 12
    tick.open = 13
    tick.depthSequence = 14
    let frame: [UInt8] = [0, 1, 0, 8, 0, 0, 1, 1, 0, 0, 0, 9]
    let step = frame.withUnsafeBytes { raw -> DecodeStep in
      decoder.begin(raw, receivedNanos: 1)
      return decoder.next(into: &tick)
    }
    #expect(step == .tick)
    #expect([tick.sequence, tick.depthSequence] == [11, 14])
    #expect([tick.publishedTime, tick.open] == [12, 13])
  }

  @Test func `a step after the end stays at the end`() {
    var decoder = KiteDecoder(tokens: TokenMap([]), feed: 0)
    var tick = Tick()
    #expect(decoder.next(into: &tick) == .end)
    [UInt8](repeating: 0, count: 1).withUnsafeBytes { decoder.begin($0, receivedNanos: 1) }
    #expect(decoder.next(into: &tick) == .end)
    #expect(decoder.next(into: &tick) == .end)
    #expect(decoder.counters.heartbeats == 1)
  }

  @Test func `unknown tokens become ticks of no instrument where that is wanted`() {
    var decoder = KiteDecoder(tokens: TokenMap([.init(token: 0x101, instrument: 3)]), feed: 0, acceptsUnknown: true)
    var tick = Tick()
    let frame: [UInt8] = [0, 2, 0, 8, 0, 0, 2, 1, 0, 0, 0, 9, 0, 8, 0, 0, 1, 1, 0, 0, 0, 7]
    let instruments = frame.withUnsafeBytes { raw in
      decoder.begin(raw, receivedNanos: 1)
      var instruments: [UInt32] = []
      while decoder.next(into: &tick) == .tick { instruments.append(tick.instrument) }
      return instruments
    }
    #expect(instruments == [TokenMap.absent, 3])
    #expect(decoder.counters.unknownTokens == 1 && decoder.counters.ticks == 2)
  }

  @Test func `the packet of the last tick can be looked at`() {
    var decoder = KiteDecoder(tokens: TokenMap([.init(token: 0x101, instrument: 3)]), feed: 0)
    var tick = Tick()
    #expect(decoder.packet.isEmpty)
    let packets: [[UInt8]] = [[0, 0, 1, 1, 0, 0, 0, 9], [0, 0, 1, 1, 0, 0, 0, 7]]
    let frame: [UInt8] = [0, 2, 0, 8] + packets[0] + [0, 8] + packets[1] + [0xFF]
    frame.withUnsafeBytes { raw in
      decoder.begin(raw, receivedNanos: 1)
      #expect(decoder.packet.isEmpty)
      for packet in packets {
        #expect(decoder.next(into: &tick) == .tick)
        #expect(Array(decoder.packet) == packet)
      }
    }
  }
}
