// What each instrument was last asked for on one socket. Packets of a higher mode that were under way when it went down
// would leave their book in the overlay, beside every price that follows. Feed loop only; mapped memory, a byte per
// instrument, nothing allocates after init.

import CLinux
import Market

struct AskedModes: ~Copyable {
  /// What the packets of a mode do not carry. Computed, so that it is a constant in the tick path.
  private static var beyondLTP: UInt32 { Presence([.volume, .openInterest, .dayRange, .depth]).rawValue }
  private static var beyondQuote: UInt32 { Presence.depth.rawValue }

  private let count: Int
  private let modes: UnsafeMutableRawPointer

  /// - Parameter count: instruments, ids 0..<count.
  init(count: Int) {
    self.count = max(count, 1)
    guard let memory = tg_map(self.count) else { fatalError("no memory for \(count) modes") }
    modes = memory
  }

  deinit { tg_unmap(modes, count) }

  mutating func note(_ message: ShardPlanner.Message) {
    let mode = message.verb == .unsubscribe ? 0 : message.mode.rawValue
    for instrument in message.instruments where Int(instrument) < count {
      modes.storeBytes(of: mode, toByteOffset: Int(instrument), as: UInt8.self)
    }
  }

  /// Whether a packet may be of the mode that was asked for last.
  @inline(__always)
  func covers(_ tick: UnsafePointer<Tick>) -> Bool {
    guard Int(tick.pointee.instrument) < count else { return true }
    switch modes.load(fromByteOffset: Int(tick.pointee.instrument), as: UInt8.self) {
    case Mode.ltp.rawValue: return tick.pointee.presence & Self.beyondLTP == 0
    case Mode.quote.rawValue: return tick.pointee.presence & Self.beyondQuote == 0
    default: return true
    }
  }
}
