// A client of any of the four simulated brokers: logs in as each asks, subscribes in its words, and reads its frames
// with the readers of WireReaders.swift (Kite's with the real decoder).

import Foundation
import Market
import Normalize
import Simulator
import Testing
import WebSocket

/// A price of an instrument, by its number in the universe.
struct Quote: Equatable {
  var instrument: Int
  var last: Double
}

final class BrokerClient {
  let exchange: SimulatedExchange
  let client: TestClient
  private let indexByToken: [BrokerToken: Int]

  /// Opens a connection with the token; Upstox asks for an address first.
  init(_ exchange: SimulatedExchange, token: String = "token", client user: String = "client") throws {
    self.exchange = exchange
    client = try Self.connect(exchange, token: token, user: user)
    let tokens = exchange.universe.instruments.enumerated().map { ($1.token(for: exchange.broker), $0) }
    indexByToken = Dictionary(uniqueKeysWithValues: tokens)
  }

  private static func connect(_ exchange: SimulatedExchange, token: String, user: String) throws -> TestClient {
    let port = exchange.port
    switch exchange.broker {
    case .kite: return try TestClient(port: port, target: "/?api_key=\(user)&access_token=\(token)")
    case .angel:
      return try TestClient(
        port: port, target: "/smart-stream",
        fields: [
          ("Authorization", "Bearer \(token)"), ("x-api-key", "key"), ("x-client-code", user), ("x-feed-token", "feed"),
        ])
    case .upstox: return try TestClient(port: port, target: try upstoxTarget(exchange, token: token))
    case .dhan:
      return try TestClient(port: port, target: "/?version=2&token=\(token)&clientId=\(user)&authType=2")
    }
  }

  /// The single-use target that the exchange hands out.
  static func upstoxTarget(_ exchange: SimulatedExchange, token: String) throws -> String {
    let call = try HTTPCall.get(
      port: exchange.port, SimulatedBroker.upstox.feedPath, fields: ["Authorization: Bearer \(token)"])
    guard call.status == 200 else { throw TestClientError.refused(status: call.status) }
    let data = try #require(try call.json()["data"] as? [String: String])
    let address = try #require(data["authorized_redirect_uri"])
    #expect(data["authorizedRedirectUri"] == address)
    let prefix = "ws://127.0.0.1:\(exchange.port)"
    try #require(address.hasPrefix(prefix))
    return String(address.dropFirst(prefix.count))
  }

  // MARK: Requests

  /// Subscribes in the broker's mode with five levels, or in another one of its words.
  func subscribe(_ instruments: [Int], mode: String? = nil) {
    let tokens = instruments.map { exchange.universe.instruments[$0].token(for: exchange.broker) }
    switch exchange.broker {
    case .kite:
      let list = tokens.map(\.token).joined(separator: ",")
      client.send(#"{"a":"subscribe","v":[\#(list)]}"#)
      client.send(#"{"a":"mode","v":["\#(mode ?? "full")",[\#(list)]]}"#)
    case .angel:
      let number = ["ltp": 1, "quote": 2, "snap_quote": 3, "depth": 4][mode ?? "snap_quote"] ?? 0
      let groups = Dictionary(grouping: tokens, by: \.segment).map { segment, tokens in
        let list = tokens.map { "\"\($0.token)\"" }.joined(separator: ",")
        return #"{"exchangeType":\#(segment),"tokens":[\#(list)]}"#
      }
      client.send(
        #"{"action":1,"params":{"mode":\#(number),"tokenList":[\#(groups.joined(separator: ","))]}}"#)
    case .upstox:
      let list = tokens.map { "\"\($0.token)\"" }.joined(separator: ",")
      let text = #"{"guid":"g","method":"sub","data":{"mode":"\#(mode ?? "full")","instrumentKeys":[\#(list)]}}"#
      client.send(.binary, Array(text.utf8))
    case .dhan:
      let segments: [UInt8: String] = [
        0: "IDX_I", 1: "NSE_EQ", 2: "NSE_FNO", 3: "NSE_CURRENCY", 4: "BSE_EQ", 5: "MCX_COMM", 8: "BSE_FNO",
      ]
      let code = ["ticker": 15, "quote": 17, "full": 21, "depth": 23][mode ?? "full"] ?? 0
      for start in stride(from: 0, to: tokens.count, by: 100) {
        let part = tokens[start..<min(start + 100, tokens.count)].map {
          #"{"ExchangeSegment":"\#(segments[$0.segment] ?? "")","SecurityId":"\#($0.token)"}"#
        }
        client.send(
          #"{"RequestCode":\#(code),"InstrumentCount":\#(part.count),"InstrumentList":[\#(part.joined(separator: ","))]}"#
        )
      }
    }
  }

  // MARK: Frames

  /// The quotes of one frame; nil when it is no good.
  func quotes(_ frame: [UInt8]) -> [Quote]? {
    switch exchange.broker {
    case .kite: kiteQuotes(frame)
    case .angel: angelQuotes(frame)
    case .upstox: upstoxQuotes(frame)
    case .dhan: dhanQuotes(frame)
    }
  }

  private func kiteQuotes(_ frame: [UInt8]) -> [Quote]? {
    if frame.count < 2 { return [] }
    var decoder = KiteDecoder(tokens: exchange.universe.tokenMap, feed: 0)
    var quotes: [Quote] = []
    let isGood = frame.withUnsafeBytes { raw in
      decoder.begin(raw, receivedNanos: 0)
      var tick = Tick()
      while true {
        switch decoder.next(into: &tick) {
        case .tick: quotes.append(Quote(instrument: Int(tick.instrument), last: Price.double(tick.ltp)))
        case .end: return true
        default: return false
        }
      }
    }
    return isGood ? quotes : nil
  }

  private func angelQuotes(_ frame: [UInt8]) -> [Quote]? {
    guard let mode = frame.first, let size = [1: 51, 2: 123, 3: 379, 4: 443][Int(mode)], frame.count == size else {
      return nil
    }
    let packet = AngelPacket(bytes: frame)
    guard let index = indexByToken[BrokerToken(segment: packet.exchange, token: packet.token)] else { return nil }
    return mode == 4 ? [] : [Quote(instrument: index, last: packet.last)]
  }

  private func upstoxQuotes(_ frame: [UInt8]) -> [Quote]? {
    guard let response = Proto(frame) else { return nil }
    var quotes: [Quote] = []
    for entry in response.messages(2) {
      guard let index = indexByToken[BrokerToken(segment: 0, token: entry.text(1))], let feed = entry.message(2) else {
        return nil
      }
      let full = feed.message(2).flatMap { $0.message(1) ?? $0.message(2) }
      let holder = feed.message(3) ?? full
      guard let trade = feed.message(1) ?? holder?.message(1) else { continue }
      quotes.append(Quote(instrument: index, last: trade.double(1)))
    }
    return quotes
  }

  private func dhanQuotes(_ frame: [UInt8]) -> [Quote]? {
    guard let packets = DhanPacket.all(frame) else { return nil }
    var quotes: [Quote] = []
    for packet in packets where packet.code != 50 {
      guard let index = indexByToken[BrokerToken(segment: packet.segment, token: String(packet.id))] else { return nil }
      if [2, 4, 8].contains(packet.code) { quotes.append(Quote(instrument: index, last: packet.last)) }
    }
    return quotes
  }

  /// Quotes of the frames that come next, at least so many; heartbeats and texts are passed over.
  func take(_ count: Int) throws -> [Quote] {
    var taken: [Quote] = []
    while taken.count < count {
      let frame = try client.nextFrame()
      taken += try #require(quotes(frame), "a malformed frame of \(frame.count) bytes")
    }
    return taken
  }

  /// What comes next that is no frame of quotes and no heartbeat.
  func nextOther() throws -> Received {
    while true {
      let received = try client.next()
      if case .binary(let frame) = received, let quotes = quotes(frame), frame.count < 2 || !quotes.isEmpty { continue }
      if case .ping(let payload) = received {
        client.send(.pong, payload)
        continue
      }
      return received
    }
  }
}
