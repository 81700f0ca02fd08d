// Frames of Dhan's three feeds as readable JSON. Cold path.

import JSONText
import Market

final class DhanInspector: FrameInspector {
  private let instruments: InspectedInstruments
  private let memory = InspectorMemory()
  private let connection: DhanConnection
  private var decoder: DhanDecoder

  init(_ instruments: InspectedInstruments, connection: DhanConnection) {
    self.instruments = instruments
    self.connection = connection
    decoder = DhanDecoder(
      tokens: TokenMap(instruments.listings, withSegment: true), feed: 0, acceptsUnknown: true,
      connection: connection)
  }

  func inspect(_ frame: CapturedFrame) -> Inspection {
    var inspection = Inspection()
    guard !frame.isText else {
      inspection.setEvent("ignored")
      return inspection
    }
    frame.bytes.withUnsafeBytes { bytes in
      decoder.begin(bytes, receivedNanos: 0)
      while true {
        let step = decoder.next(into: memory.tick, book: memory.book)
        switch step {
        case .tick: inspection.add(tick(decoder.packet))
        case .book: inspection.add(side(decoder.packet))
        case .event: setEvent(&inspection)
        case .end, .malformed: return inspection.finish(step)
        }
      }
    }
    return inspection
  }

  private func setEvent(_ inspection: inout Inspection) {
    switch decoder.event {
    case .none: break
    case .disconnect(let code):
      inspection.setEvent("disconnect") { $0.member("code", Int64(code)) }
    case .marketStatus(let segment):
      inspection.setEvent("market_status") { $0.member("seg", Int64(segment)) }
    }
  }

  private func tick(_ packet: UnsafeRawBufferPointer) -> InspectedTick {
    guard let bytes = packet.baseAddress else { return InspectedTick() }
    let tick = memory.tick.pointee
    let code = bytes.byte(0)
    var json = InspectedTick()
    json.text("token", String(bytes.little32(4)))
    json.integer("seg", Int64(bytes.byte(3)))
    json.text("kind", Self.kind(code))
    json.price("ltp", tick.ltp, of: tick, .ltp)
    json.dayTotals(tick)
    json.dayPrices(tick)
    json.integer("oi", tick.openInterest, of: tick, .openInterest)
    json.integer("oi_high", tick.openInterestHigh, of: tick, .openInterestRange)
    json.integer("oi_low", tick.openInterestLow, of: tick, .openInterestRange)
    if code == DhanDecoder.Code.previousClose { json.integer("prev_oi", Int64(bytes.little32(12))) }
    if tick.has(.depth) { json.depth(buy: tick.inspectedBids, sell: tick.inspectedAsks) }
    if tick.has(.ltp) {
      json.millis("ltt_ms", tick.lastTradeTime, of: tick, .lastTradeTime)
      // The shortest decimal that is the float of the wire, as all prices here.
      json.price("ltp_exact", tick.ltp)
    }
    json.name(instruments.key(of: tick.instrument))
    return json
  }

  private static func kind(_ code: UInt8) -> String {
    switch code {
    case DhanDecoder.Code.ticker: "ticker"
    case DhanDecoder.Code.quote: "quote"
    case DhanDecoder.Code.full: "full"
    case DhanDecoder.Code.openInterest: "oi"
    default: "prev_close"
    }
  }

  /// One side of a book: all rows of the packet, empty ones included.
  private func side(_ packet: UnsafeRawBufferPointer) -> InspectedTick {
    guard let bytes = packet.baseAddress else { return InspectedTick() }
    let book = memory.book
    let isBids = book.pointee.sides == BookSides.bids.rawValue
    let rows = 0..<min((packet.count - 12) / 16, Int(book.pointee.capacity))
    var json = InspectedTick()
    json.text("kind", connection == .depth20 ? "depth20" : "depth200")
    json.text("token", String(bytes.little32(4)))
    json.integer("seg", Int64(bytes.byte(3)))
    json.text("side", isBids ? "buy" : "sell")
    json.levels("levels", rows.map { InspectedTick.Level(isBids ? book.pointee.bids[$0] : book.pointee.asks[$0]) })
    json.name(instruments.key(of: book.pointee.instrument))
    return json
  }
}
