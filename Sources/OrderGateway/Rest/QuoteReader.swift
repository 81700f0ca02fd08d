import Market
import Synchronization
import TickRing

// Quotes for REST, read from the last-value table. What is not current is subscribed for the time of the request, and
// the request waits, without a thread, for the feed to bring it.

/// Bounds of quote requests.
struct QuoteLimits: Sendable {
  /// A tick of the present connection that is no older than this is answered at once, in nanoseconds.
  var freshNanos: Int64
  /// How long to wait for a newer tick when there is one of the present connection already. It is answered afterwards:
  /// an instrument that does not trade sends nothing.
  var refreshNanos: Int64
  /// How long to wait for a first tick of the present connection.
  var waitNanos: Int64
  /// Requests that wait at one time.
  var waitsMax: Int
}

/// Reads the newest quote of an instrument.
final class QuoteReader: Sendable {
  enum Result: Sendable {
    case quote(Tick)
    /// No feed brought a price in time.
    case unavailable
    case overloaded
  }

  private static let pollMillis = 10

  private let lastValues: LastValueTable
  private let board: FeedBoard
  private let wanted: any WantedSubscriptions
  private let clock: any WallClock
  private let limits: QuoteLimits
  private let waits = Atomic<Int>(0)

  init(
    lastValues: LastValueTable, board: FeedBoard, wanted: any WantedSubscriptions, clock: any WallClock,
    limits: QuoteLimits
  ) {
    self.lastValues = lastValues
    self.board = board
    self.wanted = wanted
    self.clock = clock
    self.limits = limits
  }

  func quote(of instrument: UInt32) async -> Result {
    let known = current(instrument)
    // A row that only an LTP or quote subscription keeps current lacks the book: it is asked for.
    if let known, known.mode == Mode.depth.rawValue, clock.nowNanos() - known.receivedTime <= limits.freshNanos {
      return .quote(known)
    }
    let count = waits.add(1, ordering: .relaxed).newValue
    defer { waits.subtract(1, ordering: .relaxed) }
    if count > limits.waitsMax { return .overloaded }

    wanted.apply([Want(instrument, .depth, delta: 1)])
    defer { wanted.apply([Want(instrument, .depth, delta: -1)]) }
    let start = SystemClock.monotonicNanos()
    while true {
      let newest = current(instrument)
      if let newest, newest.mode == Mode.depth.rawValue, newest.sequence != known?.sequence { return .quote(newest) }
      let waited = SystemClock.monotonicNanos() - start
      if let newest, waited >= limits.refreshNanos { return .quote(newest) }
      if waited >= limits.waitNanos || Task.isCancelled { return .unavailable }
      // A cancelled sleep ends the loop at its next round.
      try? await Task.sleep(for: .milliseconds(Self.pollMillis))
    }
  }

  /// The newest tick, if it came over the feed's present connection.
  private func current(_ instrument: UInt32) -> Tick? {
    guard let tick = lastValues[instrument], tick.has(.ltp), Int(tick.feed) < board.names.count,
      tick.receivedTime >= board.liveSince(of: Int(tick.feed))
    else { return nil }
    return tick
  }
}
