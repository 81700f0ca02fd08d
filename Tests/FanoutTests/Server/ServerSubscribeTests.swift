// Subscribing and unsubscribing without sockets: modes, forms, statuses, limits, sequence numbers.

import Fanout
import JSONText
import Market
import Testing

@Suite struct ServerSubscribeTests {
  private static func ack(_ entries: [String], status: String = "success", more: String = "") -> String {
    #"{"type":"subscribe","status":"\#(status)","subscriptions":["# + entries.joined(separator: ",")
      + #"],"message":"Subscription processing complete","broker":"zerodha""# + more + "}"
  }

  private static func entry(_ symbol: String, _ exchange: String = "NSE", mode: String, more: String = "") -> String {
    #"{"symbol":"\#(symbol)","exchange":"\#(exchange)","status":"success","mode":"\#(mode)","depth":5,"#
      + #""broker":"zerodha""# + more + "}"
  }

  private static func missing(_ symbol: String, _ exchange: String) -> String {
    #"{"symbol":"\#(symbol)","exchange":"\#(exchange)","status":"error","#
      + #""message":"Symbol \#(symbol) not found for exchange \#(exchange)","broker":"zerodha"}"#
  }

  @Test(arguments: [
    ("1", Mode.ltp), ("2", .quote), ("3", .depth), ("\"LTP\"", .ltp), ("\"ltp\"", .ltp), ("\"Quote\"", .quote),
    ("\" QUOTE\\t\"", .quote), ("\"depth\"", .depth), ("\"Depth \"", .depth),
  ])
  func `modes are numbers or labels in any case`(parameter: String, mode: Mode) {
    let bench = SessionBench.authenticated()
    let reply = bench.say(#"{"action":"subscribe","symbol":"TCS","exchange":"NSE","mode":\#(parameter)}"#)
    #expect(reply == Self.ack([Self.entry("TCS", mode: mode.label)]))
    #expect(bench.subscriptions == ["1/\(mode.rawValue)"])
    _ = bench.say(#"{"action":"unsubscribe","symbol":"TCS","exchange":"NSE","mode":\#(parameter)}"#)
    #expect(bench.subscriptions.isEmpty)
  }

  @Test(arguments: [
    ("4", "Invalid mode 4; expected 1 (LTP), 2 (Quote), or 3 (Depth)"),
    ("0", "Invalid mode 0; expected 1 (LTP), 2 (Quote), or 3 (Depth)"),
    ("-1", "Invalid mode -1; expected 1 (LTP), 2 (Quote), or 3 (Depth)"),
    ("257", "Invalid mode 257; expected 1 (LTP), 2 (Quote), or 3 (Depth)"),
    (
      "99999999999999999999", "Invalid mode 99999999999999999999; expected 1 (LTP), 2 (Quote), or 3 (Depth)"
    ),
    ("\"x\"", "Invalid mode 'x'; expected 'LTP', 'Quote', or 'Depth' (case-insensitive)"),
    ("\"1\"", "Invalid mode '1'; expected 'LTP', 'Quote', or 'Depth' (case-insensitive)"),
    ("\"\"", "Invalid mode ''; expected 'LTP', 'Quote', or 'Depth' (case-insensitive)"),
    ("1.0", "Mode must be int or str, got float"), ("2e0", "Mode must be int or str, got float"),
    ("true", "Mode must be int or str, got bool"), ("null", "Mode must be int or str, got NoneType"),
    ("[1]", "Mode must be int or str, got list"), ("{}", "Mode must be int or str, got dict"),
  ])
  func `other modes are refused with their text`(parameter: String, text: String) {
    let bench = SessionBench.authenticated()
    for action in ["subscribe", "unsubscribe"] {
      let single = #"{"action":"\#(action)","symbol":"TCS","exchange":"NSE","mode":\#(parameter)}"#
      #expect(bench.say(single) == errorText("INVALID_MODE", text))
      // The mode is looked at before the symbols.
      #expect(bench.say(#"{"action":"\#(action)","mode":\#(parameter)}"#) == errorText("INVALID_MODE", text))
    }
    let list = #"{"action":"subscribe","symbols":[{"symbol":"TCS","exchange":"NSE"}],"mode":\#(parameter)}"#
    #expect(bench.say(list) == errorText("INVALID_MODE", text))
    #expect(bench.subscriptions.isEmpty)
  }

  @Test func `without a mode it is Quote, and entries' own modes do not count`() {
    let bench = SessionBench.authenticated()
    let reply = bench.say(#"{"action":"subscribe","symbols":[{"symbol":"TCS","exchange":"NSE","mode":3}]}"#)
    #expect(reply == Self.ack([Self.entry("TCS", mode: "Quote")]))
    #expect(bench.subscriptions == ["1/2"])
  }

  @Test func `entries keep their order, unknown ones make it partial`() {
    let bench = SessionBench.authenticated()
    let reply = bench.say(
      #"{"action":"subscribe","symbols":[{"symbol":"ZZZ","exchange":"NSE"},{"symbol":"RELIANCE","exchange":"BSE"},"#
        + #"{"symbol":"TCS","exchange":"nse"},{"symbol":"M&M","exchange":"NSE"},{"symbol":"NIFTY","exchange":"NSE"}],"#
        + #""mode":1,"depth":20,"request_id":"q7"}"#)
    let expected = [
      Self.missing("ZZZ", "NSE"), Self.entry("RELIANCE", "BSE", mode: "LTP"), Self.missing("TCS", "nse"),
      Self.entry("M&M", mode: "LTP"), Self.missing("NIFTY", "NSE"),
    ]
    #expect(reply == Self.ack(expected, status: "partial", more: #","request_id":"q7""#))
    #expect(bench.subscriptions == ["2/1", "4/1"])
    let allUnknown = bench.say(#"{"action":"subscribe","symbol":"ZZZ","exchange":"NSE"}"#)
    #expect(allUnknown == Self.ack([Self.missing("ZZZ", "NSE")], status: "partial"))
  }

  @Test func `entries without symbol or exchange are skipped without a word`() {
    let bench = SessionBench.authenticated()
    let reply = bench.say(
      #"{"action":"subscribe","symbols":[{},{"symbol":"TCS"},{"exchange":"NSE"},{"symbol":"","exchange":"NSE"},"#
        + #"{"symbol":null,"exchange":"NSE"}]}"#)
    #expect(reply == Self.ack([]))
  }

  @Test func `a name that is not text is not found and echoed as sent`() {
    let bench = SessionBench.authenticated()
    #expect(
      bench.say(#"{"action":"subscribe","symbol":17,"exchange":"NSE"}"#)
        == Self.ack(
          [
            #"{"symbol":17,"exchange":"NSE","status":"error","#
              + #""message":"Symbol 17 not found for exchange NSE","broker":"zerodha"}"#
          ],
          status: "partial"))
  }

  @Test(arguments: [
    #"{"action":"subscribe","instruments":[{"symbol":"TCS","exchange":"NSE"}],"mode":"quote","depth_level":5}"#,
    #"{"action":"subscribe","symbols":[],"instruments":[{"symbol":"TCS","exchange":"NSE"}]}"#,
    #"{"action":"subscribe","symbols":[{"symbol":"TCS","exchange":"NSE"}],"instruments":[{}],"symbol":"X"}"#,
    #"{"type":"subscribe","symbols":[],"symbol":"TCS","exchange":"NSE","depth":50}"#,
    #"{"type":"subscribe","action":"","symbols":null,"symbol":"\u0054CS","exchange":"NSE"}"#,
  ])
  func `every form of naming instruments works`(message: String) {
    let bench = SessionBench.authenticated()
    let reply = bench.say(message).replacing(#""\u0054CS""#, with: #""TCS""#)
    #expect(reply == Self.ack([Self.entry("TCS", mode: "Quote")]))
    #expect(bench.subscriptions == ["1/2"])
  }

  @Test func `missing symbols and entries that are no objects are errors that change nothing`() {
    let bench = SessionBench.authenticated()
    let nothing = errorText("INVALID_PARAMETERS", "At least one symbol must be specified")
    #expect(bench.say(#"{"action":"subscribe"}"#) == nothing)
    #expect(bench.say(#"{"action":"subscribe","symbol":"TCS"}"#) == nothing)
    #expect(bench.say(#"{"action":"subscribe","symbols":[]}"#) == nothing)
    let neither = errorText("INVALID_PARAMETERS", "Either symbols or unsubscribe_all is required")
    #expect(bench.say(#"{"action":"unsubscribe"}"#) == neither)
    let bad = errorText("SERVER_ERROR", "symbols must be an array of objects")
    for action in ["subscribe", "unsubscribe"] {
      for symbols in [#"[{"symbol":"TCS","exchange":"NSE"},"TCS"]"#, "[1]", "[null]", "\"TCS\"", "{\"a\":1}", "7"] {
        #expect(bench.say(#"{"action":"\#(action)","symbols":\#(symbols)}"#) == bad)
      }
    }
    #expect(bench.subscriptions.isEmpty)
  }

  @Test(arguments: ["0", "-1.50e3", "\"a\\u00e9\"", "true", "[1, null]", #"{"a" : {}}"#, "\"\""])
  func `a request id comes back as it was written`(id: String) {
    let bench = SessionBench.authenticated()
    let echoed = #","request_id":"# + id + "}"
    #expect(bench.say(#"{"action":"subscribe","symbol":"TCS","exchange":"NSE","request_id":\#(id)}"#).hasSuffix(echoed))
    #expect(
      bench.say(#"{"action":"unsubscribe","symbol":"TCS","exchange":"NSE","request_id":\#(id)}"#).hasSuffix(echoed))
    #expect(bench.say(#"{"action":"unsubscribe_all","request_id":\#(id)}"#).hasSuffix(echoed))
    #expect(!bench.say(#"{"action":"subscribe","request_id":\#(id)}"#).contains("request_id"))
  }

  @Test func `subscribing again succeeds and counts once`() {
    let bench = SessionBench.authenticated()
    let message = #"{"action":"subscribe","symbols":[{"symbol":"TCS","exchange":"NSE"}],"mode":3}"#
    let first = bench.say(message)
    #expect(bench.say(message) == first)
    #expect(bench.context.subscriptions.count == 1)
    #expect(bench.context.subscriptions.takeWants() == [Want(1, .depth, delta: 1)])
  }

  @Test func `subscriptions over the limit are refused one by one, repeats are not`() {
    var configuration = FanoutConfiguration()
    configuration.subscriptionsPerClientMax = 2
    let bench = SessionBench.authenticated(configuration: configuration)
    let names = #"[{"symbol":"TCS","exchange":"NSE"},{"symbol":"M&M","exchange":"NSE"},{"symbol":"NIFTY","#
    let reply = bench.say(#"{"action":"subscribe","symbols":\#(names)"exchange":"NSE_INDEX"}]}"#)
    #expect(reply.contains(#""message":"Maximum capacity reached: 2 subscriptions per client""#))
    #expect(reply.contains(#""status":"partial""#))
    #expect(bench.subscriptions == ["1/2", "2/2"])
    #expect(bench.say(#"{"action":"subscribe","symbol":"TCS","exchange":"NSE"}"#).contains(#""status":"success","sub"#))
  }

  @Test(arguments: ["subscribe", "unsubscribe"])
  func `a request may name twice as many instruments as there may be subscriptions, one more does nothing`(
    action: String
  ) {
    var configuration = FanoutConfiguration()
    configuration.subscriptionsPerClientMax = 3
    let bench = SessionBench.authenticated(configuration: configuration)
    _ = bench.say(#"{"action":"subscribe","symbol":"TCS","exchange":"NSE"}"#)
    let entries = { (count: Int) in
      (0..<count).map { #"{"symbol":"\#($0 == 0 ? "M&M" : "Z\($0)")","exchange":"NSE"}"# }.joined(separator: ",")
    }
    #expect(
      bench.say(#"{"action":"\#(action)","symbols":[\#(entries(7))]}"#)
        == errorText("INVALID_PARAMETERS", "Too many symbols: 7 in one message, at most 6"))
    // Entries that would be skipped are entries as well.
    #expect(bench.say(#"{"action":"\#(action)","symbols":[{},{},{},{},{},{},{}]}"#).contains("INVALID_PARAMETERS"))
    #expect(bench.subscriptions == ["1/2"])
    #expect(bench.say(#"{"action":"\#(action)","symbols":[\#(entries(6))]}"#).contains(#""symbol":"Z5""#))
    #expect(bench.subscriptions == (action == "subscribe" ? ["1/2", "2/2"] : ["1/2"]))
  }

  @Test(arguments: [#"M\u0026M"#, #"\u004d&\u004D"#, "M&M"])
  func `names may be written with escapes and are echoed as written`(symbol: String) {
    let bench = SessionBench.authenticated()
    let reply = bench.say(#"{"\u0061ction":"subscribe","symbol":"\#(symbol)","exchange":"N\u0053E","mode":1}"#)
    let entry = Self.entry(symbol, #"N\u0053E"#, mode: "LTP")
    #expect(reply == Self.ack([entry]))
    #expect(bench.subscriptions == ["2/1"])
  }

  @Test(arguments: [
    ("a\\\"b\\\\c\\n", "a\\\"b\\\\c\\n"), ("é😀", "\\u00e9\\ud83d\\ude00"), ("\u{7F}", "\\u007f"), ("\\u0041", "A"),
    (String(repeating: "x", count: 200), String(repeating: "x", count: 128)),
    (String(repeating: "é", count: 200), String(repeating: "\\u00e9", count: 128)),
    (String(repeating: "\\u0041", count: 200), String(repeating: "A", count: 128)),
  ])
  func `an unknown name is echoed as written and shown clipped and escaped`(symbol: String, shown: String) {
    let bench = SessionBench.authenticated()
    #expect(
      bench.say(#"{"action":"subscribe","symbol":"\#(symbol)","exchange":"NSE"}"#)
        == Self.ack(
          [
            #"{"symbol":"\#(symbol)","exchange":"NSE","status":"error","#
              + #""message":"Symbol \#(shown) not found for exchange NSE","broker":"zerodha"}"#
          ],
          status: "partial"))
  }

  @Test func `sequence numbers are acknowledged only to who asks`() {
    let bench = SessionBench.authenticated()
    for mode in [Mode.ltp, .quote, .ltp, .depth] { bench.tick(1, mode) }
    for (mode, sequence) in [(Mode.ltp, 4), (.quote, 2), (.depth, 1)] {
      let message = #"{"action":"subscribe","symbol":"TCS","exchange":"NSE","mode":\#(mode.rawValue),"seq":true,"#
      #expect(
        bench.say(message + #""request_id":1}"#)
          == Self.ack(
            [Self.entry("TCS", mode: mode.label, more: #","seq":\#(sequence)"#)],
            more: #","epoch":1795000000123,"request_id":1"#))
    }
    for value in ["false", "1", "\"true\"", "null"] {
      let plain = bench.say(#"{"action":"subscribe","symbol":"TCS","exchange":"NSE","seq":\#(value)}"#)
      #expect(plain == Self.ack([Self.entry("TCS", mode: "Quote")]))
    }
  }
}

@Suite struct ServerUnsubscribeTests {
  private static func ack(
    _ successful: [String], failed: [String] = [], status: String = "success", more: String = ""
  ) -> String {
    #"{"type":"unsubscribe","status":"\#(status)","message":"Unsubscription processing complete","successful":["#
      + successful.joined(separator: ",") + #"],"failed":["# + failed.joined(separator: ",")
      + #"],"broker":"zerodha""# + more + "}"
  }

  private static func entry(_ symbol: String, _ exchange: String = "NSE") -> String {
    #"{"symbol":"\#(symbol)","exchange":"\#(exchange)","status":"success","broker":"zerodha"}"#
  }

  /// TCS in all modes, RELIANCE of NSE in LTP and Depth.
  private static func subscribed() -> SessionBench {
    let bench = SessionBench.authenticated()
    for mode in 1...3 {
      _ = bench.say(#"{"action":"subscribe","symbol":"TCS","exchange":"NSE","mode":\#(mode)}"#)
      if mode == 2 { continue }
      _ = bench.say(#"{"action":"subscribe","symbol":"RELIANCE","exchange":"NSE","mode":\#(mode)}"#)
    }
    return bench
  }

  @Test(arguments: [
    // Single form: top-level mode, else Quote.
    (#""symbol":"TCS","exchange":"NSE""#, ["0/1", "0/3", "1/1", "1/3"]),
    (#""symbol":"TCS","exchange":"NSE","mode":3"#, ["0/1", "0/3", "1/1", "1/2"]),
    (#""symbol":"RELIANCE","exchange":"NSE""#, ["0/1", "0/3", "1/1", "1/2", "1/3"]),
    // Entry mode, then top-level mode.
    (#""symbols":[{"symbol":"TCS","exchange":"NSE","mode":1}],"mode":3"#, ["0/1", "0/3", "1/2", "1/3"]),
    (#""symbols":[{"symbol":"TCS","exchange":"NSE"}],"mode":"depth""#, ["0/1", "0/3", "1/1", "1/2"]),
    (#""instruments":[{"symbol":"TCS","exchange":"NSE"}],"mode":"depth""#, ["0/1", "0/3", "1/1", "1/2"]),
    // No mode anywhere: Quote if there is one, else all of the symbol.
    (#""symbols":[{"symbol":"TCS","exchange":"NSE"}]"#, ["0/1", "0/3", "1/1", "1/3"]),
    (#""symbols":[{"symbol":"TCS","exchange":"NSE"}],"mode":null"#, ["0/1", "0/3", "1/1", "1/3"]),
  ])
  func `the mode comes from the entry, the message or the default`(parameters: String, left: [String]) {
    let bench = Self.subscribed()
    let symbol = parameters.contains("TCS") ? "TCS" : "RELIANCE"
    #expect(bench.say(#"{"action":"unsubscribe",\#(parameters)}"#) == Self.ack([Self.entry(symbol)]))
    #expect(bench.subscriptions == left)
  }

  @Test func `an array without modes ends all modes of a symbol that has no Quote`() {
    let bench = Self.subscribed()
    _ = bench.say(#"{"action":"unsubscribe","symbols":[{"symbol":"RELIANCE","exchange":"NSE"}]}"#)
    #expect(bench.subscriptions == ["1/1", "1/2", "1/3"])
  }

  @Test func `what was never subscribed or does not exist is a success`() {
    let bench = SessionBench.authenticated()
    let reply = bench.say(
      #"{"action":"unsubscribe","symbols":[{"symbol":"TCS","exchange":"NSE"},{"symbol":"Q","exchange":"X"},{}]}"#)
    #expect(reply == Self.ack([Self.entry("TCS"), Self.entry("Q", "X")]))
    #expect(bench.say(#"{"action":"unsubscribe","symbols":[{}]}"#) == Self.ack([]))
  }

  @Test func `a bad mode of an entry fails that entry alone`() {
    let bench = Self.subscribed()
    let failure =
      #"{"symbol":"M&M","exchange":"NSE","status":"error","message":"Mode must be int or str, got float","#
      + #""broker":"zerodha"}"#
    let bad = #"{"symbol":"M&M","exchange":"NSE","mode":1.0}"#
    #expect(
      bench.say(#"{"action":"unsubscribe","symbols":[\#(bad),{"symbol":"TCS","exchange":"NSE","mode":1}]}"#)
        == Self.ack([Self.entry("TCS")], failed: [failure], status: "partial"))
    #expect(
      bench.say(#"{"action":"unsubscribe","symbols":[\#(bad)]}"#) == Self.ack([], failed: [failure], status: "error"))
    #expect(bench.subscriptions == ["0/1", "0/3", "1/2", "1/3"])
  }

  @Test(arguments: [
    #"{"action":"unsubscribe_all","request_id":5}"#, #"{"type":"unsubscribe_all","request_id":5}"#,
    #"{"action":"unsubscribe","type":"unsubscribe_all","request_id":5}"#,
  ])
  func `unsubscribe_all lists every symbol and mode`(message: String) {
    let bench = Self.subscribed()
    _ = bench.context.subscriptions.takeWants()
    let entries = [Self.entry("RELIANCE"), Self.entry("RELIANCE")] + Array(repeating: Self.entry("TCS"), count: 3)
    #expect(bench.say(message) == Self.ack(entries, more: #","request_id":5"#))
    #expect(bench.subscriptions.isEmpty)
    #expect(bench.context.subscriptions.takeWants().count == 5)
    #expect(bench.say(message) == Self.ack([], more: #","request_id":5"#))
  }
}
