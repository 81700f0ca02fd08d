// Result of reading Kite's instrument list: values, made once at start and handed around freely.

import Market

/// Instruments of a Kite dump in common form.
public struct KiteMaster: Sendable {
  /// Unique by (exchange, symbol), in the order of the file.
  public internal(set) var instruments: [Instrument] = []
  /// `instrument_token` of each instrument: same index.
  public internal(set) var tokens: [UInt32] = []
  /// Rows left out, by reason.
  public internal(set) var skipped: [KiteSkipReason: Int] = [:]
  /// The first broken rows, for a log line; at most `problemCountMax`.
  public internal(set) var problems: [KiteRowProblem] = []

  public static let problemCountMax = 20

  init() {}
}

/// Why a row of the dump is not in the master.
public enum KiteSkipReason: String, Sendable, Hashable, CaseIterable {
  /// Exchange code that has no common form.
  case unknownExchange
  /// Currency indices: no exchange code names them.
  case currencyIndex
  /// `instrument_type` that does not fit the exchange.
  case unknownType
  /// Expired before the day that the caller named.
  case expired
  /// A second row for the same exchange and symbol; the first one stays.
  case duplicate
  /// Wrong number of fields, an open quote, or an oversized line.
  case malformedRow
  case badToken
  case badExpiry
  case badStrike
  case badTickSize
  case badLotSize
  /// Empty, oversized, or with characters that a topic or JSON key must not have.
  case badSymbol

  /// The row is broken, not merely unwanted.
  public var isProblem: Bool {
    switch self {
    case .unknownExchange, .currencyIndex, .unknownType, .expired, .duplicate: false
    default: true
    }
  }
}

/// A broken row.
public struct KiteRowProblem: Sendable, Equatable {
  /// From 1; the header is line 1.
  public let line: Int
  public let reason: KiteSkipReason
}

/// Why a file is no instrument list at all.
public enum KiteInstrumentsError: Error, Equatable, CustomStringConvertible {
  case empty
  /// More bytes than `KiteInstruments.fileBytesMax`.
  case tooLarge(bytes: Int)
  case malformedHeader
  case missingColumn(String)
  case noUsableRow(skipped: Int)

  public var description: String {
    switch self {
    case .empty: "the instrument list is empty"
    case .tooLarge(let bytes): "the instrument list has \(bytes) bytes, more than \(KiteInstruments.fileBytesMax)"
    case .malformedHeader: "the first line of the instrument list is not a CSV header"
    case .missingColumn(let name): "the instrument list has no column \(name): is it Kite's instruments.csv?"
    case .noUsableRow(let skipped): "the instrument list has no usable row (\(skipped) skipped)"
    }
  }
}
