import Market
import Testing

@Suite struct PriceTests {
  @Test(arguments: [
    ("0", 0), ("1", 100_000_000), ("0.05", 5_000_000), ("-12.5", -1_250_000_000), ("78.6690921", 7_866_909_210),
    ("24800.000000000", 2_480_000_000_000), (".5", 50_000_000), ("7.", 700_000_000),
  ])
  func `decimal text becomes units of 1e-8`(text: String, units: Int) {
    #expect(Price.parse(text) == Int64(units))
  }

  @Test(arguments: ["", "-", ".", "1e3", "1.2.3", " 1", "0.000000001", "99999999999999999999", "x"])
  func `anything else is refused`(text: String) {
    #expect(Price.parse(text) == nil)
  }

  @Test(arguments: ["292.5", "24800", "83.25", "0.0025", "-1.05", "0"])
  func `text is the shortest decimal`(text: String) throws {
    #expect(Price.text(try #require(Price.parse(text))) == text)
  }

  @Test func `display decimals follow the tick size`() throws {
    #expect(Price.displayDecimals(tickSize: 5_000_000) == 2)
    #expect(Price.displayDecimals(tickSize: 250_000) == 4)
    #expect(Price.displayDecimals(tickSize: 100_000_000) == 2)
    #expect(Price.displayDecimals(tickSize: 0) == 2)
  }
}
