// The spelling of derivatives: composed, and taken apart from the right.

import Foundation
import Market
import Normalize
import TestSupport
import Testing

@Suite struct SymbolTextTests {
  @Test(arguments: [
    ("RELIANCE30DEC25FUT", "RELIANCE", day(2025, 12, 30), "0", InstrumentKind.future),
    ("NIFTY28MAR2420800CE", "NIFTY", day(2024, 3, 28), "20800", .call),
    ("VEDL25APR24292.5CE", "VEDL", day(2024, 4, 25), "292.5", .call),
    ("USDINR19APR2482CE", "USDINR", day(2024, 4, 19), "82", .call),
    ("726GS203325APR24FUT", "726GS2033", day(2024, 4, 25), "0", .future),
    ("726GS203225APR2497PE", "726GS2032", day(2024, 4, 25), "97", .put),
    ("M&M26DEC24FUT", "M&M", day(2024, 12, 26), "0", .future),
    ("BAJAJ-AUTO26DEC249000PE", "BAJAJ-AUTO", day(2024, 12, 26), "9000", .put),
    ("BTC28FEB2580000CE", "BTC", day(2025, 2, 28), "80000", .call),
    ("X25APR2426DEC24100CE", "X25APR24", day(2024, 12, 26), "100", .call),
    ("25APR2426DEC24FUT", "25APR24", day(2024, 12, 26), "0", .future),
  ])
  func `a symbol is taken apart and put together again`(
    text: String, underlying: String, expiry: Int32, strike: String, kind: InstrumentKind
  ) {
    let symbol = SymbolText(
      underlying: underlying, expiryDay: expiry, strike: Price.parse(strike) ?? -1, kind: kind)
    #expect(SymbolText(text) == symbol)
    #expect(symbol.text == text)
  }

  @Test(arguments: [
    "", "INFY", "FUT", "CE", "RACE", "BTCUSDFUT", "30DEC25FUT", "28MAR2420800CE", "NIFTY28MAR24CE", "NIFTY28MAR240CE",
    "NIFTY28MAR24-5CE", "NIFTY28MAR24.CE", "NIFTY28MAR241.2.3CE", "NIFTY30FEB24FUT", "NIFTY28XXX24FUT",
    "nifty28mar24fut", "NIFTY28MAR2420800", "NIFTY28MAR2420800ce", "NIFTY28MAR24FUT ", "NIFTY28MAR24100FUT",
    "NIFTY28MAR24A100CE", "NIFTY28MAR2499999999999999CE",
  ])
  func `what is no dated derivative is not taken apart`(text: String) {
    #expect(SymbolText(text) == nil)
  }

  @Test func `random symbols survive the round trip`() {
    var generator = SeededGenerator()
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789&-")
    for _ in 0..<20_000 {
      let name = String(
        (0..<Int.random(in: 1...12, using: &generator)).map { _ in letters.randomElement(using: &generator)! })
      let kind = [InstrumentKind.future, .call, .put].randomElement(using: &generator)!
      let strike = kind == .future ? 0 : Int64.random(in: 1...50_000_000, using: &generator) * 250_000
      let symbol = SymbolText(
        underlying: name, expiryDay: Int32.random(in: day(2000, 1, 1)...day(2099, 12, 31), using: &generator),
        strike: strike, kind: kind)
      #expect(SymbolText(symbol.text) == symbol, "seed \(generator.seed): \(symbol.text)")
    }
  }

  @Test func `strikes of a recorded option chain survive the round trip`() throws {
    guard let url = sharedData("dhan_rest/interactions.jsonl") else {
      return print("no recordings: TICKGATE_SHARED_DATA is not set")
    }
    var strikes = 0
    for line in try String(contentsOf: url, encoding: .utf8).split(separator: "\n") {
      guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        object["path"] as? String == "/v2/optionchain",
        let request = object["request"] as? [String: Any], let expiry = request["Expiry"] as? String,
        let response = object["response"] as? [String: Any], let data = response["data"] as? [String: Any],
        let chain = data["oc"] as? [String: Any]
      else { continue }
      let parts = expiry.split(separator: "-").compactMap { Int($0) }
      for text in chain.keys {
        let strike = try #require(Price.parse(text))
        let symbol = SymbolText(
          underlying: "NIFTY", expiryDay: day(parts[0], parts[1], parts[2]), strike: strike, kind: .call)
        #expect(SymbolText(symbol.text) == symbol)
        strikes += 1
      }
    }
    #expect(strikes > 200)
  }
}
