// Result of reading a broker's instrument list: values, made once and handed around freely. One shape for all brokers.

import Market

/// Instruments of one broker in common form.
public struct InstrumentMaster: Sendable {
  /// Broken rows that are named, for a log; all of them are counted.
  public static let problemCountMax = 20

  /// Unique by (exchange, symbol), in the order of the list.
  public var rows: [MasterRow]
  /// Rows left out, by reason.
  public internal(set) var skipped: [SkipReason: Int] = [:]
  /// The first broken rows.
  public internal(set) var problems: [RowProblem] = []
  /// Largest quantity of one order by derivative exchange and underlying, where the list says it.
  public internal(set) var freezeQuantities: [InstrumentKey: Int64] = [:]

  public init(rows: [MasterRow] = []) { self.rows = rows }

  public var instruments: [Instrument] { rows.map(\.instrument) }

  /// Rows of the list, whatever became of them.
  public var readCount: Int { rows.count + skipped.values.reduce(0, +) }

  /// Rows of the list that are broken, not merely unwanted.
  public var brokenCount: Int { skipped.reduce(0) { $0 + ($1.key.isProblem ? $1.value : 0) } }

  /// What the feed of this broker calls the instruments of a registry. Rows that the feed does not carry are left out.
  public func listings(in registry: InstrumentRegistry) -> [FeedListing] {
    rows.compactMap { row in
      guard !row.feedToken.isEmpty, let id = registry.id(row.instrument.key) else { return nil }
      return FeedListing(instrument: id, segment: row.segment, token: row.feedToken)
    }
  }
}

/// One row of a broker's list in common form.
public struct MasterRow: Sendable, Equatable {
  /// Common symbol, expiry, strike, lot, tick; `brokerSymbol` is the broker's own.
  public var instrument: Instrument
  /// Broker's exchange code as it stands in the list, e.g. `NSE_FNO`.
  public var brokerExchange: String
  /// `token` of the common symbol table, always text.
  public var token: String
  /// What the feed needs to name it: see `FeedListing`.
  public var segment: UInt8
  /// Empty where the broker's feed does not carry the instrument.
  public var feedToken: String
  /// Lot as the list has it: some brokers count lots where others count units (`ContractSizes`).
  public var brokerLotSize: Int32

  public init(
    instrument: Instrument, brokerExchange: String, token: String, segment: UInt8, feedToken: String,
    brokerLotSize: Int32? = nil
  ) {
    self.instrument = instrument
    self.brokerExchange = brokerExchange
    self.token = token
    self.segment = segment
    self.feedToken = feedToken
    self.brokerLotSize = brokerLotSize ?? instrument.lotSize
  }
}

/// Why a row of a list is not in the master.
public enum SkipReason: String, Error, Sendable, Hashable, CaseIterable {
  /// Exchange or segment that has no common form.
  case unknownExchange
  /// Currency indices: no exchange code names them.
  case currencyIndex
  /// Instrument type that does not fit the exchange.
  case unknownType
  /// Expired before the day that the caller named.
  case expired
  /// Another row for the same exchange and symbol: the one of the series EQ stays, else the first.
  case duplicate
  /// Wrong number of fields, an open quote, not JSON, or oversized.
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
public struct RowProblem: Sendable, Equatable {
  /// Line of a CSV file, whose header is line 1, or object of a JSON list, from 1.
  public let number: Int
  public let reason: SkipReason
}

/// Why a text is no instrument list at all.
public enum InstrumentListError: Error, Equatable, CustomStringConvertible {
  case empty
  /// More bytes than `InstrumentFormat.listBytesMax`.
  case tooLarge
  /// More rows than `InstrumentFormat.rowCountMax`.
  case tooManyRows
  case malformedHeader
  case missingColumn(String)
  /// Not a JSON array of objects, or something between them, at this byte.
  case malformedList(offset: Int)
  /// The JSON array does not end.
  case truncated
  case noUsableRow(skipped: Int)

  public var description: String {
    switch self {
    case .empty: "the instrument list is empty"
    case .tooLarge: "the instrument list has more than \(InstrumentFormat.listBytesMax) bytes"
    case .tooManyRows: "the instrument list has more than \(InstrumentFormat.rowCountMax) rows"
    case .malformedHeader: "the first line of the instrument list is not a CSV header"
    case .missingColumn(let name): "the instrument list has no column \(name): is it the list of this broker?"
    case .malformedList(let offset): "the instrument list is no JSON array of objects (byte \(offset))"
    case .truncated: "the instrument list ends in the middle: was it downloaded completely?"
    case .noUsableRow(let skipped): "the instrument list has no usable row (\(skipped) skipped)"
    }
  }
}
