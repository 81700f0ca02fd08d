// What a decoded book becomes: the id under which somebody wants it. Written and read by the feed loop; flat mapped
// memory, four bytes per instrument and lane, nothing allocates after init.

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
  /// No id of a book: the lowest belongs to a listed instrument.
  private static let none: UInt32 = 0

  private let feeds: Int
  private let instruments: Int
  private let ids: UnsafeMutablePointer<UnsafeMutablePointer<UInt32>?>
  private let parents: UnsafeMutablePointer<UInt8>

  /// - Parameter routes: of all feeds; only the lanes among them take memory.
  init(_ routes: FeedRoutes, feeds: Int) {
    self.feeds = feeds
    instruments = max(routes.count, 1)
    ids = .allocate(capacity: max(feeds, 1))
    ids.initialize(repeating: nil, count: max(feeds, 1))
    parents = .allocate(capacity: max(feeds, 1))
    parents.initialize(repeating: 0, count: max(feeds, 1))
    for lane in routes.lanes {
      guard let memory = tg_map(instruments * 4) else { fatalError("no memory for \(instruments) books") }
      ids[Int(lane.feed)] = memory.bindMemory(to: UInt32.self, capacity: instruments)
      parents[Int(lane.feed)] = lane.parent
    }
  }

  deinit {
    for feed in 0..<feeds { if let memory = ids[feed] { tg_unmap(memory, instruments * 4) } }
    ids.deallocate()
    parents.deallocate()
  }

  /// The id of a book, nil while nobody wants it.
  @inline(__always)
  func id(feed: UInt8, instrument: UInt32) -> UInt32? {
    guard Int(feed) < feeds, Int(instrument) < instruments, let ids = ids[Int(feed)] else { return nil }
    let id = ids[Int(instrument)]
    return id == Self.none ? nil : id
  }

  /// The feed that clients are told: the one of the account.
  @inline(__always)
  func parent(of feed: UInt8) -> UInt8 { parents[Int(feed)] }

  func set(feed: UInt8, instrument: UInt32, id: UInt32?) {
    ids[Int(feed)]?[Int(instrument)] = id ?? Self.none
  }
}
