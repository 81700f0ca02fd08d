// What the epoll backend knows of each descriptor: the operations under way and what the kernel was asked to report.
// One flat table indexed by descriptor, which grows to the largest one seen. Loop thread only.

import Glibc

/// The operations of one descriptor: at most one that takes in, and one that sends or connects.
struct EpollSlot: BitwiseCopyable {
  enum Input: UInt8, BitwiseCopyable {
    case none, accept, receive, watch
  }

  enum Output: UInt8, BitwiseCopyable {
    case none, connect, send, sendVector
  }

  var input = Input.none
  var output = Output.none
  /// The output was asked for and has not been tried yet.
  var isFresh = false
  /// Events that the kernel reports; 0 when it does not know the descriptor.
  var interest: UInt32 = 0
  var inputToken = Token(bits: 0)
  var outputToken = Token(bits: 0)
  /// Bytes, message header or address of the output.
  var memory: UnsafeRawPointer?
  var count = 0
}

struct EpollSlots: ~Copyable {
  private var slots: UnsafeMutablePointer<EpollSlot>
  private var capacity: Int
  private static let capacityMin = 256

  init() {
    capacity = Self.capacityMin
    slots = .allocate(capacity: capacity)
    slots.initialize(repeating: EpollSlot(), count: capacity)
  }

  deinit { slots.deallocate() }

  /// The slot of a descriptor, valid until the next call: the table may move.
  mutating func at(_ descriptor: Int32) -> UnsafeMutablePointer<EpollSlot> {
    precondition(descriptor >= 0, "not a descriptor")
    if Int(descriptor) >= capacity { grow(to: Int(descriptor) + 1) }
    return slots + Int(descriptor)
  }

  @inline(never)
  private mutating func grow(to needed: Int) {
    var larger = capacity
    while larger < needed { larger *= 2 }
    let table = UnsafeMutablePointer<EpollSlot>.allocate(capacity: larger)
    table.initialize(from: slots, count: capacity)
    (table + capacity).initialize(repeating: EpollSlot(), count: larger - capacity)
    slots.deallocate()
    slots = table
    capacity = larger
  }
}
