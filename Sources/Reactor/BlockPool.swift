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

struct BlockPool: ~Copyable {
  private var free: UnsafeMutablePointer<Block>?
  private(set) var used = 0
  private var slabs: [UnsafeMutableRawPointer] = []
  private static let blocksPerSlab = 64

  let blocksMax: Int

  init(bytesMax: Int) { blocksMax = max(1, bytesMax / Block.bytes) }

  deinit { for slab in slabs { Glibc.free(slab) } }

  /// Nil when the bound is reached.
  mutating func take() -> UnsafeMutablePointer<Block>? {
    if used == blocksMax { return nil }
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
