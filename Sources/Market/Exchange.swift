/// Exchange and segment codes of the OpenAlgo vocabulary (`docs/symbols.md`). The raw value is ours and is never
/// written to a wire; the order is that of the REST validation text.
public enum Exchange: UInt8, Sendable, CaseIterable, Hashable {
  case nse, nfo, cds, bse, bfo, bcd, mcx, ncdex, nco
  case nseIndex, bseIndex, mcxIndex, globalIndex
  case crypto

  /// The code as clients write it, e.g. `NSE_INDEX`.
  public var code: String { Self.codes[Int(rawValue)] }

  /// Case-sensitive, as the contract asks.
  public init?(code: some StringProtocol) {
    guard let index = Self.codes.firstIndex(where: { $0 == code }) else { return nil }
    self = Self.allCases[index]
  }

  /// Index segments are quoted, never traded.
  public var isTradable: Bool {
    switch self {
    case .nseIndex, .bseIndex, .mcxIndex, .globalIndex: false
    default: true
    }
  }

  /// Segments whose contracts expire and whose quantity is a multiple of a lot.
  public var isDerivative: Bool {
    switch self {
    case .nfo, .bfo, .mcx, .cds, .bcd, .ncdex, .nco, .crypto: true
    default: false
    }
  }

  private static let codes = [
    "NSE", "NFO", "CDS", "BSE", "BFO", "BCD", "MCX", "NCDEX", "NCO",
    "NSE_INDEX", "BSE_INDEX", "MCX_INDEX", "GLOBAL_INDEX", "CRYPTO",
  ]
}
