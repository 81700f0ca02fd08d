import Market
import TestSupport
import Testing

@Suite struct InstrumentRegistryTests {
  private static func row(_ exchange: Exchange, _ symbol: String, name: String = "") -> Instrument {
    Instrument(key: InstrumentKey(exchange, symbol), name: name, tickSize: 5_000_000, kind: .equity)
  }

  private func id(_ registry: InstrumentRegistry, _ exchange: String, _ symbol: String) -> UInt32? {
    Array(exchange.utf8).withUnsafeBytes { exchange in
      Array(symbol.utf8).withUnsafeBytes { symbol in registry.streamID(exchangeBytes: exchange, symbolBytes: symbol) }
    }
  }

  @Test func `the first row of a name defines it`() {
    let registry = InstrumentRegistry([
      Self.row(.nse, "TCS", name: "one"), Self.row(.bse, "TCS"), Self.row(.nse, "TCS", name: "two"),
      Self.row(.nse, "INFY"),
    ])
    #expect(registry.count == 3 && registry[0].name == "one")
    #expect(registry.id(exchange: .nse, symbol: "TCS") == 0 && registry.id(exchange: .bse, symbol: "TCS") == 1)
    #expect(registry.id(InstrumentKey(.nse, "INFY")) == 2)
  }

  @Test func `names are compared byte by byte with both borders in place`() {
    let registry = InstrumentRegistry([
      Self.row(.nse, "_INDEXA"), Self.row(.nseIndex, "B"), Self.row(.nse, "é"), Self.row(.nse, "EIGHT888SIXTEEN6X"),
    ])
    #expect(id(registry, "NSE", "_INDEXA") == 0 && id(registry, "NSE_INDEX", "A") == nil)
    #expect(id(registry, "NSE_INDEX", "B") == 1 && id(registry, "NSE", "_INDEXB") == nil)
    #expect(id(registry, "NSE", "é") == 2 && id(registry, "NSE", "e\u{301}") == nil)
    #expect(id(registry, "NSE", "EIGHT888SIXTEEN6X") == 3 && id(registry, "NSE", "EIGHT888SIXTEEN6Y") == nil)
    for (exchange, symbol) in [("", ""), ("NSE", ""), ("", "B"), ("nse", "é"), ("NSE", "_INDEXA\0")] {
      #expect(id(registry, exchange, symbol) == nil)
    }
    #expect(id(InstrumentRegistry([]), "NSE", "TCS") == nil)
  }

  @Test func `foreign names of any length and content are only not found`() {
    let seed = SeededGenerator.chosenSeed()
    var random = SeededGenerator(seed: seed)
    let registry = InstrumentRegistry((0..<1000).map { Self.row(.nfo, "NIFTY\($0)CE") })
    for length in [1, 7, 8, 9, 65_535, 65_536, 1_000_000] {
      #expect(id(registry, "NFO", String(repeating: "N", count: length)) == nil)
      #expect(id(registry, String(repeating: "N", count: length), "NIFTY1CE") == nil)
    }
    for _ in 0..<20_000 {
      let symbol = (0..<Int.random(in: 0..<24, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      let found = symbol.withUnsafeBytes { symbol in
        Array("NFO".utf8).withUnsafeBytes { registry.streamID(exchangeBytes: $0, symbolBytes: symbol) }
      }
      #expect(found == nil, "seed \(seed)")
    }
  }

  @Test func `every one of many names is found under its number`() {
    let exchanges = Exchange.allCases
    let rows = (0..<40_000).map { Self.row(exchanges[$0 % exchanges.count], "S\($0 / exchanges.count)") }
    let registry = InstrumentRegistry(rows + rows.reversed())
    #expect(registry.count == rows.count)
    for (number, row) in rows.enumerated() {
      let key = row.key
      #expect(registry.id(key) == UInt32(number))
      #expect(id(registry, key.exchange.code, key.symbol) == UInt32(number))
    }
  }
}
