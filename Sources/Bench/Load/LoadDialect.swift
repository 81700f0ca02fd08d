// What a server wants to hear and what its messages look like. The default is OpenAlgo's protocol; others are described
// by text with placeholders. Values; cold path except `TextMark`.

import JSONText
import Market

struct LoadDialect {
  /// Path and query of the upgrade request.
  var target = "/"
  /// `{key}` stands for the API key. Empty: nothing is said.
  var authentication = #"{"action":"authenticate","api_key":"{key}"}"#
  /// Part of the answer; empty: none is waited for.
  var authenticationReply: String?
  /// `{symbols}` stands for all of a client's symbols, each as in `symbol`; with `{symbol}` and `{exchange}` instead, one
  /// message is sent per symbol.
  var subscription = ""
  var symbol = #"{"symbol":"{symbol}","exchange":"{exchange}"}"#
  var subscriptionReply: String?
  /// Everything before it names the symbol of a message.
  var symbolMark = TextMark(#""mode""#)
  var priceMark = TextMark(#""ltp""#)
  /// Nil when messages have no sequence.
  var sequenceMark: TextMark? = TextMark(#""seq""#)

  static func openAlgo(mode: Mode, hasSequence: Bool) -> LoadDialect {
    var dialect = LoadDialect()
    let option = hasSequence ? #""seq":true,"# : ""
    dialect.subscription = #"{"action":"subscribe",\#(option)"mode":\#(mode.rawValue),"symbols":[{symbols}]}"#
    if !hasSequence { dialect.sequenceMark = nil }
    return dialect
  }

  func authenticationText(key: String) -> String { authentication.replacing("{key}", with: key) }

  /// The messages that subscribe a client.
  func subscriptionTexts(_ keys: [InstrumentKey]) -> [String] {
    func fill(_ text: String, _ key: InstrumentKey) -> String {
      text.replacing("{symbol}", with: key.symbol).replacing("{exchange}", with: key.exchange.code)
    }
    if subscription.contains("{symbols}") {
      let list = keys.map { fill(symbol, $0) }.joined(separator: ",")
      return [subscription.replacing("{symbols}", with: list)]
    }
    return keys.map { fill(subscription, $0) }
  }

  enum Reply: Equatable {
    case success
    /// Something else, for instance market data.
    case other
    case refused(String)
  }

  func judgeAuthentication(_ message: UnsafeRawBufferPointer) -> Reply {
    judge(message, authenticationReply, type: "auth")
  }

  func judgeSubscription(_ message: UnsafeRawBufferPointer) -> Reply {
    judge(message, subscriptionReply, type: "subscribe")
  }

  private func judge(_ message: UnsafeRawBufferPointer, _ expected: String?, type: String) -> Reply {
    if let expected { return TextMark(expected).find(in: message, hint: 0) == nil ? .other : .success }
    let limits = JSONLimits(depthMax: 8, nodesMax: 1_000_000)
    guard let root = try? JSONDocument(message, limits: limits).root else { return .other }
    let status = root["status"]?.string
    if root["type"]?.string == type, status == "success" { return .success }
    if root["type"] == nil || root["type"]?.string == type, status != nil {
      return .refused(String(decoding: message.prefix(200), as: UTF8.self))
    }
    return .other
  }
}
