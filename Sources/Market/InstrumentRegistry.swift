// All instruments of the process and the way from their names to their numbers. Immutable after start: any thread may
// read it without a lock. Nothing allocates but the making of it and the look-up of a name that is no contiguous text.

/// All instruments of the process, each with a dense id 0..<count that every table is indexed by.
public final class InstrumentRegistry: Sendable {
  public let instruments: [Instrument]
  private let names: NameTable
  /// For searches by pattern.
  let symbols: SymbolTable

  /// Later rows with a key that is already there are ignored: the first feed that names an instrument defines it.
  public init(_ rows: some Sequence<Instrument>) {
    var kept: [Instrument] = []
    var names = NameTable()
    for row in rows where names.insert(row.exchange.code, row.symbol) { kept.append(row) }
    instruments = kept
    self.names = names
    symbols = SymbolTable(kept)
  }

  public var count: Int { instruments.count }

  public func id(_ key: InstrumentKey) -> UInt32? { id(exchange: key.exchange, symbol: key.symbol) }

  public func id(exchange: Exchange, symbol: String) -> UInt32? {
    NameTable.withBytes(of: exchange.code) { exchange in
      NameTable.withBytes(of: symbol) { symbol in names.find(exchange, symbol) }
    }
  }

  /// The instrument with these names, compared byte by byte: the way for foreign text that need not be valid.
  public func id(exchangeBytes: UnsafeRawBufferPointer, symbolBytes: UnsafeRawBufferPointer) -> UInt32? {
    names.find(exchangeBytes, symbolBytes)
  }

  public subscript(id: UInt32) -> Instrument { instruments[Int(id)] }
}
