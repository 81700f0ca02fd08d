import Synchronization

// How often a client address may call an endpoint: a moving window of one second per (address, endpoint). Bounded
// memory: a window is as long as its limit, and idle ones are forgotten. Time is passed in. Any thread; a short lock.

/// Counts calls.
package final class RateLimiter: Sendable {
  package static let windowNanos: Int64 = 1_000_000_000

  private struct Key: Hashable {
    let address: String
    let endpoint: Int
  }

  /// The newest calls that were let through, as a ring.
  private struct Window {
    var times: [Int64] = []
    var oldest = 0

    mutating func admit(now: Int64, limit: Int) -> Bool {
      if times.count < limit {
        times.append(now)
        return true
      }
      guard now - times[oldest] >= RateLimiter.windowNanos else { return false }
      times[oldest] = now
      oldest = (oldest + 1) % limit
      return true
    }

    var newest: Int64 { times.max() ?? .min }
  }

  /// Windows that are kept; a full table refuses addresses that it does not know.
  private let windowsMax: Int
  private let windows = Mutex<[Key: Window]>([:])

  package init(windowsMax: Int = 16_384) { self.windowsMax = windowsMax }

  /// Whether a call may go on. One that may not does not count.
  /// - Parameters:
  ///   - limit: calls per second, the same for every call of an endpoint; 0 is no limit.
  ///   - now: monotonic nanoseconds.
  package func admit(address: String, endpoint: Int, limit: Int, now: Int64) -> Bool {
    guard limit > 0 else { return true }
    let key = Key(address: address, endpoint: endpoint)
    return windows.withLock { windows in
      if windows[key] == nil, windows.count >= windowsMax {
        windows = windows.filter { now - $0.value.newest < Self.windowNanos }
        if windows.count >= windowsMax { return false }
      }
      return windows[key, default: Window()].admit(now: now, limit: limit)
    }
  }
}
