// The session machine with every shape of client message, good and hostile.

import Foundation
import Market
import Simulator
import Testing

@Suite struct KiteServerSessionTests {
  /// Four instruments with tokens 10, 20, 30, 40.
  private func session(max: Int = 3000) -> KiteServerSession {
    KiteServerSession(indexByToken: [10: 0, 20: 1, 30: 2, 40: 3], instrumentsMax: max, nowNanos: 0)
  }

  private func send(_ text: String, to session: inout KiteServerSession) -> KiteServerSession.Effects {
    Array(text.utf8).withUnsafeBytes { session.receive(text: $0) }
  }

  @Test func `subscribe starts in quote mode with a snapshot`() {
    var session = session()
    let effects = send(#"{"a":"subscribe","v":[20,40]}"#, to: &session)
    #expect(effects.added == [1, 3] && effects.snapshots == [1, 3] && effects.removed.isEmpty && effects.reply == nil)
    #expect(session.mode(of: 1) == .quote && session.mode(of: 3) == .quote && session.mode(of: 0) == nil)
    #expect(session.subscribed == [1, 3] && session.count == 2)
  }

  @Test func `mode changes what is subscribed and sends a snapshot`() {
    var session = session()
    _ = send(#"{"a":"subscribe","v":[10,20]}"#, to: &session)
    let effects = send(#"{"v":["full",[10,30]],"a":"mode"}"#, to: &session)
    #expect(effects.snapshots == [0] && effects.added.isEmpty)
    #expect(session.mode(of: 0) == .full && session.mode(of: 1) == .quote)
    #expect(session.mode(of: 2) == nil, "not subscribed: no effect")
    #expect(send(#"{"a":"mode","v":["full",[10]]}"#, to: &session) == KiteServerSession.Effects())
    #expect(send(#"{"a":"mode","v":["ltp",[10]]}"#, to: &session).snapshots == [0])
    #expect(session.mode(of: 0) == .ltp)
  }

  @Test func `a repeated subscribe keeps the mode`() {
    var session = session()
    _ = send(#"{"a":"subscribe","v":[10,10]}"#, to: &session)
    _ = send(#"{"a":"mode","v":["full",[10]]}"#, to: &session)
    #expect(send(#"{"a":"subscribe","v":[10]}"#, to: &session) == KiteServerSession.Effects())
    #expect(session.mode(of: 0) == .full && session.count == 1)
  }

  @Test func `unsubscribe removes what is there`() {
    var session = session()
    _ = send(#"{"a":"subscribe","v":[10,20]}"#, to: &session)
    let effects = send(#"{"a":"unsubscribe","v":[20,30,20]}"#, to: &session)
    #expect(effects.removed == [1] && effects.snapshots.isEmpty)
    #expect(session.subscribed == [0] && session.count == 1)
    #expect(send(#"{"a":"subscribe","v":[20]}"#, to: &session).added == [1])
    #expect(session.mode(of: 1) == .quote)
  }

  @Test func `tokens that are strings or unknown are passed over`() {
    var session = session()
    let effects = send(
      #"{"a":"subscribe","v":["10",20.0,2e1,-30,null,true,[40],{"a":1},99,4294967336,18446744073709551626,30]}"#,
      to: &session)
    #expect(effects.added == [2])
    #expect(effects.reply == nil && session.ignoredMessages == 0)
  }

  @Test func `instruments beyond the limit are refused with an error`() throws {
    var session = session(max: 2)
    let effects = send(#"{"a":"subscribe","v":[10,20,30,40]}"#, to: &session)
    #expect(effects.added == [0, 1] && session.count == 2)
    let reply = try #require(effects.reply)
    let json = try #require(JSONSerialization.jsonObject(with: Data(reply)) as? [String: String])
    #expect(json["type"] == "error" && json["data"]?.contains("2") == true)
    _ = send(#"{"a":"unsubscribe","v":[10]}"#, to: &session)
    #expect(send(#"{"a":"subscribe","v":[30]}"#, to: &session).added == [2])
  }

  @Test(arguments: [
    "", " ", "null", "[]", "42", #""subscribe""#, "{", "{}", #"{"a":"subscribe"}"#, #"{"v":[10]}"#,
    #"{"a":"subscribe","v":10}"#, #"{"a":"subscribe","v":"10"}"#, #"{"a":"subscribe","v":{"0":10}}"#,
    #"{"a":1,"v":[10]}"#, #"{"a":"Subscribe","v":[10]}"#, #"{"a":"mode","v":[]}"#, #"{"a":"mode","v":["full"]}"#,
    #"{"a":"mode","v":["deep",[10]]}"#, #"{"a":"mode","v":[[10],"full"]}"#, #"{"a":"mode","v":["full",10]}"#,
    #"{"a":"mode","v":["full",[10],1]}"#, #"{"a":"subscribe","v":[10]"#, #"{"a":"subscribe","v":[10]}x"#,
    #"{"a":"subscribe","v":[10,]}"#, #"{'a':'subscribe','v':[10]}"#, "\u{0}", "{\"a\":\"subscribe\",\"v\":[10]\u{0}}",
    #"{"a":"subscribe","v":[[[[[[10]]]]]]}"#,
  ])
  func `a message that makes no sense changes nothing`(text: String) {
    var session = session()
    #expect(send(text, to: &session) == KiteServerSession.Effects())
    #expect(session.ignoredMessages == 1 && session.count == 0)
  }

  @Test func `a message of too many values or bytes that are not UTF-8 changes nothing`() {
    var session = session()
    let long = #"{"a":"subscribe","v":["# + String(repeating: "10,", count: 100_000) + "10]}"
    #expect(send(long, to: &session) == KiteServerSession.Effects())
    let deep = String(repeating: "[", count: 100_000)
    #expect(send(deep, to: &session) == KiteServerSession.Effects())
    let broken: [UInt8] = Array(#"{"a":"subscribe","v":["#.utf8) + [0xFF, 0xFE] + Array("]}".utf8)
    #expect(broken.withUnsafeBytes { session.receive(text: $0) } == KiteServerSession.Effects())
    #expect(session.ignoredMessages == 3)
  }

  @Test func `a message cut anywhere is ignored`() {
    let text = Array(#"{"a":"mode","v":["full",[10,20]]}"#.utf8)
    for length in 0..<text.count {
      var session = session()
      let effects = text[..<length].withUnsafeBytes { session.receive(text: $0) }
      #expect(effects == KiteServerSession.Effects() && session.ignoredMessages == 1)
    }
  }

  @Test func `a heartbeat is due after a second without anything sent`() {
    var session = KiteServerSession(indexByToken: [:], nowNanos: 500)
    #expect(!session.isHeartbeatDue(nowNanos: 1_000_000_499))
    #expect(session.isHeartbeatDue(nowNanos: 1_000_000_500))
    session.onSent(nowNanos: 1_000_000_400)
    #expect(!session.isHeartbeatDue(nowNanos: 2_000_000_399))
    #expect(session.isHeartbeatDue(nowNanos: 2_000_000_400))
  }

  @Test func `both query items are needed and compared when configured`() {
    let any = KiteAuthorization()
    #expect(any.accepts(target: "/?api_key=k&access_token=t"))
    #expect(any.accepts(target: "/?access_token=t&x=1&api_key=k"))
    #expect(any.accepts(target: "ws://host/path?api_key=k&access_token=a%2Bb"))
    for target in [
      "", "/", "/?", "/?api_key=k", "/?access_token=t", "/?api_key=&access_token=t", "/?api_key=k&access_token=",
      "/?api_key&access_token", "/#?api_key", "/?API_KEY=k&access_token=t", "/?api_key=%zz&access_token=t",
      "/?api_key=%4&access_token=t", "/?api_key=%ff&access_token=t", "/?api_key=k#&access_token=t",
    ] { #expect(!any.accepts(target: target), "\(target)") }
    let fixed = KiteAuthorization(apiKey: "k y", accessToken: "t")
    #expect(fixed.accepts(target: "/?api_key=k%20y&access_token=t"))
    #expect(!fixed.accepts(target: "/?api_key=k&access_token=t"))
    #expect(!fixed.accepts(target: "/?api_key=k%20y&access_token=T"))
    #expect(!fixed.accepts(target: "/?api_key=x&api_key=k%20y&access_token=t"), "the first one counts")
  }
}
