// What tests of the delivery look at: market data messages, the records of the binary stream, and the server's own view
// of a client.

import Fanout
import Glibc
import JSONText
import Market
import Testing

/// A market data message whose last price is the number of the tick, in rupees.
struct MarketData: Equatable {
  var symbol: String
  var mode = Mode.ltp
  var number: Int64
  var sequence: Int64?
  /// Of a snapshot; nil for a tick.
  var ageMillis: Int64?

  init(_ symbol: String, _ number: Int64, _ mode: Mode = .ltp, sequence: Int64? = nil, ageMillis: Int64? = nil) {
    self.symbol = symbol
    self.mode = mode
    self.number = number
    self.sequence = sequence
    self.ageMillis = ageMillis
  }

  init(_ text: String) throws {
    let root = try JSONDocument(text).root
    try #require(root["type"]?.string == "market_data", "\(text.prefix(200))")
    symbol = try #require(root["symbol"]?.string)
    mode = try #require(root["mode"]?.integer.flatMap { Mode(rawValue: UInt8(clamping: $0)) })
    number = Int64(try #require(root["data"]?["ltp"]?.double))
    sequence = root["seq"]?.integer
    ageMillis = root["snapshot"]?.bool == true ? try #require(root["age_ms"]?.integer) : nil
  }
}

/// A clock that stands.
struct StandingClock: WallClock {
  var nanos: Int64

  func nowNanos() -> Int64 { nanos }
}

extension ServerClient {
  func market() throws -> MarketData { try MarketData(text()) }

  func markets(_ count: Int) throws -> [MarketData] { try (0..<count).map { _ in try market() } }

  /// Market data that came before the answer to a ping.
  func marketsUntilPong() throws -> [MarketData] {
    var seen: [MarketData] = []
    say(#"{"action":"ping"}"#)
    while true {
      let text = try text()
      if text.hasPrefix(#"{"type":"pong""#) { return seen }
      seen.append(try MarketData(text))
    }
  }

  /// The records of the next message, which has to be a binary one.
  func records() throws -> [WireRecord] {
    let seen = next()
    guard case .binary(let bytes) = seen else { throw Unexpected(seen: seen) }
    var records: [WireRecord] = []
    var start = 0
    while start < bytes.count {
      let size = Int(bytes[start]) | Int(bytes[start + 1]) << 8
      try #require(size >= 8 && size % 8 == 0 && start + size <= bytes.count)
      records.append(WireRecord(bytes: Array(bytes[start..<start + size])))
      start += size
    }
    return records
  }
}

extension ServerBench {
  /// What the server tells of the client that calls itself so.
  func report(_ agent: String) throws -> ClientReport {
    try #require(try service.clients().first { $0.userAgent == agent })
  }

  /// Waits until the report says so.
  func wait(for agent: String, until isTrue: (ClientReport) -> Bool) throws -> Bool {
    for _ in 0..<4000 {
      if isTrue(try report(agent)) { return true }
      usleep(5000)
    }
    return false
  }

  /// A client by a name.
  func client(named agent: String, receiveBuffer: Int32? = nil, fields: String = "") throws -> ServerClient {
    try client(fields: "User-Agent: \(agent)\r\n" + fields, receiveBuffer: receiveBuffer)
  }

  /// Publishes depth of an instrument in bursts until the report of a client that does not read says so.
  /// - Parameter burst: ticks of about a kilobyte between two looks at the report.
  /// - Returns: the number of the last tick.
  func fill(
    _ agent: String, instrument: UInt32 = 1, burst: Int = 64, loops: UInt64 = 1, until isTrue: (ClientReport) -> Bool
  ) throws -> Int64 {
    var number: Int64 = 0
    while !isTrue(try report(agent)) {
      try #require(number < Self.fillTicksMax)
      for _ in 0..<burst {
        number += 1
        tick(instrument, .depth, number: number, flush: false)
      }
      flush()
      let ticks = loops * UInt64(number)
      try #require(wait { $0.ticks >= ticks })
    }
    return number
  }

  private static var fillTicksMax: Int64 { 50_000 }
}
