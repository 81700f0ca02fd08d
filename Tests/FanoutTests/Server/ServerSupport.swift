// A session with a small gateway around it, without sockets.

import Fanout
import JSONText
import Market
import Synchronization
import TickRing

/// Keys by text.
struct TestKeys: KeyVerifying {
  var principals = [
    "key-asha": Principal(userID: "asha", keyID: 1), "key-asha-2": Principal(userID: "asha", keyID: 2),
    "key-ravi": Principal(userID: "ravi", keyID: 3),
  ]

  func principal(forKey key: String) -> Principal? { principals[key] }
}

/// Keeps what the upstream was told.
final class TestWants: WantedSubscriptions {
  private let list = Mutex<[Want]>([])

  func apply(_ wants: [Want]) { list.withLock { $0 += wants } }
  var all: [Want] { list.withLock { $0 } }
}

let serverInstruments = [
  instrument(.nse, "RELIANCE"), instrument(.nse, "TCS"), instrument(.nse, "M&M"),
  instrument(.nseIndex, "NIFTY", kind: .index), instrument(.bse, "RELIANCE"),
]

/// One client's session; several may share an index.
final class SessionBench {
  var session: SessionState
  let context: SessionContext
  let lastValues: LastValueTable
  let upstream = UpstreamStates(count: serverInstruments.count)
  var sequencer: TickSequencer
  static let epochMillis: Int64 = 1_795_000_000_123

  init(
    feeds: [String] = ["zerodha"], offers: [DeepOffer] = [], configuration: FanoutConfiguration = FanoutConfiguration()
  ) {
    let registry = InstrumentRegistry(serverInstruments, offers: offers)
    lastValues = LastValueTable(registry)
    sequencer = TickSequencer(ring: TickRing(capacity: 64), lastValues: lastValues)
    let rules = SessionContext.Rules(configuration, feedNames: feeds, epochMillis: Self.epochMillis)
    context = SessionContext(
      rules: rules, registry: registry, keys: TestKeys(), board: FeedBoard(names: feeds),
      upstream: upstream,
      subscriptions: SubscriptionIndex(instrumentCount: registry.streamCount, clientsMax: 4, lastValues: lastValues))
    session = SessionState(client: 0, rules: rules, nowNanos: 1000)
  }

  /// The same gateway with a user already known.
  static func authenticated(configuration: FanoutConfiguration = FanoutConfiguration()) -> SessionBench {
    let bench = SessionBench(configuration: configuration)
    _ = bench.say(#"{"action":"authenticate","api_key":"key-asha"}"#)
    return bench
  }

  func reply(_ message: [UInt8]) -> SessionReply {
    message.withUnsafeBytes { session.onMessage($0, in: context, wallNanos: 1_795_399_038_166_999_999) }
  }

  func say(_ message: String) -> String {
    String(decoding: reply(Array(message.utf8)).text, as: UTF8.self)
  }

  /// What the session is subscribed to, as `instrument/mode`.
  var subscriptions: [String] {
    context.subscriptions.subscriptions(client: 0).map { "\($0.instrument)/\($0.mode.rawValue)" }
  }

  func tick(_ instrument: UInt32, _ mode: Mode) {
    var tick = exampleTick(instrument, mode)
    sequencer.submit(&tick, publishedNanos: 1)
    sequencer.flush()
  }
}

func errorText(_ code: String, _ message: String) -> String {
  #"{"status":"error","code":"\#(code)","message":"\#(message)"}"#
}
