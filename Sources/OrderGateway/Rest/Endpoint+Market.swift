import Market

// Endpoints beside the account: market data, liveness, and the mode of the gateway.

extension Endpoint {
  static let ping: Respond = { _, _, dependencies in
    .success { json in
      json.object("data") { data in
        data.text("message", "pong")
        data.text("broker", dependencies.brokerName)
      }
    }
  }

  static let quotes: Respond = { values, _, dependencies in
    let symbol = values.text("symbol") ?? ""
    let code = values.text("exchange") ?? ""
    guard let exchange = Exchange(code: code),
      let instrument = dependencies.registry.id(exchange: exchange, symbol: symbol)
    else {
      let shown = symbol.prefix(ValidationErrors.echoedCharactersMax)
      return .error(
        400,
        "Symbol '\(shown)' not found for exchange '\(code)'. Please verify the symbol name and ensure master contracts "
          + "are downloaded.")
    }
    switch await dependencies.quotes.quote(of: instrument) {
    case .quote(let tick): return .success { $0.object("data") { write(tick, into: &$0) } }
    case .unavailable:
      return .error(
        503, "No current price of \(symbol) on \(code): the feed is down or has sent none. Please try again.")
    case .overloaded: return .error(503, "Too many requests wait for prices. Please try again.")
    }
  }

  /// The gateway trades on paper only; nothing is logged that could be counted.
  static let analyzer: Respond = { _, _, _ in .success { writeMode(into: &$0) } }

  static let toggleAnalyzer: Respond = { values, _, _ in
    guard values.bool("mode") == true else {
      return .error(400, "Live trading is not available: this gateway always runs in analyze mode.")
    }
    return .success { json in
      writeMode(into: &json)
      json.text("message", "Analyzer mode switched to analyze")
    }
  }

  private static func writeMode(into json: inout ResponseJSON) {
    json.object("data") { data in
      data.text("mode", "analyze")
      data.bool("analyze_mode", true)
      data.integer("total_logs", 0)
    }
  }

  /// What the feed did not send is 0, as clients of the contract know it.
  private static func write(_ tick: Tick, into json: inout ResponseJSON) {
    let hasRange = tick.has(.dayRange)
    json.price("ltp", tick.ltp)
    json.price("open", hasRange ? tick.open : 0)
    json.price("high", hasRange ? tick.high : 0)
    json.price("low", hasRange ? tick.low : 0)
    json.price("prev_close", tick.has(.close) ? tick.close : 0)
    json.price("bid", tick.has(.bestBid) ? tick.bidPrice : 0)
    json.price("ask", tick.has(.bestAsk) ? tick.askPrice : 0)
    json.integer("volume", tick.has(.volume) ? tick.volume : 0)
    json.integer("oi", tick.has(.openInterest) ? tick.openInterest : 0)
  }
}
