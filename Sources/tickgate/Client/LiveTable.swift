import JSONText

/// What the terminal shows: a row per symbol, newest values, rate of updates. A value; rendering is a function of it.
struct LiveTable {
  struct Row {
    var name: String
    var fields: [String: String] = [:]
    var updates = 0
  }

  private(set) var rows: [Row] = []
  private var indices: [String: Int] = [:]
  private(set) var updates = 0

  private static let columns = [
    ("LTP", "ltp"), ("CHG%", "change_percent"), ("BID", "bid_price"), ("ASK", "ask_price"), ("OPEN", "open"),
    ("HIGH", "high"), ("LOW", "low"), ("VOLUME", "volume"), ("OI", "oi"),
  ]

  mutating func add(_ name: String) {
    guard indices[name] == nil else { return }
    indices[name] = rows.count
    rows.append(Row(name: name))
  }

  /// Takes a `market_data` message.
  mutating func take(_ message: JSONValue) {
    guard let symbol = message["symbol"]?.string, let exchange = message["exchange"]?.string,
      let data = message["data"], let index = indices["\(exchange):\(symbol)"]
    else { return }
    for (key, value) in data.members where value.kind == .integer || value.kind == .real {
      rows[index].fields[key] = String(decoding: value.raw, as: UTF8.self)
    }
    for (side, field) in [("buy", "bid_price"), ("sell", "ask_price")] {
      if let best = data["depth"]?[side]?.elements.first?["price"] {
        rows[index].fields[field] = String(decoding: best.raw, as: UTF8.self)
      }
    }
    rows[index].updates += 1
    updates += 1
  }

  func text(seconds: Double) -> String {
    let used = Self.columns.filter { column in rows.contains { $0.fields[column.1] != nil } }
    let header = ["SYMBOL"] + used.map(\.0) + ["TICKS"]
    let body = rows.map { row in [row.name] + used.map { row.fields[$0.1] ?? "-" } + ["\(row.updates)"] }
    let rate = seconds > 0 ? Int(Double(updates) / seconds) : 0
    return Columns.text([header] + body) + "\(updates) updates, \(rate)/s\n"
  }
}
