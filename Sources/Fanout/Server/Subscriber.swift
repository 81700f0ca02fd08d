// Carries out one subscribe request, entry by entry, on the index that the context holds. Loop thread only; control path.

import Market

struct Subscriber {
  let client: UInt32
  let mode: Mode
  var flags: EntryFlags
  var rate: UInt8 = 0
  let wantsSnapshot: Bool
  let context: SessionContext
  /// Definitions for the binary stream of instruments that the connection had not subscribed to.
  private(set) var records: [UInt8] = []
  var patterns = PatternBudget()

  init(client: UInt32, mode: Mode, flags: EntryFlags, wantsSnapshot: Bool, context: SessionContext) {
    self.client = client
    self.mode = mode
    self.flags = flags
    self.wantsSnapshot = wantsSnapshot
    self.context = context
  }

  mutating func subscribe(_ requested: RequestedInstrument) -> SubscribeOutcome {
    do throws(SymbolPatternError) {
      if let pattern = try requested.pattern() { return subscribe(pattern) }
    } catch {
      return .failed(error.message)
    }
    guard let instrument = context.instrument(requested, makes: room > 0) else { return .unknown }
    if room == 0, !context.subscriptions.contains(client: client, instrument, mode) { return .full }
    let sequence = add(instrument)
    guard let book = context.registry.deep[instrument] else {
      return .active(sequence: sequence, context.upstream[instrument])
    }
    return .book(levels: book.levels, sequence: sequence, context.upstream[instrument])
  }

  /// All that match, or none when they are more than the client may have.
  private mutating func subscribe(_ pattern: SymbolPattern) -> SubscribeOutcome {
    guard patterns.take() else { return .failed(PatternBudget.exhausted) }
    let most = context.rules.subscriptionsMax
    let matches = pattern.matches(in: context.registry, max: most)
    if matches.ids.isEmpty { return .unknown }
    let added = matches.ids.count { !context.subscriptions.contains(client: client, $0, mode) }
    if matches.isCut || added > room { return .full }
    for instrument in matches.ids { _ = add(instrument) }
    return .matched(matches.ids.count, leastState(of: matches.ids))
  }

  /// What can be said of all: rejected as soon as one is, else pending as soon as one is.
  private func leastState(of instruments: [UInt32]) -> UpstreamState {
    var isActive = true
    for instrument in instruments {
      switch context.upstream[instrument] {
      case .rejected: return .rejected
      case .none, .pending: isActive = false
      case .active: break
      }
    }
    return isActive ? .active : .pending
  }

  private var room: Int { max(0, context.rules.subscriptionsMax - context.subscriptions.count(client: client)) }

  private mutating func add(_ instrument: UInt32) -> UInt64 {
    let index = context.subscriptions
    if flags.contains(.binary),
      !Mode.allCases.contains(where: { index.contains(client: client, instrument, $0) })
    {
      context.define(instrument, in: &records)
    }
    return index.add(client: client, instrument, mode, flags: flags, rate: rate, wantsSnapshot: wantsSnapshot)
  }
}

/// Patterns that a connection may use: each is compared with every name of its exchange, which takes milliseconds. A
/// value; time comes in.
struct PatternBudget: BitwiseCopyable {
  static let perSecond: UInt16 = 16
  static let exhausted = "A connection may use \(perSecond) patterns a second"

  private var second: Int64 = 0
  private var used: UInt16 = 0

  /// Another request at this time.
  mutating func begin(_ wallNanos: Int64) {
    let now = wallNanos / 1_000_000_000
    if now != second { used = 0 }
    second = now
  }

  mutating func take() -> Bool {
    guard used < Self.perSecond else { return false }
    used += 1
    return true
  }
}
