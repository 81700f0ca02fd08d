import Feeds
import JSONText
import Market
import Normalize
import TestSupport
import Testing

@Suite struct SubscriptionTests {
  @Test func `references count and the highest mode rules`() {
    var book = WantBook(count: 10)
    let first = book.apply(Want(3, .ltp, delta: 1))
    #expect(first && book.mode(of: 3) == .ltp)
    _ = book.apply(Want(3, .depth, delta: 1))
    _ = book.apply(Want(3, .ltp, delta: 1))
    let (mode, references) = (book.mode(of: 3), book.references(3, .ltp))
    #expect(mode == .depth && references == 2)
    _ = book.apply(Want(3, .depth, delta: -1))
    let lowered = book.mode(of: 3)
    #expect(lowered == .ltp)
    _ = book.apply(Want(3, .ltp, delta: -1))
    _ = book.apply(Want(3, .ltp, delta: -1))
    let ended = book.mode(of: 3)
    #expect(ended == nil)
    let (extra, unknown) = (book.apply(Want(3, .ltp, delta: -1)), book.apply(Want(10, .ltp, delta: 1)))
    #expect(!extra && !unknown)
    let unbalanced = book.unbalanced
    #expect(unbalanced == 2)
  }

  @Test func `an unwanted subscription lingers, and comes back without a word`() {
    var plan = SubscriptionPlan(capacity: 10, lingerNanos: 100)
    plan.want(7, .quote, now: 0)
    #expect(plan.difference(now: 0).subscribe == [7])
    plan.want(7, nil, now: 10)
    #expect(plan.difference(now: 50).isEmpty)
    plan.want(7, .quote, now: 60)
    #expect(plan.difference(now: 500).isEmpty)
    plan.want(7, nil, now: 600)
    #expect(!plan.isDue(now: 650) || plan.difference(now: 650).isEmpty)
    #expect(plan.isDue(now: 700))
    #expect(plan.difference(now: 700).unsubscribe == [7])
    #expect(plan.subscribedCount == 0)
  }

  @Test func `what is over the limit waits for room`() {
    var plan = SubscriptionPlan(capacity: 2, lingerNanos: 0)
    for token: UInt32 in [1, 2, 3] { plan.want(token, .ltp, now: 0) }
    #expect(plan.difference(now: 0).subscribe == [1, 2])
    #expect(plan.waiting == [3])
    plan.want(1, nil, now: 1)
    let difference = plan.difference(now: 1)
    #expect(difference.unsubscribe == [1] && difference.subscribe == [3])
    #expect(plan.waiting.isEmpty)
  }

  @Test func `what only lingers makes room at once`() {
    var plan = SubscriptionPlan(capacity: 2, lingerNanos: 1000)
    for token: UInt32 in [1, 2] { plan.want(token, .ltp, now: 0) }
    _ = plan.difference(now: 0)
    plan.want(2, nil, now: 1)
    plan.want(1, nil, now: 2)
    plan.want(3, .ltp, now: 3)
    let difference = plan.difference(now: 3)
    #expect(difference.unsubscribe == [2] && difference.subscribe == [3] && plan.waiting.isEmpty)
    #expect(plan.subscribedCount == 2)
  }

  /// A model broker that applies the frames must hold exactly the wanted set whenever lingering is over.
  @Test func `random wants and reconnects end in exactly the wanted set`() {
    let seed = SeededGenerator.chosenSeed()
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<300 {
      var plan = SubscriptionPlan(capacity: 1000, lingerNanos: 5)
      var broker: [UInt32: Mode] = [:]
      var wanted: [UInt32: Mode] = [:]
      var now: Int64 = 0
      for _ in 0..<200 {
        now += Int64.random(in: 0..<4, using: &generator)
        switch Int.random(in: 0..<10, using: &generator) {
        case 0:
          broker = [:]
          plan.forget()
        case 1...6:
          let token = UInt32.random(in: 1..<20, using: &generator)
          let mode = Mode(rawValue: UInt8.random(in: 0...3, using: &generator))
          wanted[token] = mode
          plan.want(token, mode, now: now)
        default: apply(plan.difference(now: now), to: &broker, seed)
        }
      }
      apply(plan.difference(now: now + 10), to: &broker, seed)
      #expect(broker == wanted, "seed \(seed)")
      #expect(plan.subscribedCount == wanted.count, "seed \(seed)")
    }
  }

  private func apply(_ difference: SubscriptionPlan.Difference, to broker: inout [UInt32: Mode], _ seed: UInt64) {
    for token in difference.unsubscribe {
      #expect(broker[token] != nil, "seed \(seed): unsubscribed what was not subscribed")
      broker[token] = nil
    }
    for token in difference.subscribe {
      #expect(broker[token] == nil, "seed \(seed): subscribed twice")
      broker[token] = .quote
    }
    for (mode, tokens) in difference.modes {
      for token in tokens {
        #expect(broker[token] != nil, "seed \(seed): mode of what is not subscribed")
        broker[token] = mode
      }
    }
  }

  @Test func `Kite messages carry numbers, in bounded frames, subscribe before mode`() throws {
    let session = KiteSession(url: "ws://127.0.0.1:1", tokens: TokenMap([]), feed: 0)
    var difference = SubscriptionPlan.Difference()
    difference.unsubscribe = [9]
    difference.subscribe = Array(1...1200)
    difference.modes = [.depth: Array(1...600), .quote: [601, 5000], .ltp: [602]]
    let texts = session.frames(for: difference).map { String(decoding: $0, as: UTF8.self) }
    #expect(texts[0] == #"{"a":"unsubscribe","v":[9]}"#)
    #expect(texts.filter { $0.contains("subscribe\",\"v\":[") }.count == 4)
    #expect(texts.contains(#"{"a":"mode","v":["ltp",[602]]}"#))
    #expect(texts.contains(#"{"a":"mode","v":["quote",[5000]]}"#), "a new token is in quote mode already")
    #expect(texts.last?.hasPrefix(#"{"a":"mode","v":["full",["#) == true)
    for text in texts { #expect(throws: Never.self) { try JSONDocument(text) } }
  }

  @Test func `text frames of the broker are told apart`() {
    let session = KiteSession(url: "", tokens: TokenMap([]), feed: 0)
    func notice(_ text: String) -> FeedNotice { Array(text.utf8).withUnsafeBytes { session.onText($0) } }
    #expect(notice(#"{"type":"error","data":"no"}"#) == .error("no"))
    #expect(notice(#"{"type":"message","data":"hi"}"#) == .message("hi"))
    #expect(notice(#"{"type":"order","data":{"a":1}}"#) == .order(Array(#"{"a":1}"#.utf8)))
    #expect(notice(#"{"type":"order","data":3}"#) == .ignored)
    #expect(notice(#"{"type":"instruments_meta","data":{}}"#) == .ignored)
    #expect(notice("not json") == .ignored)
    #expect(notice("[]") == .ignored)
  }

  @Test func `addresses are read, secrets encoded, nonsense refused`() throws {
    let endpoint = try FeedEndpoint(url: "ws://127.0.0.1:7700", query: [("api_key", "a&b"), ("access_token", "t/1")])
    #expect(endpoint.host == "127.0.0.1" && endpoint.port == 7700 && !endpoint.isSecure)
    #expect(endpoint.target == "/?api_key=a%26b&access_token=t%2F1")
    let secure = try FeedEndpoint(url: "wss://ws.kite.trade/x?y=1", query: [("z", "2")])
    #expect(secure.port == 443 && secure.isSecure && secure.target == "/x?y=1&z=2")
    #expect(try FeedEndpoint(url: "ws://[::1]:90/").host == "[::1]")
    for bad in ["http://x", "ws://", "ws://:80", "ws://h:0", "ws://h:99999", "ws://u@h", "x"] {
      #expect(throws: FeedEndpoint.Invalid.self) { try FeedEndpoint(url: bad) }
    }
  }
}
