// Raw memory for frames that did not arrive in one piece. Grows on demand and can be given back.
// Owned by one connection, so by that connection's thread. Allocates only when a frame or message is in pieces.

import Glibc

/// A growing byte buffer without the reference counting and zeroing of an array.
struct ReassemblyBuffer: ~Copyable {
  private static let firstCapacityBytes = 1024

  private(set) var base: UnsafeMutableRawPointer?
  private(set) var capacity = 0
  private(set) var count = 0

  deinit { free(base) }

  /// Adds bytes. The owner has checked them against its limit.
  ///
  /// - Parameter limit: capacity is doubled up to here; `count` never exceeds it.
  mutating func append(_ bytes: UnsafeRawPointer, count added: Int, limit: Int) {
    guard added > 0 else { return }
    precondition(added <= limit - count)
    if added > capacity - count {
      grow(to: max(count + added, min(max(capacity * 2, Self.firstCapacityBytes), limit)))
    }
    guard let base else { preconditionFailure("buffer without memory") }
    (base + count).copyMemory(from: bytes, byteCount: added)
    count += added
  }

  /// Forgets all but the first `count` bytes.
  mutating func truncate(to count: Int) {
    assert(count <= self.count)
    self.count = count
  }

  /// Gives the memory back.
  mutating func release() {
    free(base)
    base = nil
    capacity = 0
    count = 0
  }

  /// The bytes from `start`, valid until the next mutating call.
  func slice(from start: Int) -> UnsafeMutableRawBufferPointer {
    assert(start <= count)
    return UnsafeMutableRawBufferPointer(start: base.map { $0 + start }, count: count - start)
  }

  private mutating func grow(to bytes: Int) {
    guard let grown = realloc(base, bytes) else { fatalError("out of memory") }
    base = grown
    capacity = bytes
  }
}
