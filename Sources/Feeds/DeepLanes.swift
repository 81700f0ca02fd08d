// What a decoded book becomes: the id under which consumers know it. Written and read by the feed loop; flat mapped
// memory, sixteen bytes per instrument and lane, nothing allocates after init.

import CLinux
import Market

/// A feed of books beyond five levels, which stands beside the market data of another one.
public struct DeepLane: Sendable {
  public var levels: Int
  /// Name of the feed of the same account that carries the market data.
  public var parent: String
  /// Sockets that both together may have open; nil where each has its own allowance.
  public var socketsShared: Int?

  public init(levels: Int, parent: String, socketsShared: Int? = nil) {
    self.levels = levels
    self.parent = parent
    self.socketsShared = socketsShared
  }
}

final class DeepLanes {
  struct Row: BitwiseCopyable {
    /// Of the book; 0 while nobody has wanted it, since the lowest id belongs to a listed instrument.
    var id: UInt32
    /// Prices of the instrument that are older do not go with its book. Nanoseconds since the epoch.
    var pricesSince: Int64
  }

  private let feeds: Int
  private let instruments: Int
  private let rows: UnsafeMutablePointer<UnsafeMutablePointer<Row>?>
  private let parents: UnsafeMutablePointer<UInt8>

  /// - Parameter routes: of all feeds; only the lanes among them take memory.
  init(_ routes: FeedRoutes, feeds: Int) {
    self.feeds = feeds
    instruments = max(routes.count, 1)
    rows = .allocate(capacity: max(feeds, 1))
    rows.initialize(repeating: nil, count: max(feeds, 1))
    parents = .allocate(capacity: max(feeds, 1))
    parents.initialize(repeating: 0, count: max(feeds, 1))
    for lane in routes.lanes {
      guard let memory = tg_map(bytes) else { fatalError("no memory for \(instruments) books") }
      rows[Int(lane.feed)] = memory.bindMemory(to: Row.self, capacity: instruments)
      parents[Int(lane.feed)] = lane.parent
    }
  }

  deinit {
    for feed in 0..<feeds { if let memory = rows[feed] { tg_unmap(memory, bytes) } }
    rows.deallocate()
    parents.deallocate()
  }

  private var bytes: Int { instruments * MemoryLayout<Row>.stride }

  /// Nil when nobody has ever wanted the book.
  @inline(__always)
  func row(feed: UInt8, instrument: UInt32) -> Row? {
    guard Int(feed) < feeds, Int(instrument) < instruments, let rows = rows[Int(feed)] else { return nil }
    let row = rows[Int(instrument)]
    return row.id == 0 ? nil : row
  }

  /// The feed that clients are told: the one of the account.
  @inline(__always)
  func parent(of feed: UInt8) -> UInt8 { parents[Int(feed)] }

  func set(feed: UInt8, instrument: UInt32, _ row: Row) { rows[Int(feed)]?[Int(instrument)] = row }
}
