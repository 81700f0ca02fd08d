// SmartStream frames (Angel One) as readable JSON. Cold path.

import JSONText
import Market

final class SmartStreamInspector: FrameInspector {
  private let instruments: InspectedInstruments
  private let memory = InspectorMemory()
  private var decoder: SmartStreamDecoder

  init(_ instruments: InspectedInstruments) {
    self.instruments = instruments
    decoder = SmartStreamDecoder(
      tokens: TokenMap(instruments.listings, withSegment: true), feed: 0, acceptsUnknown: true)
  }

  func inspect(_ frame: CapturedFrame) -> Inspection {
    if frame.isText { return Self.inspectText(frame.bytes) }
    var inspection = Inspection()
    frame.bytes.withUnsafeBytes { bytes in
      decoder.begin(bytes, receivedNanos: 0)
      var step = decoder.next(into: memory.tick, book: memory.book)
      while step == .tick || step == .book, let packet = decoder.packet.baseAddress {
        inspection.add(step == .tick ? tick(packet) : book(packet))
        step = decoder.next(into: memory.tick, book: memory.book)
      }
      inspection.finish(step)
    }
    return inspection
  }

  private func head(_ kind: String, _ packet: UnsafeRawPointer) -> InspectedTick {
    let token = UnsafeRawBufferPointer(start: packet + 2, count: 25).prefix { $0 != 0 }
    var json = InspectedTick()
    json.text("kind", kind)
    json.text("token", String(decoding: token, as: UTF8.self))
    json.integer("seg", Int64(packet.byte(1)))
    return json
  }

  private func tick(_ packet: UnsafeRawPointer) -> InspectedTick {
    let tick = memory.tick.pointee
    let mode = packet.byte(0)
    var json = head(mode == 1 ? "ltp" : mode == 2 ? "quote" : "snap_quote", packet)
    json.millis("exch_ts_ms", tick.exchangeTime, of: tick, .exchangeTime)
    json.price("ltp", tick.ltp, of: tick, .ltp)
    json.integer("seq", packet.littleSigned64(27))
    if mode >= 2 {
      json.dayTotals(tick)
      json.dayPrices(tick)
    }
    if mode >= 3 {
      json.millis("ltt_ms", tick.lastTradeTime, of: tick, .lastTradeTime)
      json.integer("oi", tick.openInterest, of: tick, .openInterest)
      json.price("upper_circuit", tick.upperCircuit, of: tick, .circuits)
      json.price("lower_circuit", tick.lowerCircuit, of: tick, .circuits)
      let unit = SmartStreamDecoder.unit(ofSegment: packet.byte(1))
      json.price("high_52w", packet.littleSigned64(363).multipliedReportingOverflow(by: unit).partialValue)
      json.price("low_52w", packet.littleSigned64(371).multipliedReportingOverflow(by: unit).partialValue)
      let (buy, sell) = levels(tick, packet + 147, unit)
      json.depth(buy: buy, sell: sell)
    }
    json.name(instruments.key(of: tick.instrument))
    return json
  }

  /// All ten entries by their flags. Those that the tick holds are the tick's.
  private func levels(
    _ tick: Tick, _ entries: UnsafeRawPointer, _ unit: Int64
  ) -> (buy: [InspectedTick.Level], sell: [InspectedTick.Level]) {
    var (buy, sell): ([InspectedTick.Level], [InspectedTick.Level]) = ([], [])
    for entry in 0..<10 {
      let bytes = entries + entry * 20
      let isBuy = bytes.little16(0) != 0
      let place = isBuy ? buy.count : sell.count
      var level: InspectedTick.Level
      if place < Tick.depthLevels {
        level = InspectedTick.Level(isBuy ? tick.bids[place] : tick.asks[place])
      } else {
        level = InspectedTick.Level(DepthLevel())
        level.price = bytes.littleSigned64(10).multipliedReportingOverflow(by: unit).partialValue
        level.quantity = bytes.littleSigned64(2)
        level.orders = Int64(bytes.little16(18))
      }
      // A tick's quantities end at 32 bits.
      if level.quantity == Int64(UInt32.max) { level.quantity = bytes.littleSigned64(2) }
      if isBuy { buy.append(level) } else { sell.append(level) }
    }
    return (buy, sell)
  }

  private func book(_ packet: UnsafeRawPointer) -> InspectedTick {
    let book = memory.book
    var json = head("depth20", packet)
    json.integer("recv_ts_ms", book.pointee.exchangeTime / 1_000_000)
    let levels = 0..<Int(book.pointee.capacity)
    json.depth(
      buy: levels.map { InspectedTick.Level(book.pointee.bids[$0]) },
      sell: levels.map { InspectedTick.Level(book.pointee.asks[$0]) })
    json.name(instruments.key(of: book.pointee.instrument))
    return json
  }

  /// `pong`, or an error.
  private static func inspectText(_ bytes: [UInt8]) -> Inspection {
    var inspection = Inspection()
    let message = (try? JSONDocument(bytes))?.root
    if let code = message?["errorCode"]?.string {
      inspection.setEvent("error") { writer in
        writer.member("code", code)
        writer.member("message", message?["errorMessage"]?.string ?? "")
      }
    } else {
      inspection.setEvent(bytes.elementsEqual("pong".utf8) ? "pong" : "ignored")
    }
    return inspection
  }
}
