import Normalize

/// Which feed carries an instrument, and which one stands behind it. Made at start, in the order of the configuration.
struct FeedRoutes: Sendable {
  static let none = UInt8.max

  private let primaries: [UInt8]
  private let backups: [UInt8]
  /// Instruments with two feeds.
  let shared: [UInt32]
  var count: Int { primaries.count }
  var isShared: Bool { !shared.isEmpty }

  init(_ definitions: [FeedDefinition], instrumentCount: Int) {
    var primaries = [UInt8](repeating: Self.none, count: instrumentCount)
    var backups = primaries
    for (number, definition) in definitions.enumerated() {
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
    shared = backups.indices.filter { backups[$0] != Self.none }.map { UInt32($0) }
  }

  func primary(of instrument: UInt32) -> UInt8 { primaries[Int(instrument)] }
  func backup(of instrument: UInt32) -> UInt8 { backups[Int(instrument)] }
}
