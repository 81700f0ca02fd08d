import Synchronization

/// How far an instrument is on its way to be subscribed at a broker.
public enum UpstreamState: UInt8, Sendable {
  /// Nobody has asked for it, or no feed carries it.
  case none
  /// Wanted; the broker has not been told, or not on a connection that is up.
  case pending
  /// The broker has been told on the connection that is up.
  case active
  /// No room within the broker's limits.
  case rejected

  public var name: String {
    switch self {
    case .none, .pending: "pending"
    case .active: "active"
    case .rejected: "rejected"
    }
  }
}

/// The upstream state of every instrument: written by the feed loop, read by anyone.
public final class UpstreamStates: Sendable {
  private let rows: [Row]
  private final class Row: Sendable { let words = Atomic<UInt64>(0) }
  public let count: Int

  /// Instruments whose states share a word.
  private static let perWord = 16

  public init(count: Int) {
    self.count = count
    rows = (0..<(count / Self.perWord + 1)).map { _ in Row() }
  }

  public subscript(instrument: UInt32) -> UpstreamState {
    guard Int(instrument) < count else { return .none }
    let word = rows[Int(instrument) / Self.perWord].words.load(ordering: .relaxed)
    return UpstreamState(rawValue: UInt8(truncatingIfNeeded: word >> Self.shift(instrument)) & 0xf) ?? .none
  }

  /// Feed loop only.
  public func set(_ instrument: UInt32, _ state: UpstreamState) {
    guard Int(instrument) < count else { return }
    let row = rows[Int(instrument) / Self.perWord]
    let shift = Self.shift(instrument)
    let word = row.words.load(ordering: .relaxed)
    row.words.store(word & ~(0xf << shift) | UInt64(state.rawValue) << shift, ordering: .relaxed)
  }

  private static func shift(_ instrument: UInt32) -> UInt64 { UInt64(Int(instrument) % perWord * 4) }
}
