/// All instruments of the process, each with a dense id 0..<count that every table is indexed by. Immutable after
/// start, so any thread may read it without a lock.
public final class InstrumentRegistry: Sendable {
  public let instruments: [Instrument]
  private let idsByKey: [InstrumentKey: UInt32]
  /// For searches by pattern.
  let symbols: SymbolTable

  /// Later rows with a key that is already there are ignored: the first feed that names an instrument defines it.
  public init(_ rows: some Sequence<Instrument>) {
    var kept: [Instrument] = []
    var ids: [InstrumentKey: UInt32] = [:]
    for row in rows where ids[row.key] == nil {
      ids[row.key] = UInt32(kept.count)
      kept.append(row)
    }
    instruments = kept
    idsByKey = ids
    symbols = SymbolTable(kept)
  }

  public var count: Int { instruments.count }

  public func id(_ key: InstrumentKey) -> UInt32? { idsByKey[key] }

  public func id(exchange: Exchange, symbol: String) -> UInt32? { idsByKey[InstrumentKey(exchange, symbol)] }

  public subscript(id: UInt32) -> Instrument { instruments[Int(id)] }
}
