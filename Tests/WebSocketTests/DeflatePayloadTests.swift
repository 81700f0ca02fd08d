import TestSupport
import Testing
import WebSocket

@Suite struct DeflatePayloadTests {
  let inflater = PayloadInflater()

  static func tick(_ price: Int) -> [UInt8] {
    Array(
      """
      {"type":"market_data","mode":1,"broker":"zerodha","symbol":"RELIANCE","exchange":"NSE","data":{"symbol":"RELIANCE",\
      "exchange":"NSE","mode":1,"ltp":\(price).05,"timestamp":1700000000000}}
      """.utf8)
  }

  func deflater(level: Int = 1, windowBits: Int = 12, memoryLevel: Int = 4, min: Int = 0) -> PayloadDeflater {
    var options = PayloadDeflater.Options()
    options.level = level
    options.windowBits = windowBits
    options.memoryLevel = memoryLevel
    options.payloadBytesMin = min
    return PayloadDeflater(options)
  }

  // MARK: Inflating

  @Test func `reads the forms that the RFC shows`() {
    let hello = Inflated.message("Hello")
    #expect(inflated([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], with: inflater) == hello)
    // Not compressed at all.
    #expect(inflated([0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00], with: inflater) == hello)
    // A last block, then the empty one.
    #expect(inflated([0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00], with: inflater) == hello)
    // Two blocks.
    #expect(
      inflated([0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00], with: inflater) == hello)
  }

  @Test func `reads empty messages`() {
    for empty: [UInt8] in [[], [0x00], [0x02, 0x00], [0x03, 0x00], [0x03, 0x00, 0x00], [0x01]] {
      #expect(inflated(empty, with: inflater) == .message([]), "\(empty)")
    }
  }

  @Test func `goes on after a block that says to be the last`() {
    let last: [UInt8] = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
    #expect(inflated(last, with: inflater) == .message("Hello"))
    #expect(inflated(last + last + [0x00], with: inflater) == .message("HelloHello"))
    #expect(inflated(last + [0xFF], with: inflater) == .malformed)
    #expect(inflated(last + [0x00, 0x00], with: inflater) == .malformed)
  }

  @Test func `refuses what is not deflate`() {
    // A reserved kind of block; a length without its complement; a reference before the start.
    #expect(inflated([0x07], with: inflater) == .malformed)
    #expect(inflated([0x00, 0x05, 0x00, 0xFA, 0xFE, 0x48], with: inflater) == .malformed)
    #expect(inflated([0x4B, 0x04, 0x12, 0x00], with: inflater) == .malformed)
    #expect(inflated([0xFF, 0xFF, 0xFF, 0xFF], with: inflater) == .malformed)
    // And forgets it.
    #expect(inflated([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], with: inflater) == .message("Hello"))
  }

  @Test func `a payload that was cut is refused`() throws {
    let message = Self.tick(2500) + Self.tick(2501)
    for level in [1, 9] {
      let whole = try #require(deflated(message, with: deflater(level: level)))
      for count in 1..<whole.count {
        #expect(inflated(Array(whole[..<count]), with: inflater) == .malformed, "\(count) of \(whole.count)")
      }
    }
  }

  @Test func `stops at the bound, not a byte before`() throws {
    let bomb = try #require(deflated([UInt8](repeating: 0x41, count: 1_000_000), with: deflater(level: 9)))
    #expect(bomb.count < 2000)
    #expect(inflated(bomb, bytesMax: 999_999, with: inflater) == .tooLarge)
    #expect(inflated(bomb, bytesMax: 1_000_000, with: inflater) == .message([UInt8](repeating: 0x41, count: 1_000_000)))
    let fresh = PayloadInflater()
    #expect(inflated(bomb, bytesMax: 1000, with: fresh) == .tooLarge)
    #expect(fresh.capacityBytes == 1001)
    #expect(inflated(bomb, bytesMax: 0, with: fresh) == .tooLarge)
    #expect(inflated([0x00], bytesMax: 0, with: fresh) == .message([]))
    #expect(inflated(Array(bomb.dropLast(9)), bytesMax: 1000, with: fresh) == .tooLarge)
    // A smaller bound after a larger one holds too.
    #expect(inflated(bomb, bytesMax: 100_000, with: inflater) == .tooLarge)
    #expect(inflated(bomb, bytesMax: 1_000_000, with: inflater) != .tooLarge)
    #expect(inflater.capacityBytes <= 1_000_001)
  }

  // MARK: Deflating

  @Test func `a tick becomes smaller and comes back`() throws {
    for level in [1, 6, 9] {
      for windowBits in 9...15 {
        let deflater = deflater(level: level, windowBits: windowBits, memoryLevel: 1 + windowBits % 9)
        #expect(deflater.windowBits == windowBits)
        for price in 2500..<2510 {
          let payload = try #require(deflated(Self.tick(price), with: deflater))
          #expect(payload.count < Self.tick(price).count)
          #expect(inflated(payload, with: inflater) == .message(Self.tick(price)))
        }
      }
    }
  }

  @Test func `messages are compressed alike whatever came before`() throws {
    let deflater = deflater()
    let first = try #require(deflated(Self.tick(2500), with: deflater))
    _ = deflated(Self.tick(1), with: deflater)
    _ = deflated([UInt8](repeating: 7, count: 100_000), with: deflater)
    #expect(deflated(Self.tick(2500), with: deflater) == first)
  }

  @Test func `leaves alone what would not become smaller`() {
    var random = SeededGenerator()
    let deflater = deflater()
    for count in [0, 1, 2, 3, 5, 10, 100, 1000, 70_000] {
      #expect(deflated(random.bytes(count), with: deflater) == nil, random.comment)
    }
    let smallest = PayloadDeflater()
    #expect(smallest.payloadBytesMin == 64)
    #expect(deflated([UInt8](repeating: 1, count: 63), with: smallest) == nil)
    #expect(deflated([UInt8](repeating: 1, count: 64), with: smallest) != nil)
  }

  @Test func `never writes beyond the room it is given`() {
    let deflater = deflater()
    let message = Self.tick(2500)
    let needed = deflated(message, with: deflater)?.count ?? 0
    for room in 0...message.count {
      var memory = [UInt8](repeating: 0xEE, count: room + 16)
      let count = message.withUnsafeBytes { source in
        memory.withUnsafeMutableBytes {
          deflater.deflate(source, to: UnsafeMutableRawBufferPointer(rebasing: $0[..<room]))
        }
      }
      #expect(memory[room...].allSatisfy { $0 == 0xEE }, "\(room)")
      // Four bytes for what is cut off, and one that shows that nothing is missing.
      #expect(count == (room >= needed + 5 ? needed : nil), "\(room)")
    }
  }

  @Test func `a window keeps references near`() throws {
    var random = SeededGenerator()
    let comment = random.comment
    let block = random.bytes(700)
    // The second half is 700 bytes back: within 10 bits, beyond 9.
    #expect(deflated(block + block, with: deflater(windowBits: 9)) == nil, comment)
    let wide = try #require(deflated(block + block, with: deflater(windowBits: 11)), comment)
    #expect(wide.count < 800 && inflated(wide, with: inflater) == .message(block + block), comment)
  }

  // MARK: Both, at random

  @Test func `what goes in comes out, and damage never crashes or exceeds the bound`() {
    var random = SeededGenerator()
    let comment = random.comment
    let deflaters = [deflater(), deflater(level: 9, windowBits: 15, memoryLevel: 9), deflater(level: 6, windowBits: 9)]
    let bytesMax = 3000
    var refused = 0
    for round in 0..<20_000 {
      let message = random.text(Int.random(in: 0...200, using: &random))
      guard let payload = deflated(message, with: deflaters[round % 3]) else { continue }
      #expect(inflated(payload, bytesMax: bytesMax, with: inflater) == .message(message), comment)
      var damaged = payload
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        damaged[Int.random(in: 0..<damaged.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      }
      switch inflated(damaged, bytesMax: bytesMax, with: inflater) {
      case .message(let bytes): #expect(bytes.count <= bytesMax, comment)
      default: refused += 1
      }
    }
    #expect(refused > 1000, comment)
    #expect(inflater.capacityBytes <= bytesMax + 1, comment)
  }
}
