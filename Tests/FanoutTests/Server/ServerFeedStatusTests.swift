// Feed status on port 8765: the messages and the watch as values, then the server over loopback sockets.

import Fanout
import Glibc
import JSONText
import Market
import Testing

@Suite struct ServerFeedStatusTests {
  private static let second: Int64 = 1_000_000_000
  /// What `SessionBench` says the time is, in milliseconds.
  private static let benchMillis: Int64 = 1_795_399_038_166

  // MARK: The message

  private func text(_ status: FeedStatus, wallNanos: Int64) -> String {
    String(decoding: FeedStatusText.encode(status, wallNanos: wallNanos), as: UTF8.self)
  }

  @Test func `a feed that never was up has the age of its state and no reason`() {
    let board = FeedBoard(names: ["zerodha"])
    #expect(
      text(board.status(of: 0), wallNanos: 1_795_000_000_123_999_999)
        == #"{"type":"feed_status","broker":"zerodha","state":"closed","reason":"","age_ms":0,"timestamp":1795000000123,"#
        + #""used":0,"limit":0,"sockets":0,"silent":0,"reconnects":0}"#)
    board.set(.authFailed, reason: .auth, of: 0, now: 1_795_000_000_000_000_000)
    #expect(text(board.status(of: 0), wallNanos: 1_795_000_002_500_000_000).contains(#""age_ms":2500,"timestamp""#))
  }

  @Test func `the message tells state, cause, age of the last market data and use`() {
    let board = FeedBoard(names: ["dhan", "zerodha"])
    let start: Int64 = 1_795_000_000_000_000_000
    board.set(.stale, reason: .stall, of: 1, now: start + 4 * Self.second)
    board.touch(1, now: start)
    board.setUse(1, used: 2900, limit: 9000, sockets: 3)
    board.setSilent(1, 7)
    board.setReconnects(1, 12)
    #expect(
      text(board.status(of: 1), wallNanos: start + 5_250_999_999)
        == #"{"type":"feed_status","broker":"zerodha","state":"stale","reason":"stall","age_ms":5250,"#
        + #""timestamp":1795000005250,"since":1795000004000,"used":2900,"limit":9000,"sockets":3,"silent":7,"#
        + #""reconnects":12}"#)
    // A clock that was set back makes no negative age.
    #expect(text(board.status(of: 1), wallNanos: start - Self.second).contains(#""age_ms":0,"#))
  }

  @Test(arguments: FeedState.allCases, FeedReason.allCases)
  func `every state and reason has its name`(state: FeedState, reason: FeedReason) throws {
    let board = FeedBoard(names: ["a \"quoted\" name"])
    board.set(state, reason: reason, of: 0, now: 1)
    let root = try JSONDocument(text(board.status(of: 0), wallNanos: 2)).root
    #expect(root["broker"]?.string == "a \"quoted\" name")
    #expect(root["state"]?.string == state.name && root["reason"]?.string == reason.name)
  }

  // MARK: What there is to tell

  @Test func `a feed that is opened on demand is no news while nobody needs it`() {
    let board = FeedBoard(names: ["dhan", "dhan-depth20"], onDemand: [1])
    var watch = FeedStatusWatch(board, heartbeatNanos: Self.second, nowNanos: 0)
    #expect(watch.due(nowNanos: Self.second).map(\.feed) == [0])
    board.set(.connecting, of: 1, now: 1)
    #expect(watch.due(nowNanos: Self.second + 1).map(\.feed) == [1])
    #expect(watch.due(nowNanos: 2 * Self.second).map(\.feed) == [0, 1])
    board.set(.closed, of: 1, now: 2)
    #expect(watch.due(nowNanos: 2 * Self.second + 1).map(\.feed) == [1])
    #expect(watch.due(nowNanos: 3 * Self.second).map(\.feed) == [0])
  }

  @Test func `only another state or reason is news, and only once`() {
    let board = FeedBoard(names: ["zerodha", "dhan"])
    board.set(.live, of: 0, now: 1)
    var watch = FeedStatusWatch(board, heartbeatNanos: 10 * Self.second, nowNanos: 100)
    #expect(watch.due(nowNanos: 101).isEmpty)
    board.set(.quiet, of: 0, now: 2)
    #expect(watch.due(nowNanos: 102).map(\.status) == [board.status(of: 0)])
    #expect(watch.due(nowNanos: 103).isEmpty)
    // The same again, and what is no state: not news.
    board.set(.quiet, of: 0, now: 3)
    board.touch(1, now: 3)
    board.setUse(1, used: 5, limit: 6, sockets: 1)
    #expect(watch.due(nowNanos: 104).isEmpty)
    board.set(.reconnecting, reason: .network, of: 1, now: 4)
    #expect(watch.due(nowNanos: 105).map(\.feed) == [1])
    board.set(.reconnecting, reason: .serverClose, of: 1, now: 5)
    #expect(watch.due(nowNanos: 106).map(\.status.reason) == [.serverClose])
    // There and back between two looks.
    board.set(.live, of: 1, now: 6)
    board.set(.reconnecting, reason: .serverClose, of: 1, now: 7)
    #expect(watch.due(nowNanos: 107).isEmpty)
  }

  @Test func `a heartbeat tells of every feed, then waits its time again`() {
    let board = FeedBoard(names: ["zerodha", "dhan"])
    var watch = FeedStatusWatch(board, heartbeatNanos: 10 * Self.second, nowNanos: 0)
    #expect(watch.due(nowNanos: 10 * Self.second - 1).isEmpty)
    board.set(.live, of: 1, now: 1)
    #expect(watch.due(nowNanos: 10 * Self.second).map(\.feed) == [0, 1])
    #expect(watch.due(nowNanos: 20 * Self.second - 1).isEmpty)
    #expect(watch.due(nowNanos: 25 * Self.second).map(\.feed) == [0, 1])
    #expect(watch.due(nowNanos: 35 * Self.second - 1).isEmpty)
  }

  // MARK: The session

  @Test func `a subscription is acknowledged every time, echoes the request id and is followed by every feed`() throws {
    let bench = SessionBench(feeds: ["zerodha", "dhan"])
    _ = bench.say(#"{"action":"authenticate","api_key":"key-asha"}"#)
    bench.context.board.set(.live, of: 1, now: 5)
    for _ in 0..<2 {
      let reply = bench.reply(Array(#"{"action":"subscribe_feed_status","request_id":[7]}"#.utf8))
      #expect(
        String(decoding: reply.text, as: UTF8.self)
          == #"{"type":"subscribe_feed_status","status":"success","message":"Subscribed to feed status","#
          + #""request_id":[7]}"#)
      let roots = try reply.events.map { try JSONDocument($0).root }
      #expect(roots.map { $0["broker"]?.string } == ["zerodha", "dhan"])
      #expect(roots.map { $0["state"]?.string } == ["closed", "live"])
      #expect(roots.map { $0["timestamp"]?.integer } == [Self.benchMillis, Self.benchMillis])
      #expect(bench.session.wantsFeedStatus)
    }
    let ended = #"{"type":"unsubscribe_feed_status","status":"success","message":"Unsubscribed from feed status"}"#
    for _ in 0..<2 {
      let reply = bench.reply(Array(#"{"type":"unsubscribe_feed_status"}"#.utf8))
      #expect(String(decoding: reply.text, as: UTF8.self) == ended && reply.events.isEmpty)
      #expect(!bench.session.wantsFeedStatus)
    }
  }

  @Test func `a stranger is told nothing, and another user's key ends the subscription`() {
    let bench = SessionBench()
    for action in ["subscribe_feed_status", "unsubscribe_feed_status"] {
      let reply = bench.reply(Array(#"{"action":"\#(action)"}"#.utf8))
      let refusal = errorText("NOT_AUTHENTICATED", "You must authenticate first")
      #expect(String(decoding: reply.text, as: UTF8.self) == refusal && reply.events.isEmpty)
    }
    #expect(!bench.session.wantsFeedStatus)
    _ = bench.say(#"{"action":"authenticate","api_key":"key-asha"}"#)
    _ = bench.say(#"{"action":"subscribe_feed_status"}"#)
    _ = bench.say(#"{"action":"authenticate","api_key":"key-asha-2"}"#)
    #expect(bench.session.wantsFeedStatus)
    _ = bench.say(#"{"action":"authenticate","api_key":"key-ravi"}"#)
    #expect(!bench.session.wantsFeedStatus)
  }

  @Test func `without a feed there is nothing to tell`() {
    let bench = SessionBench(feeds: [])
    _ = bench.say(#"{"action":"authenticate","api_key":"key-asha"}"#)
    let reply = bench.reply(Array(#"{"action":"subscribe_feed_status"}"#.utf8))
    #expect(reply.events.isEmpty && bench.session.wantsFeedStatus)
  }

  // MARK: Upstream state in acknowledgements

  private func states(_ reply: String) throws -> [String?] {
    try JSONDocument(reply).root["subscriptions"]?.elements.map { $0["state"]?.string } ?? []
  }

  @Test func `with state each entry tells how far it is upstream, failed ones are rejected`() throws {
    var configuration = FanoutConfiguration()
    configuration.subscriptionsPerClientMax = 3
    let bench = SessionBench.authenticated(configuration: configuration)
    bench.upstream.set(0, .active)
    bench.upstream.set(2, .rejected)
    let request =
      #"{"action":"subscribe","symbols":[{"symbol":"RELIANCE","exchange":"NSE"},{"symbol":"TCS","exchange":"NSE"},"#
      + #"{"symbol":"M&M","exchange":"NSE"},{"symbol":"ZZZ","exchange":"NSE"},{"symbol":"NIFTY","exchange":"NSE_INDEX"},"#
      + #"{"symbol":"T*******X*X*X","exchange":"NSE"}],"mode":1"#
    #expect(
      try states(bench.say(request + #","state":true}"#))
        == ["active", "pending", "rejected", "rejected", "rejected", "rejected"])
    bench.upstream.set(1, .active)
    #expect(try states(bench.say(request + #","state":true,"seq":true}"#))[1] == "active")
    let entry =
      #"{"symbol":"TCS","exchange":"NSE","status":"success","mode":"LTP","depth":5,"broker":"zerodha","state":"active"}"#
    let one = #"{"action":"subscribe","symbol":"TCS","exchange":"NSE","mode":1"#
    #expect(bench.say(one + #","state":true}"#).contains(#""subscriptions":[\#(entry)]"#))
    // Whatever else it is set to, and without it, the reply is the plain one.
    for more in ["", #","state":false"#, #","state":"true""#, #","state":1"#, #","state":null"#] {
      #expect(!bench.say(one + more + "}").contains(#""state""#))
    }
  }

  @Test func `a pattern tells of the one that is least far`() throws {
    let bench = SessionBench.authenticated()
    let ask = { bench.say(#"{"action":"subscribe","symbol":"*","exchange":"NSE","mode":1,"state":true}"#) }
    #expect(try states(ask()) == ["pending"])
    for instrument in 0..<UInt32(3) { bench.upstream.set(instrument, .active) }
    #expect(try states(ask()) == ["active"])
    bench.upstream.set(1, .pending)
    #expect(try states(ask()) == ["pending"])
    bench.upstream.set(2, .rejected)
    #expect(try states(ask()) == ["rejected"])
  }

  // MARK: Over sockets

  /// A heartbeat that no test lives to see.
  private static let rare = 3600 * second

  /// `broker state reason` of a feed status message.
  private func summary(_ text: String) throws -> String {
    let root = try JSONDocument(text).root
    try #require(root["type"]?.string == "feed_status", "\(text)")
    let parts = try ["broker", "state", "reason"].map { try #require(root[$0]?.string) }
    return parts.joined(separator: " ")
  }

  private func subscribe(_ client: ServerClient) throws {
    let reply = try client.ask(#"{"action":"subscribe_feed_status"}"#)
    #expect(reply.hasPrefix(#"{"type":"subscribe_feed_status","status":"success""#))
  }

  @Test(arguments: [1, 2])
  func `subscribers hear every feed at once and each change, others nothing`(loops: Int) throws {
    let bench = try ServerBench {
      $0.loops = loops
      $0.feedStatusNanos = Self.rare
    }
    bench.board.set(.live, of: 0, now: 1)
    let clients = try (0..<2).map { _ in try bench.client() }
    let bystander = try bench.client()
    for client in clients {
      try subscribe(client)
      #expect(try summary(client.text()) == "zerodha live ")
      #expect(try summary(client.text()) == "dhan closed ")
    }
    // The change before may still be told once more; from the first of these on the order is fixed.
    for (state, reason) in [(FeedState.stale, FeedReason.stall), (.reconnecting, .stall), (.authFailed, .auth)] {
      bench.board.set(state, reason: reason, of: 1, now: 2)
      for client in clients {
        var seen = try summary(client.text())
        if seen == "zerodha live " { seen = try summary(client.text()) }
        #expect(seen == "dhan \(state.name) \(reason.name)")
      }
    }
    #expect(try bystander.ask(#"{"action":"ping"}"#).hasPrefix(#"{"type":"pong""#))
    #expect(
      try clients[0].ask(#"{"action":"unsubscribe_feed_status"}"#).hasPrefix(#"{"type":"unsubscribe_feed_status""#))
    bench.board.set(.live, of: 1, now: 3)
    #expect(try summary(clients[1].text()) == "dhan live ")
    #expect(try clients[0].ask(#"{"action":"ping"}"#).hasPrefix(#"{"type":"pong""#))
  }

  @Test func `without any change the heartbeat comes, on the binary stream as text`() throws {
    let bench = try ServerBench { $0.feedStatusNanos = 20_000_000 }
    let plain = try bench.client()
    let binary = try bench.client(nil, fields: "Sec-WebSocket-Protocol: tickgate.v1\r\n")
    _ = try binary.records()
    try binary.authenticate()
    for client in [plain, binary] {
      try subscribe(client)
      for _ in 0..<3 {
        #expect(try summary(client.text()) == "zerodha closed ")
        #expect(try summary(client.text()) == "dhan closed ")
      }
    }
  }

  @Test func `a subscriber that takes only the newest of market data hears every change`() throws {
    let bench = try ServerBench { $0.feedStatusNanos = Self.rare }
    let client = try bench.client()
    try client.subscribe("TCS", .ltp, more: #","policy":"conflate""#)
    try subscribe(client)
    for _ in 0..<2 { _ = try summary(client.text()) }
    for number in 1...20 {
      bench.board.set(number % 2 == 0 ? .live : .stale, of: 0, now: Int64(number))
      bench.tick(1, .ltp, number: Int64(number))
      let state = number % 2 == 0 ? "live" : "stale"
      var text = try client.text()
      while text.hasPrefix(#"{"type":"market_data""#) { text = try client.text() }
      #expect(try summary(text) == "zerodha \(state) ")
    }
  }

  @Test func `a subscriber that left is told nothing more`() throws {
    let bench = try ServerBench { $0.feedStatusNanos = 1_000_000 }
    do {
      let gone = try bench.client()
      try subscribe(gone)
      #expect(try summary(gone.text()) == "zerodha closed ")
    }
    #expect(bench.wait { $0.clients == 0 })
    // Gets the place of the one before, and says nothing for some sweeps.
    let next = try bench.client(nil)
    usleep(200_000)
    #expect(try next.ask(#"{"action":"ping"}"#).hasPrefix(#"{"type":"pong""#))
  }
}
