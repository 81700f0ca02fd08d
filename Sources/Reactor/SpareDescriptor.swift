// What a loop does when the process has no descriptor left. Loop thread only.

import CLinux
import Glibc

/// One descriptor kept back. Given up for a moment, it lets waiting connections be taken and closed, so that their
/// peers learn that they are refused instead of waiting for an answer that nobody can give.
struct SpareDescriptor: ~Copyable {
  private var descriptor: Int32

  /// Connections turned away at a time; the next ones come with the next failure.
  static let connectionsMax = 256

  init() { descriptor = tg_eventfd() }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// - Returns: connections of the listener that were closed.
  mutating func turnAway(from listener: Int32) -> Int {
    // Another thread may have been quicker the last time.
    if descriptor < 0 { descriptor = tg_eventfd() }
    guard descriptor >= 0 else { return 0 }
    close(descriptor)
    var count = 0
    while count < Self.connectionsMax {
      let connection = tg_accept(listener)
      if connection < 0 { break }
      close(connection)
      count += 1
    }
    descriptor = tg_eventfd()
    return count
  }
}
