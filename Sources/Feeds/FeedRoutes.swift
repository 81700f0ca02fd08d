import Normalize

/// Which feed carries an instrument, and which one stands behind it. Made at start, in the order of the configuration.
struct FeedRoutes: Sendable {
  /// A feed of books, and what it carries.
  struct Lane: Sendable {
    var feed: UInt8
    var levels: Int
    var parent: UInt8
    var socketsShared: Int?
    /// By instrument.
    fileprivate var isCarried: [Bool]
  }

  static let none = UInt8.max

  private let primaries: [UInt8]
  private let backups: [UInt8]
  let lanes: [Lane]
  /// Instruments with two feeds.
  let shared: [UInt32]
  var count: Int { primaries.count }
  var isShared: Bool { !shared.isEmpty }

  init(_ definitions: [FeedDefinition], instrumentCount: Int) {
    var primaries = [UInt8](repeating: Self.none, count: instrumentCount)
    var backups = primaries
    var lanes: [Lane] = []
    for (number, definition) in definitions.enumerated() {
      if let lane = definition.lane {
        guard let parent = definitions.firstIndex(where: { $0.name == lane.parent }) else { continue }
        var isCarried = Array(repeating: false, count: instrumentCount)
        for listing in definition.listings { isCarried[Int(listing.instrument)] = true }
        lanes.append(
          Lane(
            feed: UInt8(number), levels: lane.levels, parent: UInt8(parent), socketsShared: lane.socketsShared,
            isCarried: isCarried))
        continue
      }
      for listing in definition.listings {
        let instrument = Int(listing.instrument)
        if primaries[instrument] == Self.none {
          primaries[instrument] = UInt8(number)
        } else if backups[instrument] == Self.none, primaries[instrument] != UInt8(number) {
          backups[instrument] = UInt8(number)
        }
      }
    }
    self.primaries = primaries
    self.backups = backups
    self.lanes = lanes
    shared = backups.indices.filter { backups[$0] != Self.none }.map { UInt32($0) }
  }

  func primary(of instrument: UInt32) -> UInt8 { primaries[Int(instrument)] }
  func backup(of instrument: UInt32) -> UInt8 { backups[Int(instrument)] }

  /// The feed that has the book of an instrument; nil for none.
  func lane(of instrument: UInt32, levels: Int) -> Lane? {
    lanes.first { $0.levels == levels && $0.isCarried[Int(instrument)] }
  }
}
