// Upstox's session as a value: requests of every shape, limits by mode, and hostile bytes.

import Foundation
import Market
import Simulator
import Testing

@Suite struct UpstoxSessionTests {
  private static let universe = Universe(count: 200, seed: 1, todayDay: today)
  private static let directory = InstrumentDirectory(universe: universe, broker: .upstox)

  private func session(alone: [Int]? = nil, mixed: [Int]? = nil) -> UpstoxSession {
    var limits = BrokerLimits.of(.upstox)
    if let alone { limits.instrumentsByMode = alone }
    if let mixed { limits.instrumentsByMixedMode = mixed }
    return UpstoxSession(directory: Self.directory, limits: limits)
  }

  private func send(_ text: String, to session: inout UpstoxSession) -> SessionEffects {
    Array(text.utf8).withUnsafeBytes { session.receive(binary: $0) }
  }

  private func request(_ method: String, _ mode: String?, _ keys: [String]) -> String {
    let list = keys.map { "\"\($0)\"" }.joined(separator: ",")
    let mode = mode.map { #""mode":"\#($0)","# } ?? ""
    return #"{"guid":"g","method":"\#(method)","data":{\#(mode)"instrumentKeys":[\#(list)]}}"#
  }

  private func keys(_ range: Range<Int>) -> [String] {
    Self.universe.instruments[range].map { $0.token(for: .upstox).token }
  }

  private func error(_ effects: SessionEffects) throws -> String {
    let reply = try #require(effects.reply)
    let json = try #require(JSONSerialization.jsonObject(with: Data(reply)) as? [String: String])
    #expect(json["status"] == "failed")
    return try #require(json["error"])
  }

  @Test func `keys are subscribed, moved to another mode and given up`() {
    var session = session()
    let names = ["NSE_INDEX|Nifty 50"] + keys(0..<2)
    let nifty = UInt32(Self.universe.index(.nseIndex, "NIFTY") ?? -1)
    let effects = send(request("sub", "full", names + names), to: &session)
    #expect(effects.added == [nifty, 0, 1] && effects.snapshots == effects.added)
    #expect(UpstoxSession.names(ofModes: session.modes(of: 0)) == ["full"])
    #expect(send(request("sub", "ltpc", names), to: &session) == SessionEffects(), "a mode is changed by change_mode")
    #expect(send(request("change_mode", "full_d30", keys(1..<3)), to: &session).snapshots == [1])
    #expect(UpstoxSession.names(ofModes: session.modes(of: 1)) == ["full_d30"])
    #expect(session.modes(of: 2) == 0, "not subscribed")
    #expect(send(request("unsub", nil, keys(0..<9)), to: &session).removed == [0, 1])
    #expect(session.subscribed == [nifty])
    #expect(session.counts.subscribes == 2 && session.counts.modes == 1 && session.counts.unsubscribes == 1)
  }

  @Test func `the mode of a subscription is ltpc by default`() {
    var session = session()
    _ = send(request("sub", nil, keys(4..<5)), to: &session)
    #expect(UpstoxSession.names(ofModes: session.modes(of: 4)) == ["ltpc"])
  }

  @Test func `limits are those of one mode alone, or of several together`() throws {
    var session = session(alone: [10, 6, 4, 2], mixed: [5, 5, 3, 1])
    #expect(send(request("sub", "ltpc", keys(0..<10)), to: &session).added.count == 10)
    #expect(try error(send(request("sub", "ltpc", keys(10..<11)), to: &session)).contains("limit"))
    #expect(try error(send(request("sub", "full", keys(10..<11)), to: &session)).contains("limit"), "mixed: 5 at most")
    _ = send(request("unsub", nil, keys(0..<5)), to: &session)
    #expect(send(request("sub", "full", keys(10..<13)), to: &session).added.count == 3)
    #expect(try error(send(request("change_mode", "full", keys(5..<6)), to: &session)).contains("limit"))
    #expect(session.modes(of: 5) != 0, "as before")
    _ = send(request("unsub", nil, keys(0..<13)), to: &session)
    #expect(try error(send(request("sub", "full_d30", keys(0..<3)), to: &session)).contains("limit"))
    #expect(send(request("sub", "full_d30", keys(0..<2)), to: &session).added.count == 2)
  }

  @Test(arguments: [
    "", "null", "{}", "[]", #"{"guid":"g"}"#, #"{"guid":"g","method":"sub"}"#,
    #"{"guid":"g","method":"sub","data":{}}"#, #"{"guid":"g","method":"sub","data":{"instrumentKeys":"a"}}"#,
    #"{"guid":"g","method":"sub","data":{"instrumentKeys":[1]}}"#,
    #"{"guid":"","method":"sub","data":{"instrumentKeys":[]}}"#,
    #"{"method":"sub","data":{"instrumentKeys":[]}}"#,
    #"{"guid":"g","method":"subscribe","data":{"instrumentKeys":[]}}"#,
    #"{"guid":"g","method":"change_mode","data":{"instrumentKeys":[]}}"#,
    #"{"guid":"g","method":"sub","data":{"mode":"deep","instrumentKeys":[]}}"#, "\u{0}\u{1}\u{2}",
  ])
  func `a request that makes no sense fails with a text`(text: String) throws {
    var session = session()
    _ = try error(send(text, to: &session))
    #expect(session.subscribed.isEmpty && session.counts.ignored == 1)
  }

  @Test func `a text frame, unknown keys and thousands of keys change nothing wrongly`() throws {
    var session = session()
    let text = Array(request("sub", "full", keys(0..<1)).utf8).withUnsafeBytes { session.receive(text: $0) }
    _ = try error(text)
    let unknown = (0..<20_000).map { "NSE_EQ|\($0)" }
    #expect(send(request("sub", "full", unknown + keys(7..<8)), to: &session).added == [7])
    _ = try error(send(request("sub", "full", Array(repeating: "NSE_EQ|1", count: 60_000)), to: &session))
    _ = try error(send(String(repeating: "[", count: 100_000), to: &session))
    #expect(session.subscribed == [7])
  }
}
