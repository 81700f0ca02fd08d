// Dhan's feeds of 20 and 200 levels: rows, the sides, counts that cannot be, and the two forms of a disconnect.

import Market
import Normalize
import Testing

@Suite struct DhanDepthTests {
  private func rows(_ count: Int) -> [DhanRow] {
    (0..<UInt32(count)).map { DhanRow(price: 100.05 + Double($0), quantity: $0 + 1, orders: $0 + 2) }
  }

  private func levels(_ count: Int) -> [DepthLevel] {
    (0..<UInt32(count)).map {
      DepthLevel(price: 10_005_000_000 + Int64($0) * Price.scale, quantity: $0 + 1, orders: $0 + 2)
    }
  }

  @Test func `each side is an update of its own and leaves the other without levels`() {
    let bids = DhanPacket(depthCode: 41, rows: rows(20), number: 77).bytes
    let asks = DhanPacket(depthCode: 51, rows: rows(20), number: .max, segment: 2, token: 52175).bytes
    let run = DhanRun(bids + asks + bids, connection: .depth20)
    #expect(run.updates.map(\.step) == [.book, .book, .book] && run.last == .end && run.counters.books == 3)
    #expect(run.updates.map(\.book.sides) == [.bids, .asks, .bids])
    #expect(run.updates.map(\.book.instrument) == [0, 1, 0])
    #expect(run.updates.allSatisfy { $0.book.capacity == 20 && $0.book.exchangeTime == 0 && $0.packet.count == 332 })
    for update in run.updates {
      #expect(update.bids == (update.book.sides == .bids ? levels(20) : []))
      #expect(update.asks == (update.book.sides == .asks ? levels(20) : []))
    }
  }

  @Test(arguments: [0, 1, 50, 199, 200])
  func `the feed of 200 levels says how many rows there are`(count: Int) {
    let packet = DhanPacket(depthCode: 51, rows: rows(count), number: UInt32(count)).bytes
    let run = DhanRun(packet + packet, connection: .depth200)
    #expect(run.updates.count == 2 && run.last == .end)
    #expect(run.updates.allSatisfy { $0.asks == levels(count) && $0.book.capacity == 200 })
  }

  @Test(arguments: [UInt32(201), 202, 65_536, 1 << 28, .max])
  func `more rows than there can be end the frame`(count: UInt32) {
    let good = DhanPacket(depthCode: 41, rows: rows(3), number: 3).bytes
    let bad = DhanPacket(depthCode: 41, rows: rows(250), number: count).bytes
    let run = DhanRun(good + bad + good, connection: .depth200)
    #expect(run.updates.count == 1 && run.last == .malformed)
    #expect(run.counters.badCounts == 1 && run.counters.malformed == 1)
  }

  @Test func `more rows than are there end the frame`() {
    let run = DhanRun(DhanPacket(depthCode: 41, rows: rows(3), number: 4).bytes, connection: .depth200)
    #expect(run.updates.isEmpty && run.last == .malformed && run.counters.badCounts == 0)
  }

  @Test func `empty rows at the end are no levels`() {
    let run = DhanRun(
      DhanPacket(depthCode: 41, rows: [DhanRow(price: 1), DhanRow(), DhanRow(price: 2), DhanRow()], number: 4).bytes,
      connection: .depth200)
    #expect(run.updates.first?.bids.count == 3)
  }

  @Test(arguments: [Double.nan, .infinity, -1, 9.3e10, -.greatestFiniteMagnitude])
  func `an impossible price drops its side, and the rest of the frame is read`(value: Double) {
    let good = DhanPacket(depthCode: 41, rows: rows(20), number: 0).bytes
    var poisoned = rows(20)
    poisoned[19].price = value
    let run = DhanRun(good + DhanPacket(depthCode: 51, rows: poisoned, number: 0).bytes + good, connection: .depth20)
    #expect(run.updates.map(\.book.sides) == [.bids, .bids] && run.last == .malformed)
    #expect(run.counters.badPrices == 1 && run.counters.malformed == 1)
  }

  @Test(
    arguments: [
      (0.05, 5_000_000), (24_816.35, 2_481_635_000_000), (81_999_999.95, 8_199_999_995_000_000),
      (-0.0, 0), (4_999_999_999.95, 499_999_999_995_000_000),
    ] as [(Double, Int64)])
  func `prices are the decimals that were meant`(value: Double, expected: Int64) {
    let run = DhanRun(
      DhanPacket(depthCode: 41, rows: [DhanRow(price: value, quantity: 1)], number: 1).bytes, connection: .depth200)
    #expect(run.updates.first?.bids.first?.price == expected)
  }

  // MARK: Disconnect

  @Test func `the reason is found in both forms of a disconnect`() {
    let short = DhanPacket(depthCode: 50, rows: [], number: 807)
    let long = DhanPacket(depthCode: 50, rows: [DhanRow()], number: 3).with(UInt16(14), at: 0)
      .with(UInt16(805), at: 12)
    let good = DhanPacket(depthCode: 41, rows: rows(1), number: 1).bytes
    for connection in [DhanConnection.depth20, .depth200] {
      #expect(DhanRun(short.bytes, connection: connection).events == [.disconnect(code: 807)])
      #expect(DhanRun(long.bytes[..<14], connection: connection).events == [.disconnect(code: 805)])
    }
    let run = DhanRun(good + long.bytes[..<14] + good + short.bytes + good, connection: .depth200)
    #expect(run.updates.map(\.step) == [.book, .event, .book, .event, .book] && run.last == .end)
    #expect(run.events == [.disconnect(code: 805), .disconnect(code: 807)])
  }

  @Test func `a length that looks like a reason is not taken for one`() {
    // 50 rows make a packet of 812 bytes.
    let short = DhanPacket(depthCode: 50, rows: [], number: 807)
    let run = DhanRun(
      short.bytes + DhanPacket(depthCode: 41, rows: rows(50), number: 50).bytes, connection: .depth200)
    #expect(run.events == [.disconnect(code: 807)] && run.counters.books == 1 && run.last == .end)
  }

  @Test func `a reason out of range at 12 is not believed`() {
    let frame = DhanPacket(depthCode: 50, rows: [DhanRow()], number: 806).with(UInt16(799), at: 12).bytes[..<14]
    #expect(DhanRun(frame, connection: .depth20).events == [.disconnect(code: 806)])
    let huge = DhanPacket(depthCode: 50, rows: [], number: 1 << 20)
    #expect(DhanRun(huge.bytes, connection: .depth20).events == [.disconnect(code: .max)])
  }

  // MARK: Damage

  @Test func `a frame cut anywhere gives the leading sides and nothing else`() {
    for (connection, count) in [(DhanConnection.depth20, 20), (.depth200, 7)] {
      let packet = DhanPacket(depthCode: 41, rows: rows(count), number: UInt32(count)).bytes
      let frame = packet + packet
      for length in 0...frame.count {
        let run = DhanRun(frame[..<length], connection: connection)
        #expect(run.updates.count == length / packet.count, "cut at \(length)")
        #expect(run.last == (length % packet.count == 0 ? .end : .malformed), "cut at \(length)")
      }
    }
  }

  @Test func `unknown kinds are skipped by their length, unless it cannot be`() {
    let good = DhanPacket(depthCode: 41, rows: rows(20), number: 0).bytes
    let unknown = DhanPacket(depthCode: 99, rows: rows(2), number: 0)
    let run = DhanRun(unknown.bytes + good, connection: .depth20)
    #expect(run.updates.count == 1 && run.last == .end && run.counters.unknownKinds == 1)
    for length in [UInt16(0), 11, 45, .max] {
      let run = DhanRun(good + unknown.with(length, at: 0).bytes, connection: .depth20)
      #expect(run.updates.count == 1 && run.last == .malformed, "length \(length)")
    }
  }

  @Test func `unknown instruments are skipped, or accepted where that is wanted`() {
    let packet = DhanPacket(depthCode: 41, rows: rows(20), number: 0, segment: 8).bytes
    #expect(DhanRun(packet, connection: .depth20).counters.unknownTokens == 1)
    let run = DhanRun(packet, acceptsUnknown: true, connection: .depth20)
    #expect(run.updates.first?.book.instrument == TokenMap.absent)
  }
}
