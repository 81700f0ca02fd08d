import Foundation

// A thread of our own for work that must not share one: the engine, and the journal that waits for the disk.

enum WorkerThread {
  /// Executions of an order are shallow; this is the room of a main thread.
  private static let stackBytes = 1 << 20

  /// Runs `body` on a new named thread, and suspends the caller until it returns.
  /// - Parameter name: at most 15 bytes, as the kernel shows it.
  static func run(_ name: String, _ body: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
      let thread = Thread {
        body()
        continuation.resume()
      }
      thread.name = name
      thread.stackSize = stackBytes
      thread.start()
    }
  }
}
