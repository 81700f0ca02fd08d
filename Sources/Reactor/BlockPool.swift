// Memory of all outboxes of a loop: fixed blocks, handed out and taken back, so that an idle socket holds none and
// nothing is allocated once the high-water mark is reached. Loop thread only.

import Glibc

/// One block: a header, then bytes `start..<end` that wait to be sent.
@usableFromInline struct Block: BitwiseCopyable {
  @usableFromInline var next: UnsafeMutablePointer<Block>?
  @usableFromInline var start: UInt32
  @usableFromInline var end: UInt32

  @usableFromInline init(next: UnsafeMutablePointer<Block>?) {
    self.next = next
    start = 0
    end = 0
  }

  @usableFromInline static let bytes = 4096
  @usableFromInline static let headerBytes = 16
  /// Bytes of payload in a block.
  @usableFromInline static let room = bytes - headerBytes
}

extension UnsafeMutablePointer<Block> {
  @inlinable @inline(__always) var payload: UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(self) + Block.headerBytes
  }
}

/// Bytes in order, in blocks: one outbox. Owns its blocks as far as it is emptied into the pool at the end.
@usableFromInline struct BlockList: BitwiseCopyable {
  @usableFromInline var head: UnsafeMutablePointer<Block>?
  @usableFromInline var tail: UnsafeMutablePointer<Block>?

  @usableFromInline init() {}

  /// Adds a block behind the last.
  mutating func push(_ block: UnsafeMutablePointer<Block>) {
    tail?.pointee.next = block
    if head == nil { head = block }
    tail = block
  }

  /// Takes bytes off the front; blocks without any left go back to the pool.
  mutating func drop(_ count: Int, _ pool: inout BlockPool) {
    var left = count
    while left > 0, let first = head {
      let bytes = Int(first.pointee.end - first.pointee.start)
      if left < bytes {
        first.pointee.start += UInt32(left)
        return
      }
      left -= bytes
      head = first.pointee.next
      if head == nil { tail = nil }
      pool.give(first)
    }
  }

  /// Gives everything back.
  mutating func empty(_ pool: inout BlockPool) {
    while let first = head {
      head = first.pointee.next
      pool.give(first)
    }
    tail = nil
  }
}

struct BlockPool: ~Copyable {
  private var free: UnsafeMutablePointer<Block>?
  private(set) var used = 0
  private var slabs: [UnsafeMutableRawPointer] = []
  private static let blocksPerSlab = 64

  let blocksMax: Int

  init(bytesMax: Int) { blocksMax = max(1, bytesMax / Block.bytes) }

  deinit { for slab in slabs { Glibc.free(slab) } }

  /// Nil when the bound is reached.
  mutating func take() -> UnsafeMutablePointer<Block>? { used >= blocksMax ? nil : takeBeyondBound() }

  /// For bytes that replace others which are counted already. Nil when the system has no memory.
  mutating func takeBeyondBound() -> UnsafeMutablePointer<Block>? {
    if free == nil, !grow() { return nil }
    let block = free.unsafelyUnwrapped
    free = block.pointee.next
    used &+= 1
    block.initialize(to: Block(next: nil))
    return block
  }

  mutating func give(_ block: UnsafeMutablePointer<Block>) {
    block.pointee.next = free
    free = block
    used &-= 1
  }

  @inline(never)
  private mutating func grow() -> Bool {
    var slab: UnsafeMutableRawPointer?
    guard posix_memalign(&slab, Block.bytes, Block.bytes * Self.blocksPerSlab) == 0, let slab else { return false }
    slabs.append(slab)
    for index in 0..<Self.blocksPerSlab {
      let block = (slab + index * Block.bytes).bindMemory(to: Block.self, capacity: 1)
      block.initialize(to: Block(next: free))
      free = block
    }
    return true
  }
}
