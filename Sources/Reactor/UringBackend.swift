// io_uring: one ring per thread, multishot accept and receive, buffers that the kernel picks from a ring of its own,
// one io_uring_enter per turn. Must be created on the thread that uses it (SINGLE_ISSUER); with DEFER_TASKRUN
// completions appear only inside `turn`.

import CUring
import Glibc

public final class UringBackend: IOBackend {
  private let ring: UnsafeMutablePointer<io_uring>
  private let timeout: UnsafeMutablePointer<__kernel_timespec>
  private let batch: UnsafeMutablePointer<Completion>
  private let bufferRing: UnsafeMutablePointer<io_uring_buf_ring>
  private let bufferMemory: UnsafeMutableRawPointer
  private let bufferCount: Int
  private let bufferBytes: Int
  private var returned: Int32 = 0

  private static let submissionEntries: UInt32 = 2048
  private static let completionEntries: UInt32 = 16_384
  private static let batchMax = 1024
  private static let bufferGroup: UInt16 = 0

  public init(limits: LoopLimits) throws(LoopError) {
    precondition(limits.receiveBuffers.nonzeroBitCount == 1 && limits.receiveBuffers <= 32_768)
    ring = .allocate(capacity: 1)
    ring.initialize(to: io_uring())
    timeout = .allocate(capacity: 1)
    batch = .allocate(capacity: Self.batchMax)
    bufferCount = limits.receiveBuffers
    bufferBytes = limits.receiveBufferBytes
    var parameters = io_uring_params()
    parameters.flags =
      UInt32(IORING_SETUP_SINGLE_ISSUER) | UInt32(IORING_SETUP_DEFER_TASKRUN) | UInt32(IORING_SETUP_CQSIZE)
      | UInt32(IORING_SETUP_SUBMIT_ALL)
    parameters.cq_entries = Self.completionEntries
    var ringMemory: UnsafeMutableRawPointer?
    var buffers: UnsafeMutableRawPointer?
    let hasMemory =
      posix_memalign(&ringMemory, 4096, bufferCount * MemoryLayout<io_uring_buf>.stride) == 0
      && posix_memalign(&buffers, 4096, bufferCount * bufferBytes) == 0
    let result = hasMemory ? io_uring_queue_init_params(Self.submissionEntries, ring, &parameters) : -ENOMEM
    guard let ringMemory, let buffers, result == 0 else {
      // A refusal is an everyday matter where epoll takes over: it leaves nothing behind.
      ring.deallocate()
      timeout.deallocate()
      batch.deallocate()
      free(ringMemory)
      free(buffers)
      if !hasMemory { throw .outOfMemory(what: "receive buffers") }
      throw result == -EINVAL
        ? .ringTooOld(missing: "single-issuer rings with deferred work") : .ringRefused(errno: -result)
    }
    bufferMemory = buffers
    bufferRing = ringMemory.bindMemory(to: io_uring_buf_ring.self, capacity: 1)
    // From here on everything is given back by deinit, after an error too.
    io_uring_register_ring_fd(ring)
    var registration = io_uring_buf_reg()
    registration.ring_addr = UInt64(UInt(bitPattern: ringMemory))
    registration.ring_entries = UInt32(bufferCount)
    registration.bgid = Self.bufferGroup
    let registered = io_uring_register_buf_ring(ring, &registration, 0)
    guard registered == 0 else {
      throw registered == -EINVAL ? .ringTooOld(missing: "buffer rings") : .ringRefused(errno: -registered)
    }
    io_uring_buf_ring_init(bufferRing)
    for id in 0..<bufferCount { offer(Int32(id), at: Int32(id)) }
    io_uring_buf_ring_advance(bufferRing, Int32(bufferCount))
  }

  deinit {
    io_uring_queue_exit(ring)
    ring.deallocate()
    timeout.deallocate()
    batch.deallocate()
    free(bufferMemory)
    free(UnsafeMutableRawPointer(bufferRing))
  }

  // MARK: Operations

  public func accept(_ descriptor: Int32, _ token: Token) {
    let entry = nextEntry()
    io_uring_prep_multishot_accept(entry, descriptor, nil, nil, 0o2_004_000)
    entry.pointee.user_data = token.bits
  }

  public func connect(_ descriptor: Int32, address: UnsafeMutableRawPointer, length: UInt32, _ token: Token) {
    let entry = nextEntry()
    io_uring_prep_connect(entry, descriptor, address.assumingMemoryBound(to: sockaddr.self), length)
    entry.pointee.user_data = token.bits
  }

  public func receive(_ descriptor: Int32, _ token: Token) {
    let entry = nextEntry()
    io_uring_prep_recv_multishot(entry, descriptor, nil, 0, 0)
    entry.pointee.flags |= UInt8(1 << IOSQE_BUFFER_SELECT_BIT)
    entry.pointee.buf_group = Self.bufferGroup
    entry.pointee.user_data = token.bits
  }

  public func send(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int, _ token: Token) {
    let entry = nextEntry()
    io_uring_prep_send(entry, descriptor, bytes, count, Int32(MSG_NOSIGNAL))
    entry.pointee.user_data = token.bits
  }

  public func send(_ descriptor: Int32, header: UnsafeMutableRawPointer, _ token: Token) {
    let entry = nextEntry()
    io_uring_prep_sendmsg(entry, descriptor, header.assumingMemoryBound(to: msghdr.self), UInt32(MSG_NOSIGNAL))
    entry.pointee.user_data = token.bits
  }

  public func cancelAll(_ descriptor: Int32, _ token: Token) {
    let entry = nextEntry()
    io_uring_prep_cancel_fd(entry, descriptor, UInt32(IORING_ASYNC_CANCEL_ALL))
    entry.pointee.user_data = token.bits
  }

  public func watch(_ descriptor: Int32, _ token: Token) {
    let entry = nextEntry()
    io_uring_prep_poll_multishot(entry, descriptor, UInt32(POLLIN))
    entry.pointee.user_data = token.bits
  }

  /// A full submission queue is handed to the kernel early.
  private func nextEntry() -> UnsafeMutablePointer<io_uring_sqe> {
    while true {
      if let entry = io_uring_get_sqe(ring) { return entry }
      io_uring_submit(ring)
    }
  }

  // MARK: Turn

  /// Enters the kernel without waiting, to see whether that is allowed.
  func enter() throws(LoopError) {
    let result = io_uring_submit_and_get_events(ring)
    guard result >= 0 else { throw .ringRefused(errno: -result) }
  }

  public func turn(timeoutNanos: Int64) -> Int {
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
    let count = min(io_uring_cq_ready(ring), UInt32(Self.batchMax))
    let entries = ring.pointee.cq.cqes!
    let mask = ring.pointee.cq.ring_mask
    var head = ring.pointee.cq.khead.pointee
    for index in 0..<Int(count) {
      let entry = entries + Int(head & mask)
      let flags = entry.pointee.flags
      batch[index] = Completion(
        token: Token(bits: entry.pointee.user_data), result: entry.pointee.res,
        isContinuing: flags & UInt32(IORING_CQE_F_MORE) != 0,
        buffer: flags & UInt32(IORING_CQE_F_BUFFER) != 0 ? Int32(flags >> UInt32(IORING_CQE_BUFFER_SHIFT)) : -1)
      head &+= 1
    }
    io_uring_cq_advance(ring, count)
    return Int(count)
  }

  public func completion(at index: Int) -> Completion { batch[index] }

  public func bytes(of buffer: Int32) -> UnsafeMutableRawPointer { bufferMemory + Int(buffer) * bufferBytes }

  /// The kernel sees it at the next turn, before anything that is armed then.
  public func giveBack(_ buffer: Int32) {
    offer(buffer, at: returned)
    returned += 1
  }

  private func offer(_ buffer: Int32, at offset: Int32) {
    io_uring_buf_ring_add(
      bufferRing, bytes(of: buffer), UInt32(bufferBytes), UInt16(buffer), Int32(bufferCount - 1), offset)
  }
}
