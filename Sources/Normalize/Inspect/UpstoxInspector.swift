// Upstox v3 frames as readable JSON. Cold path.

import JSONText
import Market

final class UpstoxInspector: FrameInspector {
  private let instruments: InspectedInstruments
  private let memory = InspectorMemory()
  private var decoder: UpstoxDecoder

  init(_ instruments: InspectedInstruments) {
    self.instruments = instruments
    decoder = UpstoxDecoder(keys: TextTokenMap(instruments.listings), feed: 0, acceptsUnknown: true)
  }

  func inspect(_ frame: CapturedFrame) -> Inspection {
    if frame.isText { return Self.inspectText(frame.bytes) }
    var inspection = Inspection()
    var ticksByKey: [String: [UInt8]] = [:]
    var segments: [String: UpstoxSegmentState] = [:]
    frame.bytes.withUnsafeBytes { bytes in
      let lastEntries = Self.lastEntries(bytes)
      decoder.begin(bytes, receivedNanos: 0)
      var step = decoder.next(into: memory.tick, book: memory.book)
      while step == .tick || step == .event {
        if step == .tick {
          let key = String(decoding: decoder.key, as: UTF8.self)
          // The deep book of a tick is the next step.
          if decoder.contents.isDeep { _ = decoder.next(into: memory.tick, book: memory.book) }
          if decoder.packet.baseAddress == lastEntries[key] { ticksByKey[key] = tick(key).json() }
        } else {
          for (segment, state) in UpstoxMarketStatus(decoder.packet) {
            segments[String(decoding: segment, as: UTF8.self)] = state
          }
        }
        step = decoder.next(into: memory.tick, book: memory.book)
      }
      inspection.ticks = ticksByKey.sorted { $0.key < $1.key }.map(\.value)
      inspection.finish(step)
      if decoder.event == .marketStatus || decoder.frameType == UpstoxDecoder.marketInfoType {
        Self.setStatus(segments, &inspection)
      }
    }
    return inspection
  }

  /// Where the last entry of each key begins, which stands for all of them: the decoder knows that only of instruments
  /// that it knows.
  private static func lastEntries(_ frame: UnsafeRawBufferPointer) -> [String: UnsafeRawPointer] {
    var lastEntries: [String: UnsafeRawPointer] = [:]
    var fields = ProtobufReader(frame)
    while fields.next() == .field {
      guard fields.tag == UpstoxTag.Response.feeds else { continue }
      let key = String(decoding: UpstoxDecoder.key(of: fields.bytes), as: UTF8.self)
      lastEntries[key] = fields.bytes.baseAddress
    }
    return lastEntries
  }

  private static func setStatus(_ segments: [String: UpstoxSegmentState], _ inspection: inout Inspection) {
    inspection.setEvent("market_status") { writer in
      writer.key("segments")
      writer.beginObject()
      for (segment, state) in segments.sorted(by: { $0.key < $1.key }) {
        writer.member(segment, state.name.map { "\($0)" } ?? String(state.rawValue))
      }
      writer.endObject()
    }
  }

  private func tick(_ key: String) -> InspectedTick {
    let tick = memory.tick.pointee
    let contents = decoder.contents
    var json = InspectedTick()
    json.text("token", key)
    json.integer("recv_ts_ms", decoder.frameMillis)
    json.text("kind", Self.kind(contents))
    json.dayPrices(tick)
    json.price("ltp", tick.ltp, of: tick, .ltp)
    if contents.hasTrade { json.millis("ltt_ms", tick.lastTradeTime, of: tick, .lastTradeTime) }
    json.dayTotals(tick)
    json.integer("oi", tick.openInterest, of: tick, .openInterest)
    if !contents.hasTrade { addZeros(tick, contents, to: &json) }
    if contents.hasLevels { addDepth(tick, contents, to: &json) }
    json.name(instruments.key(of: tick.instrument))
    return json
  }

  /// What a tick leaves out because it is 0 beside a missing trade is still what the message says.
  private func addZeros(_ tick: Tick, _ contents: UpstoxContents, to json: inout InspectedTick) {
    guard contents.kind == .market || contents.kind == .optionGreeks else { return }
    if !tick.has(.volume) { json.integer("volume", 0) }
    if !tick.has(.openInterest) { json.integer("oi", 0) }
    guard contents.kind == .market else { return }
    if !tick.has(.averagePrice) { json.price("atp", 0) }
    if !tick.has(.totals) {
      json.integer("total_buy_qty", 0)
      json.integer("total_sell_qty", 0)
    }
  }

  private func addDepth(_ tick: Tick, _ contents: UpstoxContents, to json: inout InspectedTick) {
    if contents.kind == .optionGreeks {
      let bid = DepthLevel(price: tick.bidPrice, quantity: tick.bidQuantity)
      let ask = DepthLevel(price: tick.askPrice, quantity: tick.askQuantity)
      return json.depth(
        buy: [InspectedTick.Level(bid, hasOrders: false)], sell: [InspectedTick.Level(ask, hasOrders: false)])
    }
    let book = memory.book
    let levels = 0..<min(contents.levelCount, UpstoxDecoder.deepLevels)
    json.depth(
      buy: levels.map { level in
        InspectedTick.Level(contents.isDeep ? book.pointee.bids[level] : tick.bids[level], hasOrders: false)
      },
      sell: levels.map { level in
        InspectedTick.Level(contents.isDeep ? book.pointee.asks[level] : tick.asks[level], hasOrders: false)
      })
  }

  private static func kind(_ contents: UpstoxContents) -> String {
    switch contents.kind {
    case .none, .ltpc: "ltpc"
    case .market: contents.requestMode == UpstoxContents.deepMode ? "full_d30" : "full_d5"
    case .index: "index_full"
    case .optionGreeks: "option_greeks"
    }
  }

  /// `{"status":"failed","method":..,"error":..}`.
  private static func inspectText(_ bytes: [UInt8]) -> Inspection {
    var inspection = Inspection()
    guard let message = (try? JSONDocument(bytes))?.root, message["status"]?.string == "failed" else {
      inspection.setEvent("ignored")
      return inspection
    }
    inspection.setEvent("error") { writer in
      for name in ["method", "error"] {
        guard let value = message[name] else { continue }
        writer.key(name)
        writer.raw(value.raw)
      }
    }
    return inspection
  }
}
