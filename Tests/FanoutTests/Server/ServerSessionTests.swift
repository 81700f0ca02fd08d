// The session without sockets: envelope, authentication, orders, info and ping.

import Fanout
import JSONText
import Market
import Testing
import WebSocket

@Suite struct ServerSessionTests {
  @Test(arguments: [
    ("ping", errorText("INVALID_JSON", "Invalid JSON message")),
    ("", errorText("INVALID_JSON", "Invalid JSON message")),
    (#"{"action":"ping""#, errorText("INVALID_JSON", "Invalid JSON message")),
    ("[]", errorText("SERVER_ERROR", "Message must be a JSON object")),
    ("5", errorText("SERVER_ERROR", "Message must be a JSON object")),
    ("null", errorText("SERVER_ERROR", "Message must be a JSON object")),
    ("{}", errorText("INVALID_ACTION", "Invalid action: None")),
    (#"{"action":"","type":""}"#, errorText("INVALID_ACTION", "Invalid action: ")),
    (#"{"action":"Subscribe"}"#, errorText("INVALID_ACTION", "Invalid action: Subscribe")),
    (#"{"action":5,"type":"ping"}"#, errorText("INVALID_ACTION", "Invalid action: 5")),
    (#"{"action":true}"#, errorText("INVALID_ACTION", "Invalid action: True")),
    (#"{"action":["a"]}"#, errorText("INVALID_ACTION", #"Invalid action: [\"a\"]"#)),
    (#"{"action":"fly","type":"ping"}"#, errorText("INVALID_ACTION", "Invalid action: fly")),
    (#"{"action":"subscribe","mode":9}"#, errorText("NOT_AUTHENTICATED", "You must authenticate first")),
    (#"{"action":"unsubscribe"}"#, errorText("NOT_AUTHENTICATED", "You must authenticate first")),
    (#"{"type":"unsubscribe_all"}"#, errorText("NOT_AUTHENTICATED", "You must authenticate first")),
    (#"{"action":"subscribe_orders"}"#, errorText("NOT_AUTHENTICATED", "You must authenticate first")),
    (#"{"action":"unsubscribe_orders"}"#, errorText("NOT_AUTHENTICATED", "You must authenticate first")),
    (#"{"action":"get_broker_info"}"#, errorText("NOT_AUTHENTICATED", "You must authenticate first")),
    (#"{"action":"auth"}"#, errorText("AUTHENTICATION_ERROR", "API key is required")),
    (#"{"action":"auth","api_key":""}"#, errorText("AUTHENTICATION_ERROR", "API key is required")),
    (#"{"action":"auth","api_key":null}"#, errorText("AUTHENTICATION_ERROR", "API key is required")),
    (#"{"action":"auth","api_key":"nobody"}"#, errorText("AUTHENTICATION_ERROR", "Invalid API key")),
    (#"{"action":"auth","api_key":17}"#, errorText("AUTHENTICATION_ERROR", "Invalid API key")),
  ])
  func `errors have their code, their text and no type`(message: String, expected: String) {
    let bench = SessionBench()
    #expect(bench.say(message) == expected)
    #expect(bench.session.principal == nil)
  }

  @Test func `bytes that are not UTF-8 are not JSON`() {
    let bench = SessionBench()
    let reply = bench.reply([0x7B, 0xFF, 0x7D])
    #expect(String(decoding: reply.text, as: UTF8.self) == errorText("INVALID_JSON", "Invalid JSON message"))
  }

  @Test(arguments: [
    #"{"action":"authenticate","api_key":"key-asha"}"#, #"{"action":"auth","apikey":"key-asha"}"#,
    #"{"type":"authenticate","api_key":"","apikey":"key-asha"}"#,
    #"{"type":"auth","action":null,"api_key":"key-asha","apikey":"nobody"}"#,
    #" { "action" : "authenticate" , "api_key" : "key-asha", "other": [1, {"x": null}] } "#,
  ])
  func `a valid key is answered alone with user and features`(message: String) {
    let bench = SessionBench()
    let reply = bench.reply(Array(message.utf8))
    #expect(
      String(decoding: reply.text, as: UTF8.self)
        == #"{"type":"auth","status":"success","message":"Authentication successful","broker":"zerodha","#
        + #""user_id":"asha","supported_features":{"ltp":true,"quote":true,"depth":true}}"#)
    #expect(reply.isAlone && reply.text.count < 1024 && reply.close == nil)
    #expect(bench.session.principal == Principal(userID: "asha", keyID: 1))
  }

  @Test func `the time to authenticate is extended by nothing and ends with a valid key`() {
    let bench = SessionBench()
    let due = 1000 + FanoutConfiguration().authTimeoutNanos
    _ = bench.say(#"{"action":"ping"}"#)
    _ = bench.say(#"{"action":"auth","api_key":"nobody"}"#)
    #expect(bench.session.authDueNanos == due)
    #expect(bench.session.overdue(nowNanos: due - 1) == nil)
    #expect(bench.session.overdue(nowNanos: due)?.code == 4401)
    _ = bench.say(#"{"action":"auth","api_key":"key-asha"}"#)
    #expect(bench.session.overdue(nowNanos: due) == nil)
  }

  @Test func `wrong keys are bounded, then the connection is closed after the reply`() {
    var configuration = FanoutConfiguration()
    configuration.authAttemptsMax = 3
    let bench = SessionBench(configuration: configuration)
    let wrong = Array(#"{"action":"auth","api_key":"nobody"}"#.utf8)
    #expect(bench.reply(wrong).close == nil)
    #expect(bench.reply(wrong).close == nil)
    let last = bench.reply(wrong)
    #expect(last.close?.code == 1008 && last.isRefusal && !last.text.isEmpty)
  }

  @Test func `a stranger's large message is not parsed`() {
    var configuration = FanoutConfiguration()
    configuration.anonymousMessageBytesMax = 100
    let bench = SessionBench(configuration: configuration)
    let padding = String(repeating: " ", count: 100)
    #expect(bench.say(#"{"action":"ping"}"# + padding) == errorText("NOT_AUTHENTICATED", "You must authenticate first"))
    _ = bench.say(#"{"action":"auth","api_key":"key-asha"}"#)
    #expect(bench.say(#"{"action":"ping"}"# + padding).hasPrefix(#"{"type":"pong""#))
  }

  @Test func `the same user keeps subscriptions when authenticating again, another user loses them`() {
    let bench = SessionBench.authenticated()
    _ = bench.say(#"{"action":"subscribe","symbol":"TCS","exchange":"NSE"}"#)
    _ = bench.say(#"{"action":"subscribe_orders"}"#)
    #expect(bench.say(#"{"action":"auth","api_key":"nobody"}"#).contains("AUTHENTICATION_ERROR"))
    #expect(bench.session.principal?.userID == "asha")
    _ = bench.say(#"{"action":"auth","api_key":"key-asha-2"}"#)
    #expect(bench.subscriptions == ["1/2"] && bench.session.wantsOrders && bench.session.principal?.keyID == 2)
    #expect(bench.say(#"{"action":"auth","api_key":"key-ravi"}"#).contains(#""user_id":"ravi""#))
    #expect(bench.subscriptions.isEmpty && !bench.session.wantsOrders)
  }

  @Test func `without a feed a valid key identifies the user and nothing can be subscribed`() {
    let bench = SessionBench(feeds: [])
    let noBroker = errorText("BROKER_ERROR", "No broker configuration found for user")
    let noAdapter = errorText("BROKER_ERROR", "Broker adapter not found")
    #expect(bench.say(#"{"action":"auth","api_key":"key-asha"}"#) == noBroker)
    #expect(bench.session.principal?.userID == "asha")
    #expect(bench.say(#"{"action":"subscribe","symbol":"TCS","exchange":"NSE"}"#) == noAdapter)
    #expect(bench.say(#"{"action":"unsubscribe","symbol":"TCS","exchange":"NSE"}"#) == noAdapter)
    #expect(bench.say(#"{"action":"unsubscribe_all"}"#) == noAdapter)
    #expect(bench.say(#"{"action":"subscribe","mode":7}"#).contains("INVALID_MODE"))
    #expect(bench.say(#"{"action":"subscribe"}"#).contains("INVALID_PARAMETERS"))
    #expect(bench.say(#"{"action":"get_broker_info"}"#).contains("BROKER_ERROR"))
    #expect(bench.say(#"{"action":"get_supported_brokers"}"#).hasSuffix(#""brokers":[],"count":0}"#))
    #expect(bench.say(#"{"action":"subscribe_orders"}"#).contains("success"))
  }

  @Test func `order subscriptions are acknowledged every time and echo the request id`() {
    let bench = SessionBench.authenticated()
    let subscribed = #"{"type":"subscribe_orders","status":"success","message":"Subscribed to order updates""#
    let ended = #"{"type":"unsubscribe_orders","status":"success","message":"Unsubscribed from order updates""#
    #expect(bench.say(#"{"action":"unsubscribe_orders"}"#) == ended + "}")
    #expect(bench.say(#"{"type":"subscribe_orders","request_id":null}"#) == subscribed + "}")
    #expect(bench.session.wantsOrders)
    #expect(bench.say(#"{"action":"subscribe_orders","request_id":7}"#) == subscribed + #","request_id":7}"#)
    #expect(
      bench.say(#"{"action":"unsubscribe_orders","request_id":{"a": [1.50]}}"#)
        == ended + #","request_id":{"a": [1.50]}}"#)
    #expect(!bench.session.wantsOrders)
  }

  @Test func `info tells the broker, its real state and the user`() {
    let bench = SessionBench.authenticated()
    let info = { (state: String) in
      #"{"type":"broker_info","status":"success","broker":"zerodha","adapter_status":"\#(state)","user_id":"asha"}"#
    }
    #expect(bench.say(#"{"action":"get_broker_info","request_id":1}"#) == info("disconnected"))
    for state in [FeedState.live, .quiet] {
      bench.context.board.set(state, of: 0, now: 5)
      #expect(bench.say(#"{"action":"get_broker_info"}"#) == info("connected"))
    }
    bench.context.board.set(.stale, of: 0, now: 6)
    #expect(bench.say(#"{"action":"get_broker_info"}"#) == info("disconnected"))
  }

  @Test func `supported brokers are the configured ones, else the feeds`() {
    var configuration = FanoutConfiguration()
    configuration.supportedBrokers = ["angel", "zerodha"]
    let bench = SessionBench(configuration: configuration)
    #expect(
      bench.say(#"{"action":"get_supported_brokers"}"#)
        == #"{"type":"supported_brokers","status":"success","brokers":["angel","zerodha"],"count":2}"#)
    let plain = SessionBench(feeds: ["sim", "dhan"])
    #expect(plain.say(#"{"type":"get_supported_brokers"}"#).contains(#""brokers":["sim","dhan"],"count":2"#))
  }

  @Test(arguments: [
    (#"{"action":"ping"}"#, ""),
    (#"{"type":"ping","timestamp":1795000000123,"_pingId":3}"#, #","client_timestamp":1795000000123,"_pingId":3"#),
    (#"{"action":"ping","timestamp":null,"_pingId":null}"#, ""),
    (
      #"{"action":"ping","timestamp":"2026-11-23","_pingId":[1, 2]}"#,
      #","client_timestamp":"2026-11-23","_pingId":[1, 2]"#
    ),
    (#"{"action":"ping","timestamp":0,"_pingId":false}"#, #","client_timestamp":0,"_pingId":false"#),
  ])
  func `a ping is answered by anyone's time and what it carried`(message: String, echoed: String) {
    let bench = SessionBench()
    #expect(
      bench.say(message) == #"{"type":"pong","status":"success","server_timestamp":1795399038166"# + echoed + "}")
  }

  @Test func `every cut of a message is answered with an error and changes nothing`() {
    let whole = Array(#"{"action":"subscribe","symbols":[{"symbol":"TCS","exchange":"NSE"}],"mode":"LTP"}"#.utf8)
    let bench = SessionBench.authenticated()
    for count in 0..<whole.count {
      let text = String(decoding: bench.reply(Array(whole[0..<count])).text, as: UTF8.self)
      #expect(text == errorText("INVALID_JSON", "Invalid JSON message"))
    }
    #expect(bench.subscriptions.isEmpty)
    _ = bench.reply(whole)
    #expect(bench.subscriptions == ["1/1"])
  }

  @Test func `hostile shapes get an error and stay cheap`() {
    let bench = SessionBench.authenticated()
    let deep = String(repeating: "[", count: 100_000)
    #expect(bench.say(deep).contains("INVALID_JSON"))
    let many = "{" + (0..<50_000).map { "\"k\($0)\":0" }.joined(separator: ",") + #","action":"ping"}"#
    #expect(bench.say(many).contains("pong"))
    let wide = "[" + Array(repeating: "0", count: 300_000).joined(separator: ",") + "]"
    #expect(bench.say(wide).contains("INVALID_JSON"))
    let long = #"{"action":"\#(String(repeating: "x", count: 100_000))"}"#
    #expect(bench.say(long).utf8.count < 300)
  }
}
