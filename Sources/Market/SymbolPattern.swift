// Names of many instruments at once: `NFO:NIFTY*CE`, `NSE:*`. Value types without state; any thread; control path.
//
// `*` stands for any run of characters, none included; every other character for itself, upper and lower case apart,
// compared as UTF-8. The exchange is exact. Work is bounded: one pass per symbol, in which each piece between stars is
// searched once from where the piece before it ended, so at most pattern bytes x symbol bytes comparisons.

/// Why a text is no pattern.
public enum SymbolPatternError: Error, Equatable, Sendable {
  /// No `EXCHANGE:` before the symbol.
  case noExchange
  case unknownExchange
  /// Nothing after the exchange.
  case empty
  case tooLong
  case tooManyStars

  /// For the person who wrote the pattern.
  public var message: String {
    switch self {
    case .noExchange: "A pattern needs an exchange: EXCHANGE:SYMBOL, as in NFO:NIFTY*CE"
    case .unknownExchange: "Unknown exchange in pattern"
    case .empty: "A pattern needs a symbol after the exchange"
    case .tooLong: "A pattern's symbol has at most \(SymbolPattern.bytesMax) bytes"
    case .tooManyStars: "A pattern has at most \(SymbolPattern.starsMax) stars"
    }
  }
}

/// Instruments that a pattern names.
public struct SymbolMatches: Sendable, Equatable {
  /// Ascending.
  public var ids: [UInt32]
  /// More instruments match than were asked for.
  public var isCut: Bool

  /// - Parameters:
  ///   - ids: ascending.
  ///   - isCut: whether some were left out.
  public init(ids: [UInt32], isCut: Bool) {
    self.ids = ids
    self.isCut = isCut
  }
}

public struct SymbolPattern: Sendable, Equatable {
  /// Longest pattern after the exchange, UTF-8.
  public static let bytesMax = 128
  public static let starsMax = 8
  private static let star = UInt8(ascii: "*")

  public let exchange: Exchange
  /// What stands between the stars, empty pieces included: one more than there are stars.
  private let pieces: [[UInt8]]
  /// Bytes that a symbol has at least.
  private let literalBytes: Int

  /// Reads `EXCHANGE:SYMBOL`; the first colon separates, further ones belong to the symbol.
  public init(_ text: some StringProtocol) throws(SymbolPatternError) {
    guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { throw .noExchange }
    let code = text[..<colon]
    guard !code.isEmpty else { throw .noExchange }
    guard let exchange = Exchange(code: code) else { throw .unknownExchange }
    try self.init(exchange: exchange, symbol: text[text.utf8.index(after: colon)...])
  }

  /// The same with the exchange known.
  public init(exchange: Exchange, symbol: some StringProtocol) throws(SymbolPatternError) {
    let bytes = Array(symbol.utf8.prefix(Self.bytesMax + 1))
    guard !bytes.isEmpty else { throw .empty }
    guard bytes.count <= Self.bytesMax else { throw .tooLong }
    let pieces = bytes.split(separator: Self.star, omittingEmptySubsequences: false).map { Array($0) }
    guard pieces.count - 1 <= Self.starsMax else { throw .tooManyStars }
    self.exchange = exchange
    self.pieces = pieces
    literalBytes = bytes.count - (pieces.count - 1)
  }

  /// Whether a text asks for more than one name.
  public static func isPattern(_ text: some StringProtocol) -> Bool { text.utf8.contains(star) }

  /// Whether the pattern names a symbol of its exchange.
  public func matches(_ symbol: some StringProtocol) -> Bool {
    let bytes = Array(symbol.utf8)
    return bytes.withUnsafeBytes { matches($0) }
  }

  /// Instruments that match, in the order of their ids; a few milliseconds at most for 150,000 instruments.
  /// - Parameter max: most ids that are returned, 0 or more.
  public func matches(in registry: InstrumentRegistry, max: Int) -> SymbolMatches {
    precondition(max >= 0)
    let table = registry.symbols
    var found = SymbolMatches(ids: [], isCut: false)
    table.text.withUnsafeBytes { text in
      for row in table.rows(exchange) {
        let start = table.starts[row]
        let count = table.starts[row + 1] - start
        guard count >= literalBytes, matches(UnsafeRawBufferPointer(rebasing: text[start..<start + count])) else {
          continue
        }
        guard found.ids.count < max else {
          found.isCut = true
          return
        }
        found.ids.append(table.ids[row])
      }
    }
    return found
  }

  // MARK: Matching

  /// The first piece begins the symbol, the last ends it, and those between follow each other: taking the leftmost
  /// place for each of them is never wrong, because it leaves the most room for the rest.
  private func matches(_ symbol: UnsafeRawBufferPointer) -> Bool {
    let last = pieces.count - 1
    guard symbol.count >= literalBytes, Self.isEqual(pieces[0], symbol, at: 0) else { return false }
    if last == 0 { return symbol.count == literalBytes }
    let end = symbol.count - pieces[last].count
    guard Self.isEqual(pieces[last], symbol, at: end) else { return false }
    var place = pieces[0].count
    for index in 1..<last {
      while true {
        guard place + pieces[index].count <= end else { return false }
        if Self.isEqual(pieces[index], symbol, at: place) { break }
        place += 1
      }
      place += pieces[index].count
    }
    return true
  }

  /// The caller has made sure that the piece fits.
  @inline(__always)
  private static func isEqual(_ piece: [UInt8], _ symbol: UnsafeRawBufferPointer, at place: Int) -> Bool {
    var index = 0
    while index < piece.count {
      if piece[index] != symbol[place + index] { return false }
      index += 1
    }
    return true
  }
}
