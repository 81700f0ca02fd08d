// The topic of a market-data message on the bus: `EXCHANGE_SYMBOL_MODE`. Pure functions, any thread; they allocate
// and are used for subscriptions and foreign messages, never per tick.
//
// Exchange codes and symbols may themselves hold `_`, so a topic can only be read against the instruments that exist:
// the longest exchange code that leaves a known symbol wins.

import Market

public enum Topics {
  /// What separates the parts.
  static let separator: Character = "_"

  private static let exchangesLongestFirst = Exchange.allCases.sorted {
    $0.code.utf8.count > $1.code.utf8.count
  }

  /// `NSE_RELIANCE_LTP`.
  public static func text(_ key: InstrumentKey, _ mode: Mode) -> String { prefix(key) + mode.topicSuffix }

  /// `NSE_RELIANCE_`: what all topics of an instrument begin with.
  public static func prefix(_ key: InstrumentKey) -> String { "\(key.exchange.code)_\(key.symbol)_" }

  /// `STATUS_zerodha_FEED`: the state of a feed, under its name as it is configured.
  public static func status(ofFeed name: String) -> String { "STATUS_\(name)_FEED" }

  /// Mode of a topic: its last part, in any case. Nil when that is no mode or fewer than three parts are there.
  public static func mode(of topic: some StringProtocol) -> Mode? {
    let suffix = lastPart(of: topic).uppercased()
    guard topic.utf8.count(where: { $0 == UInt8(ascii: "_") }) >= 2 else { return nil }
    return Mode.allCases.first { $0.topicSuffix == suffix }
  }

  /// Instrument and mode of a topic; nil when either is unknown.
  public static func parse(
    _ topic: some StringProtocol, in registry: InstrumentRegistry, withBooks: Bool = false
  ) -> (instrument: UInt32, mode: Mode)? {
    guard let mode = mode(of: topic) else { return nil }
    let name = String(topic).dropLast(lastPart(of: topic).count + 1)
    return instrument(named: name, in: registry, withBooks: withBooks).map { ($0, mode) }
  }

  /// The instrument that `EXCHANGE_SYMBOL` names.
  /// - Parameter withBooks: whether it may be a book beyond five levels.
  public static func instrument(
    named name: some StringProtocol, in registry: InstrumentRegistry, withBooks: Bool = false
  ) -> UInt32? {
    for exchange in exchangesLongestFirst {
      let code = exchange.code
      guard name.utf8.count > code.utf8.count + 1, name.hasPrefix(code) else { continue }
      let rest = name.dropFirst(code.count)
      guard rest.first == separator else { continue }
      let symbol = String(rest.dropFirst())
      let found =
        withBooks
        ? registry.streamID(exchange: exchange, symbol: symbol) : registry.id(exchange: exchange, symbol: symbol)
      if let found { return found }
    }
    return nil
  }

  /// What a subscription asks of upstream: the mode of the topic of one instrument, depth for `EXCHANGE_SYMBOL_`,
  /// which selects all modes. Nil for anything that only filters (`""`, `NSE_`, an unknown name, a topic in a spelling
  /// that is never published).
  public static func want(ofSubscription topic: String, in registry: InstrumentRegistry) -> Want? {
    if topic.last == separator {
      return instrument(named: topic.dropLast(), in: registry, withBooks: true).map { Want($0, .depth, delta: 1) }
    }
    guard let (instrument, mode) = parse(topic, in: registry, withBooks: true) else { return nil }
    guard text(registry[instrument].key, mode) == topic else { return nil }
    return Want(instrument, mode, delta: 1)
  }

  private static func lastPart(of topic: some StringProtocol) -> String {
    guard let last = topic.lastIndex(of: separator) else { return String(topic) }
    return String(topic[topic.index(after: last)...])
  }
}
