// Angel's session as a value: requests of every shape, limits, and hostile texts.

import Foundation
import Market
import Simulator
import Testing

@Suite struct AngelSessionTests {
  private static let universe = Universe(count: 300, seed: 1, todayDay: today)
  private static let directory = InstrumentDirectory(universe: universe, broker: .angel)

  private func session(_ change: (inout BrokerLimits) -> Void = { _ in }) -> AngelSession {
    var limits = BrokerLimits.of(.angel)
    change(&limits)
    return AngelSession(directory: Self.directory, limits: limits)
  }

  private func send(_ text: String, to session: inout AngelSession) -> SessionEffects {
    Array(text.utf8).withUnsafeBytes { session.receive(text: $0) }
  }

  private func request(_ action: Int, mode: Int, _ exchange: Int, _ tokens: [String]) -> String {
    let list = tokens.map { "\"\($0)\"" }.joined(separator: ",")
    return """
      {"correlationID":"abc","action":\(action),"params":{"mode":\(mode),
      "tokenList":[{"exchangeType":\(exchange),"tokens":[\(list)]}]}}
      """
  }

  private func error(_ effects: SessionEffects) throws -> [String: String] {
    let reply = try #require(effects.reply)
    return try #require(JSONSerialization.jsonObject(with: Data(reply)) as? [String: String])
  }

  private func index(_ exchange: Exchange, _ symbol: String) -> UInt32 {
    UInt32(Self.universe.index(exchange, symbol) ?? -1)
  }

  @Test func `a token can be subscribed in several modes, each of which counts`() {
    var session = session()
    let infy = index(.nse, "INFY")
    #expect(send(request(1, mode: 1, 1, ["13"]), to: &session).added == [infy])
    let second = send(request(1, mode: 3, 1, ["13"]), to: &session)
    #expect(second.added.isEmpty && second.snapshots == [infy] && session.count == 2)
    #expect(send(request(1, mode: 3, 1, ["13", "13"]), to: &session) == SessionEffects(), "the same again counts once")
    #expect(AngelSession.names(ofModes: session.modes(of: Int(infy))) == ["ltp", "snap_quote"])
    let less = send(request(0, mode: 1, 1, ["13"]), to: &session)
    #expect(less.removed.isEmpty && less.changed == [infy] && session.count == 1)
    #expect(send(request(0, mode: 2, 1, ["13"]), to: &session) == SessionEffects(), "not in that mode")
    #expect(send(request(0, mode: 3, 1, ["13"]), to: &session).removed == [infy])
    #expect(session.subscribed.isEmpty && session.count == 0)
  }

  @Test func `the same token means another instrument in another exchange`() {
    var session = session()
    let effects = send(
      #"""
      {"action":1,"params":{"mode":2,"tokenList":[{"exchangeType":1,"tokens":["13","99926000"]},
      {"exchangeType":3,"tokens":["13","99919000"]},{"exchangeType":13,"tokens":["11"]}]}}
      """#, to: &session)
    let expected = [
      index(.nse, "INFY"), index(.nseIndex, "NIFTY"), index(.bse, "INFY"), index(.bseIndex, "SENSEX"),
    ]
    #expect(Array(effects.added.prefix(4)) == expected)
    #expect(Self.universe.instruments[Int(effects.added[4])].instrument.exchange == .cds)
  }

  @Test func `the text ping is answered`() {
    var session = session()
    #expect(send("ping", to: &session).reply == Array("pong".utf8))
    #expect(session.counts.pings == 1 && session.counts.ignored == 0)
  }

  @Test func `beyond the limit nothing of a request is taken, and the error has its correlation id`() throws {
    var session = session { $0.instruments = 3 }
    _ = send(request(1, mode: 1, 1, ["11", "12"]), to: &session)
    let refused = send(request(1, mode: 2, 1, ["11", "12"]), to: &session)
    #expect(refused.added.isEmpty && session.count == 2)
    let json = try error(refused)
    #expect(json["errorCode"] == "E1002" && json["correlationID"] == "abc")
    #expect(send(request(1, mode: 2, 1, ["11"]), to: &session).snapshots.count == 1)
  }

  @Test func `twenty levels are for fifty of NSE's shares`() throws {
    var session = session { $0.deepInstruments = 2 }
    #expect(try error(send(request(1, mode: 4, 2, ["11"]), to: &session))["errorCode"] == "E1001")
    #expect(send(request(1, mode: 4, 1, ["11", "12"]), to: &session).added.count == 2)
    #expect(try error(send(request(1, mode: 4, 1, ["13"]), to: &session))["errorCode"] == "E1002")
    _ = send(request(0, mode: 4, 1, ["12"]), to: &session)
    #expect(send(request(1, mode: 4, 1, ["13"]), to: &session).added.count == 1)
  }

  @Test(arguments: [
    "", "PING", "pong", "null", "[]", "{", "{}", #"{"action":1}"#, #"{"action":1,"params":{}}"#,
    #"{"action":1,"params":{"mode":1}}"#, #"{"action":1,"params":{"mode":1,"tokenList":{}}}"#,
    #"{"action":1,"params":{"mode":1,"tokenList":[{"exchangeType":1,"tokens":"11"}]}}"#,
    #"{"action":1,"params":{"mode":1,"tokenList":[{"exchangeType":1,"tokens":[11]}]}}"#,
    #"{"action":1,"params":{"mode":1,"tokenList":[{"exchangeType":"1","tokens":["11"]}]}}"#,
    #"{"action":1,"params":{"mode":1,"tokenList":[{"exchangeType":999,"tokens":["11"]}]}}"#,
    #"{"action":1,"params":{"mode":5,"tokenList":[]}}"#, #"{"action":1,"params":{"mode":0,"tokenList":[]}}"#,
    #"{"action":2,"params":{"mode":1,"tokenList":[]}}"#, #"{"action":"1","params":{"mode":1,"tokenList":[]}}"#,
  ])
  func `a message that makes no sense is an invalid payload`(text: String) throws {
    var session = session()
    #expect(try error(send(text, to: &session))["errorCode"] == "E1001")
    #expect(session.subscribed.isEmpty && session.counts.ignored == 1)
  }

  @Test func `thousands of tokens, deep nesting and cut messages change nothing wrongly`() {
    var session = session()
    let many = (0..<40_000).map(String.init)
    let shares = Self.universe.instruments.count { $0.instrument.exchange == .nse }
    #expect(send(request(1, mode: 1, 1, many), to: &session).added.count == shares, "those that exist")
    _ = send(String(repeating: "[", count: 100_000), to: &session)
    _ = send(request(1, mode: 1, 1, Array(repeating: "11", count: 60_000)), to: &session)
    #expect(session.count == shares)
    let whole = Array(request(1, mode: 2, 1, ["11"]).utf8)
    for length in 0..<whole.count {
      let effects = whole[..<length].withUnsafeBytes { session.receive(text: $0) }
      #expect(effects.added.isEmpty && effects.snapshots.isEmpty)
    }
    let binary = whole.withUnsafeBytes { session.receive(binary: $0) }
    #expect(binary == SessionEffects(), "requests are texts")
  }
}
