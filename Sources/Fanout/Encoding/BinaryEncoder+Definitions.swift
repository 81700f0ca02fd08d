// The records that make a binary stream complete in itself: who speaks, and what the numbers of feeds and instruments
// mean. Control path, once per connection and name; any thread; memory of the caller, no allocation for names that
// Swift keeps as UTF-8.

import Market

extension BinaryEncoder {
  /// Longest symbol or feed name that a record takes, UTF-8.
  public static let nameBytesMax = 1024

  /// Bytes of the largest record of all.
  public static let recordBytesMax = padded(BinaryLayout.Instrument.text + exchangeBytesMax + nameBytesMax)

  /// Longest code of an exchange.
  private static let exchangeBytesMax = Exchange.allCases.reduce(0) { max($0, $1.code.utf8.count) }

  /// Writes the first record of a connection.
  /// - Parameters:
  ///   - epochMillis: when the sequences began to count, the `epoch` of the JSON replies.
  ///   - gatewayTime: wall clock, ns.
  ///   - out: at least `BinaryLayout.Hello.bytes` bytes, of any alignment.
  /// - Returns: bytes written.
  public static func encodeHello(
    epochMillis: UInt64, gatewayTime: Int64, into out: UnsafeMutableRawPointer
  ) -> Int {
    typealias At = BinaryLayout.Hello
    begin(.hello, id: 0, bytes: At.bytes, of: out)
    store(epochMillis, at: At.epochMillis, of: out)
    store(gatewayTime, at: At.gatewayTime, of: out)
    store(UInt64(BinaryLayout.version), at: At.version, of: out)
    return At.bytes
  }

  /// Bytes of the record that names a feed; nil when the name is longer than `nameBytesMax`.
  public static func feedBytes(_ name: String) -> Int? {
    let count = name.utf8.count
    return count > nameBytesMax ? nil : padded(BinaryLayout.Feed.text + count)
  }

  /// Writes the record that names a feed.
  /// - Parameters:
  ///   - index: what `Tick.feed` says.
  ///   - out: at least `feedBytes(name)` bytes, of any alignment.
  /// - Returns: bytes written; 0, and nothing is written, when the name is too long.
  public static func encodeFeed(index: UInt8, name: String, into out: UnsafeMutableRawPointer) -> Int {
    typealias At = BinaryLayout.Feed
    guard let bytes = feedBytes(name) else { return 0 }
    begin(.feed, id: UInt32(index), bytes: bytes, of: out)
    store(UInt64(At.text) | UInt64(name.utf8.count) << 16, at: At.textOffset, of: out)
    write(name, at: At.text, of: out)
    return bytes
  }

  /// Bytes of the record that defines an instrument; nil when its symbol is longer than `nameBytesMax`.
  public static func instrumentBytes(_ instrument: Instrument) -> Int? {
    let symbolBytes = instrument.symbol.utf8.count
    guard symbolBytes <= nameBytesMax else { return nil }
    return padded(BinaryLayout.Instrument.text + instrument.exchange.code.utf8.count + symbolBytes)
  }

  /// Writes the record that defines an instrument.
  /// - Parameters:
  ///   - id: what `Tick.instrument` says.
  ///   - out: at least `instrumentBytes(instrument)` bytes, of any alignment.
  /// - Returns: bytes written; 0, and nothing is written, when the symbol is too long.
  public static func encodeInstrument(
    id: UInt32, _ instrument: Instrument, into out: UnsafeMutableRawPointer
  ) -> Int {
    typealias At = BinaryLayout.Instrument
    guard let bytes = instrumentBytes(instrument) else { return 0 }
    let exchange = instrument.exchange.code
    begin(.instrument, id: id, bytes: bytes, of: out)
    store(instrument.tickSize, at: At.tickSize, of: out)
    store(instrument.strike, at: At.strike, of: out)
    let lotSize = UInt32(max(instrument.lotSize, 0))
    let expiryDay = UInt32(bitPattern: instrument.expiryDay ?? 0)
    store(UInt64(lotSize) | UInt64(expiryDay) << 32, at: At.lotSize, of: out)
    let kind = UInt64(BinaryKind(instrument.kind).rawValue) | UInt64(instrument.displayDecimals) << 8
    let lengths = UInt64(exchange.utf8.count) << 32 | UInt64(instrument.symbol.utf8.count) << 48
    store(kind | UInt64(At.text) << 16 | lengths, at: At.kind, of: out)
    write(exchange, at: At.text, of: out)
    write(instrument.symbol, at: At.text + exchange.utf8.count, of: out)
    return bytes
  }

  /// The next multiple of 8.
  private static func padded(_ bytes: Int) -> Int { (bytes + 7) & ~7 }

  /// Header, and zero in the last word, which text may fill only in part.
  private static func begin(_ type: BinaryRecord, id: UInt32, bytes: Int, of out: UnsafeMutableRawPointer) {
    store(UInt64(bytes) | UInt64(type.rawValue) << 16 | UInt64(id) << 32, at: 0, of: out)
    store(UInt64(0), at: bytes - 8, of: out)
  }

  private static func write(_ text: String, at offset: Int, of out: UnsafeMutableRawPointer) {
    var at = out + offset
    for byte in text.utf8 {
      at.storeBytes(of: byte, as: UInt8.self)
      at += 1
    }
  }
}
