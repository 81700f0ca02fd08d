// The bench's own io_uring, apart from the product's event loop: a fault or a cost of that loop must not show on both
// sides of a comparison. One ring per thread, created on it. Allocates at start only.

import CUring
import Glibc

/// What an operation was; the top byte of `user_data`, above a number of the caller.
enum BenchOperation: UInt8 {
  case accept = 1
  case connect, receive, send, feed, other
}

/// One completion.
struct BenchCompletion: BitwiseCopyable {
  let operation: BenchOperation?
  let index: Int
  /// Bytes, a descriptor, or a negative errno.
  let result: Int32
  /// More completions of this operation follow.
  let isContinuing: Bool
  /// Zero-copy: the memory is free again.
  let isNotification: Bool
  /// Buffer that holds received bytes, or -1.
  let buffer: Int
}

final class BenchRing {
  let ring: UnsafeMutablePointer<io_uring>
  private let timeout: UnsafeMutablePointer<__kernel_timespec>
  private let bufferRing: UnsafeMutablePointer<io_uring_buf_ring>
  private let buffers: UnsafeMutableRawPointer
  private let bufferCount: Int
  let bufferBytes: Int
  private var returned: Int32 = 0

  static let receiveGroup: UInt16 = 0
  private static let submissionEntries: UInt32 = 16_384
  private static let completionEntries: UInt32 = 65_536

  struct Refused: Error, CustomStringConvertible {
    let what: String
    let code: Int32
    var description: String { "\(what): \(String(cString: strerror(code)))" }
  }

  /// - Parameters:
  ///   - receiveBuffers: power of two up to 32,768; the kernel picks one for every piece that arrives.
  init(receiveBuffers: Int, bufferBytes: Int) throws {
    precondition(receiveBuffers.nonzeroBitCount == 1 && receiveBuffers <= 32_768)
    ring = .allocate(capacity: 1)
    ring.initialize(to: io_uring())
    timeout = .allocate(capacity: 1)
    bufferCount = receiveBuffers
    self.bufferBytes = bufferBytes
    var parameters = io_uring_params()
    parameters.flags =
      UInt32(IORING_SETUP_SINGLE_ISSUER) | UInt32(IORING_SETUP_DEFER_TASKRUN) | UInt32(IORING_SETUP_CQSIZE)
      | UInt32(IORING_SETUP_SUBMIT_ALL)
    parameters.cq_entries = Self.completionEntries
    let code = io_uring_queue_init_params(Self.submissionEntries, ring, &parameters)
    guard code == 0 else { throw Refused(what: "io_uring", code: -code) }
    io_uring_register_ring_fd(ring)
    bufferRing = try Self.bufferRing(on: ring, entries: receiveBuffers, group: Self.receiveGroup)
    var memory: UnsafeMutableRawPointer?
    guard posix_memalign(&memory, 4096, receiveBuffers * bufferBytes) == 0, let memory else {
      throw Refused(what: "receive buffers", code: ENOMEM)
    }
    buffers = memory
    for id in 0..<bufferCount { offer(id, at: Int32(id)) }
    io_uring_buf_ring_advance(bufferRing, Int32(bufferCount))
  }

  /// A registered ring of buffers, empty.
  static func bufferRing(
    on ring: UnsafeMutablePointer<io_uring>, entries: Int, group: UInt16
  ) throws -> UnsafeMutablePointer<io_uring_buf_ring> {
    var memory: UnsafeMutableRawPointer?
    guard posix_memalign(&memory, 4096, entries * MemoryLayout<io_uring_buf>.stride) == 0, let memory else {
      throw Refused(what: "buffer ring", code: ENOMEM)
    }
    memset(memory, 0, entries * MemoryLayout<io_uring_buf>.stride)
    var registration = io_uring_buf_reg()
    registration.ring_addr = UInt64(UInt(bitPattern: memory))
    registration.ring_entries = UInt32(entries)
    registration.bgid = group
    let code = io_uring_register_buf_ring(ring, &registration, 0)
    guard code == 0 else { throw Refused(what: "buffer ring", code: -code) }
    let result = memory.bindMemory(to: io_uring_buf_ring.self, capacity: 1)
    io_uring_buf_ring_init(result)
    return result
  }

  /// Makes room for fixed files; `setFile` fills it.
  func registerFiles(_ count: Int) throws {
    let code = io_uring_register_files_sparse(ring, UInt32(count))
    guard code == 0 else { throw Refused(what: "fixed files", code: -code) }
  }

  func setFile(_ index: Int, _ descriptor: Int32) throws {
    var descriptor = descriptor
    let code = io_uring_register_files_update(ring, UInt32(index), &descriptor, 1)
    guard code == 1 else { throw Refused(what: "fixed file", code: -code) }
  }

  // MARK: Operations

  /// The next submission entry, after handing a full queue to the kernel.
  func entry(_ operation: BenchOperation, _ index: Int) -> UnsafeMutablePointer<io_uring_sqe> {
    while true {
      if let entry = io_uring_get_sqe(ring) {
        // `prep` functions leave `user_data` alone.
        entry.pointee.user_data = UInt64(operation.rawValue) << 56 | UInt64(index)
        return entry
      }
      io_uring_submit(ring)
    }
  }

  func accept(_ descriptor: Int32, _ index: Int) {
    io_uring_prep_multishot_accept(entry(.accept, index), descriptor, nil, nil, SocketText.nonBlocking)
  }

  /// Everything that arrives, until a completion says that it does not continue.
  func receive(_ descriptor: Int32, _ operation: BenchOperation, _ index: Int) {
    let entry = entry(operation, index)
    io_uring_prep_recv_multishot(entry, descriptor, nil, 0, 0)
    entry.pointee.flags |= UInt8(1 << IOSQE_BUFFER_SELECT_BIT)
    entry.pointee.buf_group = Self.receiveGroup
  }

  // MARK: Turn

  /// Submits, then waits for a completion or until the time is over; 0 does not wait.
  func turn(timeoutNanos: Int64) -> Int {
    if returned > 0 {
      io_uring_buf_ring_advance(bufferRing, returned)
      returned = 0
    }
    if timeoutNanos <= 0 || io_uring_cq_ready(ring) > 0 {
      io_uring_submit_and_get_events(ring)
    } else {
      timeout.pointee.tv_sec = timeoutNanos / 1_000_000_000
      timeout.pointee.tv_nsec = timeoutNanos % 1_000_000_000
      var first: UnsafeMutablePointer<io_uring_cqe>?
      io_uring_submit_and_wait_timeout(ring, &first, 1, timeout, nil)
    }
    return Int(io_uring_cq_ready(ring))
  }

  /// One of the completions that `turn` counted; valid until `advance`.
  @inline(__always) func completion(_ number: Int) -> BenchCompletion {
    let head = ring.pointee.cq.khead.pointee &+ UInt32(truncatingIfNeeded: number)
    let entry = ring.pointee.cq.cqes + Int(head & ring.pointee.cq.ring_mask)
    let flags = entry.pointee.flags
    let data = entry.pointee.user_data
    return BenchCompletion(
      operation: BenchOperation(rawValue: UInt8(truncatingIfNeeded: data >> 56)),
      index: Int(data & 0xFF_FFFF_FFFF_FFFF), result: entry.pointee.res,
      isContinuing: flags & UInt32(IORING_CQE_F_MORE) != 0,
      isNotification: flags & UInt32(IORING_CQE_F_NOTIF) != 0,
      buffer: flags & UInt32(IORING_CQE_F_BUFFER) != 0 ? Int(flags >> UInt32(IORING_CQE_BUFFER_SHIFT)) : -1)
  }

  func advance(_ count: Int) { io_uring_cq_advance(ring, UInt32(count)) }

  @inline(__always) func bytes(of buffer: Int) -> UnsafeMutableRawPointer { buffers + buffer &* bufferBytes }

  /// The kernel sees it at the next turn.
  @inline(__always) func giveBack(_ buffer: Int) {
    offer(buffer, at: returned)
    returned &+= 1
  }

  @inline(__always) private func offer(_ id: Int, at offset: Int32) {
    io_uring_buf_ring_add(
      bufferRing, bytes(of: id), UInt32(bufferBytes), UInt16(truncatingIfNeeded: id), Int32(bufferCount - 1), offset)
  }
}
