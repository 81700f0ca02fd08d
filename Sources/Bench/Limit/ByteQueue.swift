// Bytes that wait to be sent, in one piece of memory. Trivial; whoever holds it frees it.

import Glibc

struct ByteQueue: BitwiseCopyable {
  private(set) var memory: UnsafeMutableRawPointer?
  private(set) var count = 0
  private(set) var capacity = 0
  /// Bytes at the front that are sent already.
  private(set) var sent = 0

  var isEmpty: Bool { count == sent }
  var left: Int { count &- sent }
  var front: UnsafeMutableRawPointer { memory.unsafelyUnwrapped + sent }

  @inline(__always) mutating func append(_ bytes: UnsafeRawPointer, _ added: Int) {
    if count &+ added > capacity { grow(count &+ added) }
    (memory.unsafelyUnwrapped + count).copyMemory(from: bytes, byteCount: added)
    count &+= added
  }

  @inline(never) private mutating func grow(_ needed: Int) {
    var size = max(4096, capacity)
    while size < needed { size *= 2 }
    guard let larger = realloc(memory, size) else { fatalError("no memory for \(size) bytes") }
    memory = larger
    capacity = size
  }

  @inline(__always) mutating func advance(_ bytes: Int) { sent &+= bytes }

  /// Empty again, its memory kept.
  @inline(__always) mutating func clear() {
    count = 0
    sent = 0
  }

  mutating func release() {
    free(memory)
    self = ByteQueue()
  }
}
