// Dhan's session as a value, on all three feeds: requests of every shape, limits, and hostile texts.

import Market
import Simulator
import Testing

@Suite struct DhanSessionTests {
  private static let universe = Universe(count: 300, seed: 1, todayDay: today)
  private static let directory = InstrumentDirectory(universe: universe, broker: .dhan)

  private func session(_ role: DhanRole = .market, _ change: (inout BrokerLimits) -> Void = { _ in }) -> DhanSession {
    var limits = BrokerLimits.of(.dhan)
    change(&limits)
    return DhanSession(role: role, directory: Self.directory, limits: limits)
  }

  private func send(_ text: String, to session: inout DhanSession) -> SessionEffects {
    Array(text.utf8).withUnsafeBytes { session.receive(text: $0) }
  }

  private func request(_ code: Int, _ instruments: [(segment: String, id: Int)], count: Int? = nil) -> String {
    let list = instruments.map { #"{"ExchangeSegment":"\#($0.segment)","SecurityId":"\#($0.id)"}"# }
    return #"""
      {"RequestCode":\#(code),"InstrumentCount":\#(count ?? list.count),
      "InstrumentList":[\#(list.joined(separator: ","))]}
      """#
  }

  private func shares(_ ids: Range<Int>) -> [(segment: String, id: Int)] { ids.map { ("NSE_EQ", $0) } }

  private func reason(_ effects: SessionEffects) -> UInt16 {
    guard effects.isOver, let bytes = effects.farewell else { return 0 }
    return bytes.little(bytes.count - 2, as: UInt16.self)
  }

  @Test func `the same id means another instrument in another segment`() {
    var session = session()
    let effects = send(
      request(15, [("IDX_I", 13), ("NSE_EQ", 13), ("BSE_EQ", 13), ("NSE_CURRENCY", 11), ("MCX_COMM", 12)]), to: &session
    )
    let keys = effects.added.map { Self.universe.instruments[Int($0)].instrument.key }
    #expect(Array(keys.prefix(3)) == [.init(.nseIndex, "NIFTY"), .init(.nse, "INFY"), .init(.bse, "INFY")])
    #expect(keys[3].exchange == .cds && keys[4].exchange == .mcx)
    #expect(effects.snapshots == effects.added)
  }

  @Test func `an instrument is in one mode, and leaves it with the code of that mode`() {
    var session = session()
    _ = send(request(15, shares(11..<13)), to: &session)
    #expect(send(request(21, shares(11..<12)), to: &session) == SessionEffects(), "still a ticker")
    #expect(send(request(22, shares(11..<12)), to: &session) == SessionEffects())
    #expect(send(request(16, shares(11..<12)), to: &session).removed == [0])
    #expect(send(request(21, shares(11..<12)), to: &session).added == [0])
    #expect(DhanSession.names(ofModes: session.modes(of: 0)) == ["full"])
    #expect(send(request(22, shares(11..<12)), to: &session).removed == [0])
    #expect(send(request(17, shares(11..<12)), to: &session).added == [0])
    #expect(send(request(18, shares(11..<12)), to: &session).removed == [0])
    #expect(session.subscribed == [1] && session.count == 1)
  }

  @Test func `indices have no full packet`() {
    var session = session()
    #expect(send(request(21, [("IDX_I", 13)]), to: &session) == SessionEffects())
    #expect(send(request(17, [("IDX_I", 13)]), to: &session).added.count == 1)
  }

  @Test func `too many instruments end the connection, in one message or in all`() {
    var session = session { $0.instruments = 3 }
    #expect(send(request(15, shares(11..<14)), to: &session).added.count == 3)
    let over = send(request(15, shares(14..<15)), to: &session)
    #expect(reason(over) == 804 && over.farewell?.count == 10 && over.farewell?.first == 50)
    var other = self.session()
    #expect(reason(send(request(15, shares(0..<101)), to: &other)) == 814)
    #expect(send(request(15, shares(0..<100)), to: &other).isOver == false)
    #expect(reason(send(request(15, shares(11..<13), count: 3), to: &other)) == 814)
  }

  @Test func `twenty levels are for fifty instruments of two segments`() {
    var session = session(.depth20) { $0.deepInstruments = 2 }
    #expect(send(request(23, [("BSE_EQ", 11), ("IDX_I", 13)]), to: &session) == SessionEffects())
    #expect(send(request(23, [("NSE_EQ", 11), ("NSE_FNO", 11)]), to: &session).added.count == 2)
    let over = send(request(23, [("NSE_EQ", 12)]), to: &session)
    #expect(reason(over) == 804 && over.farewell?.count == 14 && over.farewell?[2] == 50)
    #expect(send(request(24, [("NSE_EQ", 11)]), to: &session).removed.count == 1)
    #expect(send(request(25, [("NSE_FNO", 11)]), to: &session).removed.count == 1)
    #expect(reason(send(request(15, shares(11..<12)), to: &session)) == 814, "no ticker on this feed")
  }

  @Test func `two hundred levels are for one instrument, in either form`() {
    var session = session(.depth200)
    let flat = #"{"RequestCode":23,"ExchangeSegment":"NSE_EQ","SecurityId":"11"}"#
    #expect(send(flat, to: &session).added == [0])
    #expect(send(request(24, shares(11..<12)), to: &session).removed == [0])
    #expect(send(request(23, shares(11..<12)), to: &session).added == [0])
    #expect(reason(send(request(23, shares(12..<13)), to: &session)) == 804)
    #expect(reason(send(request(23, shares(12..<14)), to: &session)) == 814)
  }

  @Test func `a client can end the connection`() {
    var session = session()
    let effects = send(#"{"RequestCode":12}"#, to: &session)
    #expect(effects.isOver && effects.farewell == nil)
  }

  @Test(arguments: [
    "", "null", "{}", "[]", #"{"RequestCode":"15"}"#, #"{"RequestCode":15}"#, #"{"RequestCode":13}"#,
    #"{"RequestCode":23,"InstrumentCount":0,"InstrumentList":[]}"#,
    #"{"RequestCode":15,"InstrumentCount":1,"InstrumentList":{}}"#,
    #"{"RequestCode":15,"InstrumentList":[]}"#,
    #"{"RequestCode":15,"InstrumentCount":1,"InstrumentList":[1]}"#,
    #"{"RequestCode":15,"InstrumentCount":1,"InstrumentList":[{"ExchangeSegment":"NSE","SecurityId":"11"}]}"#,
    #"{"RequestCode":15,"InstrumentCount":1,"InstrumentList":[{"ExchangeSegment":"NSE_EQ","SecurityId":11}]}"#,
  ])
  func `a message that makes no sense ends the connection`(text: String) {
    var session = session()
    #expect(reason(send(text, to: &session)) == 814)
    #expect(session.subscribed.isEmpty && session.counts.ignored == 1)
  }

  @Test func `cut messages, deep nesting and binary frames end it as well`() {
    let whole = Array(request(15, shares(11..<13)).utf8)
    for length in 0..<whole.count {
      var session = session()
      #expect(reason(whole[..<length].withUnsafeBytes { session.receive(text: $0) }) == 814)
    }
    var session = session()
    #expect(reason(send(String(repeating: "[", count: 100_000), to: &session)) == 814)
    #expect(reason(whole.withUnsafeBytes { session.receive(binary: $0) }) == 814)
  }
}
