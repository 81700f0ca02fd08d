// All instruments of the process and the way from their names to their numbers. Immutable after start, except that books
// beyond five levels get their numbers when they are first named: any thread may read it without a lock. Nothing
// allocates but the making of it, the look-up of a name that is no contiguous text, and a deep book.

/// All instruments of the process, each with a dense id 0..<count that every table is indexed by. Tables of what is
/// streamed have `streamCount` rows: the books beyond five levels come behind.
public final class InstrumentRegistry: Sendable {
  public let instruments: [Instrument]
  /// Books beyond five levels.
  public let deep: DeepSymbols
  private let names: NameTable
  /// For searches by pattern.
  let symbols: SymbolTable

  /// Later rows with a key that is already there are ignored: the first feed that names an instrument defines it.
  /// - Parameter offers: books that the feeds have beyond the five levels of their market data.
  public init(_ rows: some Sequence<Instrument>, offers: [DeepOffer] = []) {
    var kept: [Instrument] = []
    var names = NameTable()
    for row in rows where names.insert(row.exchange.code, row.symbol) { kept.append(row) }
    instruments = kept
    self.names = names
    symbols = SymbolTable(kept)
    deep = DeepSymbols(first: UInt32(kept.count), offers: offers)
  }

  public var count: Int { instruments.count }
  /// Ids that ticks may carry are below this.
  public var streamCount: Int { instruments.count + deep.capacity }

  public func id(_ key: InstrumentKey) -> UInt32? { id(exchange: key.exchange, symbol: key.symbol) }

  public func id(exchange: Exchange, symbol: String) -> UInt32? {
    NameTable.withBytes(of: exchange.code) { exchange in
      NameTable.withBytes(of: symbol) { symbol in names.find(exchange, symbol) }
    }
  }

  /// What can be subscribed to under these names: an instrument, or a book of one (`TCS:20`).
  /// - Parameter makes: whether a book that was never named gets an id.
  public func streamID(exchange: Exchange, symbol: String, makes: Bool = true) -> UInt32? {
    NameTable.withBytes(of: exchange.code) { exchange in
      NameTable.withBytes(of: symbol) { symbol in
        streamID(exchangeBytes: exchange, symbolBytes: symbol, makes: makes)
      }
    }
  }

  /// The same, compared byte by byte: the way for foreign text that need not be valid.
  public func streamID(
    exchangeBytes: UnsafeRawBufferPointer, symbolBytes: UnsafeRawBufferPointer, makes: Bool = true
  ) -> UInt32? {
    if let id = names.find(exchangeBytes, symbolBytes) { return id }
    guard deep.capacity > 0, let (symbol, levels) = DeepSymbols.split(symbolBytes),
      let base = names.find(exchangeBytes, symbol)
    else { return nil }
    return deep.id(of: DeepSymbol(base: base, levels: levels), on: instruments[Int(base)].exchange, makes: makes)
  }

  /// The instrument with this id; for a book, the instrument that it is of, under the name of the book.
  public subscript(id: UInt32) -> Instrument {
    guard let symbol = deep[id] else { return instruments[Int(id)] }
    var row = instruments[Int(symbol.base)]
    row.key = InstrumentKey(row.exchange, "\(row.symbol):\(symbol.levels)")
    return row
  }
}
