// Which of several feeds speaks for an instrument. With one feed per instrument nothing is asked; with fail-over the
// owner is; with arbitration whoever is newer. Feed loop only, on the tick path; flat memory, nothing allocates.

import CLinux
import Market

/// What happens where two feeds carry the same instrument.
public enum FeedSharing: String, Sendable, CaseIterable {
  /// One feed speaks; the other takes over when it fails.
  case failover
  /// Both are subscribed, the newer tick passes and its double is dropped.
  case arbitrate
}

struct TickGate: ~Copyable {
  /// The tick of an instrument that passed last.
  private struct Row: BitwiseCopyable {
    var feed: UInt8
    var mode: UInt8
    var hasVolume: Bool
    /// `time` is the exchange's, not ours.
    var isTimed: Bool
    var time: Int64
    var received: Int64
    var volume: Int64
    var ltp: Int64
  }

  /// No feed speaks for it: everything passes.
  static let anyone = UInt8.max
  /// A tick of a lower mode than the last one of another feed passes only after so long.
  private static let modeNanos: Int64 = 5_000_000_000
  /// A day's volume that falls is a new day, when the tick is so much newer.
  private static let dayNanos: Int64 = 3_600_000_000_000
  /// Where neither time nor volume tells the order, a feed keeps the word for so long.
  private static let wordNanos: Int64 = 1_000_000_000

  let sharing: FeedSharing
  private let count: Int
  /// Owner by instrument; nil where there is one feed only.
  private let owners: UnsafeMutableRawPointer?
  private let rows: UnsafeMutableRawPointer?
  private(set) var races: [FeedRace]

  /// - Parameter isShared: whether any instrument is carried by more than one feed.
  init(sharing: FeedSharing, instruments: Int, feeds: Int, isShared: Bool) {
    self.sharing = sharing
    count = max(instruments, 1)
    races = Array(repeating: FeedRace(), count: feeds)
    owners = isShared ? Self.map(count) : nil
    rows = isShared && sharing == .arbitrate ? Self.map(count * MemoryLayout<Row>.stride) : nil
    if let owners { owners.initializeMemory(as: UInt8.self, repeating: Self.anyone, count: count) }
  }

  private static func map(_ bytes: Int) -> UnsafeMutableRawPointer {
    guard let memory = tg_map(bytes) else { fatalError("no memory for \(bytes) bytes of feed owners") }
    return memory
  }

  deinit {
    if let owners { tg_unmap(owners, count) }
    if let rows { tg_unmap(rows, count * MemoryLayout<Row>.stride) }
  }

  func owner(of instrument: UInt32) -> UInt8 {
    owners?.load(fromByteOffset: Int(instrument), as: UInt8.self) ?? Self.anyone
  }

  mutating func setOwner(of instrument: UInt32, _ feed: UInt8) {
    owners?.storeBytes(of: feed, toByteOffset: Int(instrument), as: UInt8.self)
  }

  @inline(__always)
  mutating func admits(_ tick: UnsafePointer<Tick>) -> Bool {
    guard let owners else { return true }
    let owner = owners.load(fromByteOffset: Int(tick.pointee.instrument), as: UInt8.self)
    if owner == Self.anyone { return true }
    guard let rows else { return owner == tick.pointee.feed }
    return race(tick, rows.assumingMemoryBound(to: Row.self) + Int(tick.pointee.instrument))
  }

  /// The exchange's time where both feeds send one, of whole seconds at some brokers; the day's volume, which only
  /// grows, is finer. Our own time says nothing about the order: the late one of a pair has the later one.
  private mutating func race(_ tick: UnsafePointer<Tick>, _ row: UnsafeMutablePointer<Row>) -> Bool {
    let isTimed = tick.pointee.has(.exchangeTime) || tick.pointee.has(.lastTradeTime)
    let time = tick.pointee.has(.exchangeTime) ? tick.pointee.exchangeTime : tick.pointee.lastTradeTime
    let feed = Int(tick.pointee.feed)
    let hasVolume = tick.pointee.mode >= Mode.quote.rawValue && tick.pointee.has(.volume)
    if row.pointee.received != 0, row.pointee.feed != tick.pointee.feed {
      let age = tick.pointee.receivedTime - row.pointee.received
      if tick.pointee.mode < row.pointee.mode, age < Self.modeNanos { return drop(feed) }
      let areTimed = isTimed && row.pointee.isTimed
      let haveVolume = hasVolume && row.pointee.hasVolume
      let volumes = haveVolume ? tick.pointee.volume - row.pointee.volume : 0
      if volumes < 0, (areTimed ? time - row.pointee.time : age) < Self.dayNanos { return drop(feed) }
      let isLater = areTimed ? time > row.pointee.time : !haveVolume && age >= Self.wordNanos
      if volumes == 0, !isLater {
        guard tick.pointee.ltp == row.pointee.ltp else { return drop(feed) }
        races[feed].lagged += 1
        races[feed].lagNanos += max(age, 0)
        return false
      }
    }
    races[feed].led += 1
    row.pointee = Row(
      feed: tick.pointee.feed, mode: tick.pointee.mode, hasVolume: hasVolume, isTimed: isTimed, time: time,
      received: tick.pointee.receivedTime, volume: tick.pointee.volume, ltp: tick.pointee.ltp)
    return true
  }

  private mutating func drop(_ feed: Int) -> Bool {
    races[feed].old += 1
    return false
  }
}
