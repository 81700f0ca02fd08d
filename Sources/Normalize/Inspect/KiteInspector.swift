// Kite ticker frames (Zerodha) as readable JSON. Cold path.

import JSONText
import Market

final class KiteInspector: FrameInspector {
  private let instruments: InspectedInstruments
  private let memory = InspectorMemory()
  private var decoder: KiteDecoder

  init(_ instruments: InspectedInstruments) {
    self.instruments = instruments
    decoder = KiteDecoder(
      tokens: TokenMap(instruments.listings, withSegment: false), feed: 0, acceptsUnknown: true)
  }

  func inspect(_ frame: CapturedFrame) -> Inspection {
    if frame.isText { return Self.inspectText(frame.bytes) }
    var inspection = Inspection()
    if frame.bytes.count < 2 { inspection.setEvent("heartbeat") }
    frame.bytes.withUnsafeBytes { bytes in
      decoder.begin(bytes, receivedNanos: 0)
      var step = decoder.next(into: memory.tick)
      while step == .tick {
        inspection.add(tick())
        step = decoder.next(into: memory.tick)
      }
      inspection.finish(step)
    }
    return inspection
  }

  private func tick() -> InspectedTick {
    let tick = memory.tick.pointee
    let packet = decoder.packet
    let token = packet.baseAddress.map { $0.bigEndian32(0) } ?? 0
    let isFull = packet.count == KiteDecoder.PacketBytes.full
    var json = InspectedTick()
    json.text("kind", Self.kind(packet.count))
    json.text("token", String(token))
    json.integer("seg", Int64(token & 0xFF))
    json.price("ltp", tick.ltp, of: tick, .ltp)
    json.dayPrices(tick)
    json.dayTotals(tick)
    if isFull { json.millis("ltt_ms", tick.lastTradeTime, of: tick, .lastTradeTime) }
    json.integer("oi", tick.openInterest, of: tick, .openInterest)
    json.integer("oi_high", tick.openInterestHigh, of: tick, .openInterestRange)
    json.integer("oi_low", tick.openInterestLow, of: tick, .openInterestRange)
    if isFull || packet.count == KiteDecoder.PacketBytes.indexFull {
      json.millis("exch_ts_ms", tick.exchangeTime, of: tick, .exchangeTime)
    }
    if tick.has(.depth) { json.depth(buy: tick.inspectedBids, sell: tick.inspectedAsks) }
    json.name(instruments.key(of: tick.instrument))
    return json
  }

  private static func kind(_ packetBytes: Int) -> String {
    switch packetBytes {
    case KiteDecoder.PacketBytes.ltp: "ltp"
    case KiteDecoder.PacketBytes.quote: "quote"
    case KiteDecoder.PacketBytes.full: "full"
    case KiteDecoder.PacketBytes.indexQuote: "index_quote"
    default: "index_full"
    }
  }

  /// `{"type":..,"data":..}`: orders, errors, notices.
  private static func inspectText(_ bytes: [UInt8]) -> Inspection {
    var inspection = Inspection()
    let message = (try? JSONDocument(bytes))?.root
    inspection.setEvent(message?["type"]?.string ?? "ignored") { writer in
      guard let data = message?["data"] else { return }
      writer.key("data")
      writer.raw(data.raw)
    }
    return inspection
  }
}
