// The layouts of instrument lists, and the one way to read any of them: piece by piece as the bytes come, so that a
// list of a hundred megabytes needs the memory of its rows only. Cold path; a reader belongs to one thread.

import Market

/// Layout of a broker's instrument list.
public enum InstrumentFormat: String, Sendable, CaseIterable {
  /// CSV of Kite Connect.
  case kite
  /// JSON array of objects of strings: Angel One's scrip master.
  case angel
  /// JSON array of objects of Upstox.
  case upstox
  /// CSV of Dhan, compact or detailed.
  case dhan

  /// The largest real list has some 100 MB.
  public static let listBytesMax = 512 << 20
  /// Real lists have 30 to 250 thousand rows.
  public static let rowCountMax = 2_000_000

  /// A reader of a list in this layout.
  /// - Parameter today: days since 1970-01-01, IST; contracts that expired before it are left out.
  public func reader(today: Int32? = nil) -> any InstrumentReading {
    switch self {
    case .kite: CSVListReader<KiteColumns>(today: today)
    case .angel: JSONListReader<AngelFields>(today: today)
    case .upstox: JSONListReader<UpstoxFields>(today: today)
    case .dhan: CSVListReader<DhanColumns>(today: today)
    }
  }

  /// Reads a whole list.
  public func parse(_ bytes: UnsafeRawBufferPointer, today: Int32? = nil) throws(InstrumentListError)
    -> InstrumentMaster
  {
    let reader = reader(today: today)
    try reader.read(bytes)
    return try reader.finish()
  }

  /// Reads a whole list.
  public func parse(_ bytes: [UInt8], today: Int32? = nil) throws(InstrumentListError) -> InstrumentMaster {
    // A result, because this closure cannot throw a typed error.
    try bytes.withUnsafeBytes { raw in
      Result { () throws(InstrumentListError) in try parse(raw, today: today) }
    }.get()
  }
}

/// Reads an instrument list that comes in pieces. After an error, or after `finish`, it is used up.
public protocol InstrumentReading: AnyObject {
  /// Takes the next bytes of the list, cut anywhere.
  func read(_ bytes: UnsafeRawBufferPointer) throws(InstrumentListError)
  /// The list has ended.
  func finish() throws(InstrumentListError) -> InstrumentMaster
}
