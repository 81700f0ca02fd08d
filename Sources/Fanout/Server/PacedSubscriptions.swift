// Subscriptions of paced clients that have just left. The AmiBroker plug-in reconnects often and does not subscribe
// again, so a connection with the same key finds what the last one had. Any thread; cold path.

import Market
import Synchronization

package final class PacedSubscriptions: Sendable {
  private struct Left {
    var subscriptions: [(instrument: UInt32, mode: Mode)]
    var untilNanos: Int64
  }

  private let byKey = Mutex<[Int64: Left]>([:])
  /// Keys remembered at a time; beyond it the one that ends first is forgotten.
  package static let keysMax = 1024

  package init() {}

  /// - Parameter nowNanos: monotonic.
  package func keep(
    _ subscriptions: [(instrument: UInt32, mode: Mode)], keyID: Int64, nowNanos: Int64, forNanos: Int64
  ) {
    byKey.withLock { byKey in
      byKey = byKey.filter { $0.value.untilNanos > nowNanos }
      // One that leaves with nothing takes nothing from one that left before it.
      if subscriptions.isEmpty { return }
      if byKey.count >= Self.keysMax, byKey[keyID] == nil,
        let first = byKey.min(by: { $0.value.untilNanos < $1.value.untilNanos })
      {
        byKey[first.key] = nil
      }
      byKey[keyID] = Left(subscriptions: subscriptions, untilNanos: nowNanos + forNanos)
    }
  }

  /// What the last connection with the key had, once.
  package func take(keyID: Int64, nowNanos: Int64) -> [(instrument: UInt32, mode: Mode)] {
    byKey.withLock { byKey in
      guard let left = byKey.removeValue(forKey: keyID), left.untilNanos > nowNanos else { return [] }
      return left.subscriptions
    }
  }
}
