// Memory of all outboxes of a loop: fixed blocks, handed out and taken back, so that an idle socket holds none and
// nothing is allocated once the high-water mark is reached. Loop thread only.
//
// What describes a block does not lie in it: a block comes back when the kernel has read its last byte, so its memory is
// in no near cache any more, and every walk over a list of blocks would wait for that (profiled: some 400 ns a block).

import Glibc

/// One block: bytes `start..<end` of its payload wait to be sent.
@usableFromInline struct Block: BitwiseCopyable {
  @usableFromInline var next: UnsafeMutablePointer<Block>?
  @usableFromInline let payload: UnsafeMutableRawPointer
  @usableFromInline var start: UInt32 = 0
  @usableFromInline var end: UInt32 = 0

  init(payload: UnsafeMutableRawPointer, next: UnsafeMutablePointer<Block>?) {
    self.payload = payload
    self.next = next
  }

  /// Bytes of its payload.
  @usableFromInline static let room = 4096
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
  /// Payloads of many blocks, and the blocks.
  private var slabs: [(payloads: UnsafeMutableRawPointer, blocks: UnsafeMutablePointer<Block>)] = []
  /// The first slab is small, because most gateways need no more. The others are huge pages: a burst writes megabytes
  /// that are in no cache, and with small pages it waits for their addresses as well.
  private static let blocksOfFirstSlab = 64
  private static let blocksOfSlab = 512

  let blocksMax: Int

  init(bytesMax: Int) { blocksMax = max(1, bytesMax / Block.room) }

  deinit {
    for slab in slabs {
      Glibc.free(slab.payloads)
      slab.blocks.deallocate()
    }
  }

  /// Nil when the bound is reached.
  mutating func take() -> UnsafeMutablePointer<Block>? { used >= blocksMax ? nil : takeBeyondBound() }

  /// For bytes that replace others which are counted already. Nil when the system has no memory.
  mutating func takeBeyondBound() -> UnsafeMutablePointer<Block>? {
    if free == nil, !grow() { return nil }
    let block = free.unsafelyUnwrapped
    free = block.pointee.next
    used &+= 1
    block.pointee.next = nil
    block.pointee.start = 0
    block.pointee.end = 0
    return block
  }

  mutating func give(_ block: UnsafeMutablePointer<Block>) {
    block.pointee.next = free
    free = block
    used &-= 1
  }

  @inline(never)
  private mutating func grow() -> Bool {
    var memory: UnsafeMutableRawPointer?
    let count = slabs.isEmpty ? Self.blocksOfFirstSlab : Self.blocksOfSlab
    let bytes = count * Block.room
    guard posix_memalign(&memory, bytes, bytes) == 0, let memory else { return false }
    if !slabs.isEmpty { madvise(memory, bytes, MADV_HUGEPAGE) }
    let blocks = UnsafeMutablePointer<Block>.allocate(capacity: count)
    slabs.append((memory, blocks))
    for index in (0..<count).reversed() {
      (blocks + index).initialize(to: Block(payload: memory + index * Block.room, next: free))
      free = blocks + index
    }
    return true
  }
}
