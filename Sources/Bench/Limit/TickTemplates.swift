// Ready-made frames, one per symbol: only the price, which carries the tick's number, and the sequence are written per
// tick, right-aligned into fixed places (JSON allows the blanks). One thread; memory is made when a symbol is met.

import Glibc
import Market
import WebSocket

/// The number that a tick of the bench carries in its price: so many paise above a base.
enum TickNumber {
  /// Keeps prices positive and, up to 90 million ticks, all of one width.
  static let basePaise: Int64 = 10_000_000
}

struct TickTemplate: BitwiseCopyable {
  /// Frame with its header.
  let frame: UnsafeMutableRawPointer
  let count: Int
  /// Where the last digit of the rupees stands; a point and the paise follow.
  let rupeesEnd: Int
  /// Where the last digit of the sequence stands.
  let sequenceEnd: Int
  var sequence: UInt64 = 0

  /// Places of a number.
  private static let digits = 12

  /// - Parameter messageBytes: length of the JSON; 0 for what it comes to by itself.
  init(_ key: InstrumentKey, messageBytes: Int, hasSequence: Bool, epochMillis: Int64) {
    let names = #""symbol":"\#(key.symbol)","exchange":"\#(key.exchange.code)","mode":1"#
    let blank = String(repeating: " ", count: Self.digits)
    var text = #"{"type":"market_data",\#(names),"data":{\#(names),"ltp":"#
    let rupeesEnd = text.utf8.count + 8 - 1
    text += #"\#(blank.prefix(8)).00,"timestamp":\#(epochMillis)},"broker":"zerodha""#
    var sequenceEnd = -1
    if hasSequence {
      text += #","seq":\#(blank)"#
      sequenceEnd = text.utf8.count - 1
      text += #","epoch":\#(epochMillis)"#
    }
    text += String(repeating: " ", count: max(0, messageBytes - text.utf8.count - 1)) + "}"
    let header = FrameWriter.headerBytes(payloadCount: text.utf8.count, isMasked: false)
    count = header + text.utf8.count
    frame = .allocate(byteCount: count, alignment: 16)
    FrameWriter.writeHeader(.text, payloadCount: text.utf8.count, to: frame)
    var bytes = Array(text.utf8)
    (frame + header).copyMemory(from: &bytes, byteCount: bytes.count)
    self.rupeesEnd = header + rupeesEnd
    self.sequenceEnd = hasSequence ? header + sequenceEnd : -1
  }

  /// Writes the number of a tick, and the symbol's next sequence.
  @inline(__always) mutating func patch(number: Int64) {
    let paise = TickNumber.basePaise &+ number
    let (rupees, rest) = paise.quotientAndRemainder(dividingBy: 100)
    write(UInt64(truncatingIfNeeded: rupees), endingAt: rupeesEnd)
    frame.storeBytes(of: 0x30 &+ UInt8(truncatingIfNeeded: rest / 10), toByteOffset: rupeesEnd + 2, as: UInt8.self)
    frame.storeBytes(of: 0x30 &+ UInt8(truncatingIfNeeded: rest % 10), toByteOffset: rupeesEnd + 3, as: UInt8.self)
    if sequenceEnd < 0 { return }
    sequence &+= 1
    write(sequence, endingAt: sequenceEnd)
  }

  @inline(__always) private func write(_ value: UInt64, endingAt end: Int) {
    var value = value
    var at = end
    repeat {
      frame.storeBytes(of: 0x30 &+ UInt8(truncatingIfNeeded: value % 10), toByteOffset: at, as: UInt8.self)
      value /= 10
      at &-= 1
    } while value > 0
  }
}
