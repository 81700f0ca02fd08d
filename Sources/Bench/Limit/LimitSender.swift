// What a perfect server does with ticks that are due: per client and batch one send of everything, all sends of a
// batch in one submission. One thread; nothing allocates once the buffers have grown.
//
// While a send is under way its bytes stay where they are (`front`) and new ones are collected behind them (`back`).

import CUring
import Glibc

/// One connection as the sender sees it.
struct LimitTarget: BitwiseCopyable {
  var descriptor: Int32 = -1
  /// What the ring knows the socket by: the descriptor, or its place among the fixed files.
  var ringDescriptor: Int32 = -1
  var isDirty = false
  var isSending = false
  /// Frames, or for `sendmsg` the vector over shared ones.
  var back = ByteQueue()
  var front = ByteQueue()
  var header: UnsafeMutablePointer<msghdr>?
  /// For `bundle`: the client's buffer ring, what it holds, and what was added since the last flush.
  var bundle: UnsafeMutablePointer<io_uring_buf_ring>?
  var bundleBytes = 0
  var bundleCount = 0
  var bundleAdded: Int32 = 0
}

final class LimitSender {
  let way: SendWay
  private let ring: BenchRing
  private let areFilesFixed: Bool
  let targets: UnsafeMutablePointer<LimitTarget>
  private let dirty: UnsafeMutablePointer<UInt32>
  private var dirtyCount = 0
  private var arena: SharedFrames
  /// `zc`: memory of sends that the kernel has not given back, and spare memory.
  private var lent: [ByteQueue] = []
  private var lentFree: [Int] = []
  private var spare: [ByteQueue] = []

  private(set) var delivered: UInt64 = 0
  private(set) var sends: UInt64 = 0
  /// Frames thrown away because a client did not read.
  private(set) var dropped: UInt64 = 0

  /// IORING_RECVSEND_BUNDLE (Linux 6.10), which liburing 2.3 does not name.
  private static let bundleFlag: UInt16 = 1 << 4
  private static let bundleEntries = 512
  /// Bytes that may wait for one client.
  static let pendingBytesMax = 16 << 20
  /// UIO_MAXIOV.
  private static let partsMax = 1024
  private static let flags = Int32(MSG_NOSIGNAL)

  init(_ way: SendWay, ring: BenchRing, clientsMax: Int, areFilesFixed: Bool) throws {
    self.way = way
    self.ring = ring
    self.areFilesFixed = areFilesFixed
    targets = .allocate(capacity: clientsMax)
    targets.initialize(repeating: LimitTarget(), count: clientsMax)
    dirty = .allocate(capacity: clientsMax)
    arena = SharedFrames(bytes: way.usesSharedFrames ? 64 << 20 : 4096)
    if areFilesFixed { try ring.registerFiles(clientsMax) }
  }

  func open(_ client: Int, descriptor: Int32) throws {
    // A former holder of the place may have left its buffers: they are kept.
    targets[client].descriptor = descriptor
    targets[client].ringDescriptor = areFilesFixed ? Int32(client) : descriptor
    if areFilesFixed { try ring.setFile(client, descriptor) }
    switch way {
    case .sendmsg:
      targets[client].header = .allocate(capacity: 1)
      targets[client].header?.initialize(to: msghdr())
    case .bundle:
      targets[client].bundle = try BenchRing.bufferRing(
        on: ring.ring, entries: Self.bundleEntries, group: UInt16(client + 1))
    case .copy, .coalesced, .zc, .perMessage: break
    }
  }

  func close(_ client: Int) { targets[client].descriptor = -1 }

  /// Frames of a tick that every client shares; the way decides whether they are copied first.
  @inline(__always) func share(_ frame: UnsafeRawPointer, _ count: Int) -> UnsafeRawPointer {
    way.usesSharedFrames ? arena.store(frame, count) : frame
  }

  /// A frame that is due to a client.
  /// - Parameter frame: what `share` answered.
  @inline(__always) func hand(_ frame: UnsafeRawPointer, _ count: Int, to client: Int) {
    let target = targets + client
    switch way {
    case .copy, .coalesced, .zc:
      guard target.pointee.back.count < Self.pendingBytesMax else { return drop() }
      target.pointee.back.append(frame, count)
    case .sendmsg:
      guard target.pointee.back.count < Self.partsMax * 64 else { return drop() }
      var part = iovec(iov_base: UnsafeMutableRawPointer(mutating: frame), iov_len: count)
      target.pointee.back.append(&part, MemoryLayout<iovec>.size)
    case .bundle:
      guard target.pointee.bundleCount < Self.bundleEntries else { return drop() }
      io_uring_buf_ring_add(
        target.pointee.bundle, UnsafeMutableRawPointer(mutating: frame), UInt32(count),
        UInt16(truncatingIfNeeded: target.pointee.bundleCount), Int32(Self.bundleEntries - 1),
        target.pointee.bundleAdded)
      target.pointee.bundleAdded &+= 1
      target.pointee.bundleCount &+= 1
      target.pointee.bundleBytes &+= count
    case .perMessage:
      guard send(target.pointee.descriptor, frame, count, Self.flags) == count else { return drop() }
      sends &+= 1
      delivered &+= 1
      return
    }
    delivered &+= 1
    mark(client, target)
  }

  @inline(never) private func drop() { dropped &+= 1 }

  @inline(__always) private func mark(_ client: Int, _ target: UnsafeMutablePointer<LimitTarget>) {
    if target.pointee.isDirty { return }
    target.pointee.isDirty = true
    dirty[dirtyCount] = UInt32(truncatingIfNeeded: client)
    dirtyCount &+= 1
  }

  /// Puts everything that is due on its way.
  /// - Returns: whether plain sends are left over that found their sockets full.
  func flush() -> Bool {
    let count = dirtyCount
    dirtyCount = 0
    for place in 0..<count {
      let client = Int(dirty[place])
      let target = targets + client
      target.pointee.isDirty = false
      if target.pointee.descriptor < 0 { continue }
      switch way {
      case .copy: submitCopy(client, target)
      case .coalesced: if !sendPlain(target) { mark(client, target) }
      case .sendmsg: submitVector(client, target)
      case .bundle: submitBundle(client, target)
      case .zc: submitZeroCopy(client, target)
      case .perMessage: break
      }
    }
    return dirtyCount > 0
  }

  // MARK: Ways

  private func entry(_ client: Int) -> UnsafeMutablePointer<io_uring_sqe> {
    sends &+= 1
    return ring.entry(.send, client)
  }

  private func seal(_ entry: UnsafeMutablePointer<io_uring_sqe>) {
    if areFilesFixed { entry.pointee.flags |= UInt8(1 << IOSQE_FIXED_FILE_BIT) }
  }

  private func submitCopy(_ client: Int, _ target: UnsafeMutablePointer<LimitTarget>) {
    if target.pointee.isSending { return }
    if target.pointee.front.isEmpty {
      target.pointee.front.clear()
      swap(&target.pointee.front, &target.pointee.back)
    }
    if target.pointee.front.isEmpty { return }
    target.pointee.isSending = true
    let entry = entry(client)
    io_uring_prep_send(
      entry, target.pointee.ringDescriptor, target.pointee.front.front, target.pointee.front.left, Self.flags)
    seal(entry)
  }

  private func sendPlain(_ target: UnsafeMutablePointer<LimitTarget>) -> Bool {
    sends &+= 1
    let left = target.pointee.back.left
    let count = send(target.pointee.descriptor, target.pointee.back.front, left, Self.flags)
    if count == left {
      target.pointee.back.clear()
      return true
    }
    if count > 0 { target.pointee.back.advance(count) }
    return count < 0 && errno != EAGAIN
  }

  private func submitVector(_ client: Int, _ target: UnsafeMutablePointer<LimitTarget>) {
    if target.pointee.isSending { return }
    if target.pointee.front.isEmpty {
      target.pointee.front.clear()
      swap(&target.pointee.front, &target.pointee.back)
    }
    guard !target.pointee.front.isEmpty, let header = target.pointee.header else { return }
    target.pointee.isSending = true
    let parts = target.pointee.front.front.assumingMemoryBound(to: iovec.self)
    header.pointee.msg_iov = parts
    header.pointee.msg_iovlen = min(target.pointee.front.left / MemoryLayout<iovec>.size, Self.partsMax)
    arena.check(parts.pointee.iov_base)
    let entry = entry(client)
    io_uring_prep_sendmsg(entry, target.pointee.ringDescriptor, header, UInt32(Self.flags))
    seal(entry)
  }

  private func submitBundle(_ client: Int, _ target: UnsafeMutablePointer<LimitTarget>) {
    if target.pointee.bundleAdded > 0 {
      io_uring_buf_ring_advance(target.pointee.bundle, target.pointee.bundleAdded)
      target.pointee.bundleAdded = 0
    }
    if target.pointee.isSending || target.pointee.bundleBytes == 0 { return }
    target.pointee.isSending = true
    let entry = entry(client)
    // Short sends would lose the rest of a buffer.
    io_uring_prep_send(entry, target.pointee.ringDescriptor, nil, 0, Self.flags | Int32(MSG_WAITALL))
    entry.pointee.flags |= UInt8(1 << IOSQE_BUFFER_SELECT_BIT)
    entry.pointee.ioprio = Self.bundleFlag
    entry.pointee.buf_group = UInt16(client + 1)
    seal(entry)
  }

  private func submitZeroCopy(_ client: Int, _ target: UnsafeMutablePointer<LimitTarget>) {
    if target.pointee.isSending || target.pointee.back.isEmpty { return }
    target.pointee.isSending = true
    let number = lentFree.popLast() ?? lent.count
    if number == lent.count { lent.append(ByteQueue()) }
    lent[number] = target.pointee.back
    target.pointee.back = spare.popLast() ?? ByteQueue()
    let entry = entry(client)
    entry.pointee.user_data |= UInt64(number) << 24
    io_uring_prep_send_zc(
      entry, target.pointee.ringDescriptor, lent[number].front, lent[number].left,
      Self.flags | Int32(MSG_WAITALL), 0)
    seal(entry)
  }

  // MARK: Completions

  /// A send of this sender has completed.
  func onSend(_ completion: BenchCompletion) {
    let client = completion.index & 0xFF_FFFF
    let target = targets + client
    if way == .zc {
      let number = completion.index >> 24
      // With a failure there is no notification.
      if completion.isNotification || !completion.isContinuing { giveBack(number) }
      if completion.isNotification { return }
    }
    if completion.result < 0 {
      target.pointee.isSending = false
      target.pointee.front.clear()
      return
    }
    switch way {
    case .copy: target.pointee.front.advance(Int(completion.result))
    case .sendmsg: advanceVector(target, Int(completion.result))
    case .bundle:
      target.pointee.bundleBytes -= Int(completion.result)
      if target.pointee.bundleBytes == 0 { target.pointee.bundleCount = 0 }
      if completion.isContinuing { return }
    case .zc, .coalesced, .perMessage: break
    }
    target.pointee.isSending = false
    if !target.pointee.front.isEmpty || !target.pointee.back.isEmpty || target.pointee.bundleBytes > 0 {
      mark(client, target)
    }
  }

  private func giveBack(_ number: Int) {
    var memory = lent[number]
    memory.clear()
    spare.append(memory)
    lent[number] = ByteQueue()
    lentFree.append(number)
  }

  private func advanceVector(_ target: UnsafeMutablePointer<LimitTarget>, _ bytes: Int) {
    var left = bytes
    while left > 0 {
      let part = target.pointee.front.front.assumingMemoryBound(to: iovec.self)
      if left < part.pointee.iov_len {
        part.pointee.iov_base += left
        part.pointee.iov_len -= left
        return
      }
      left -= part.pointee.iov_len
      target.pointee.front.advance(MemoryLayout<iovec>.size)
    }
  }
}

/// Memory of frames that sends refer to, used round and round. A client may lag by most of it, not more.
struct SharedFrames {
  private let memory: UnsafeMutableRawPointer
  private let bytes: Int
  private var position = 0
  private static let marginBytes = 1 << 20

  init(bytes: Int) {
    self.bytes = bytes
    memory = .allocate(byteCount: bytes, alignment: 64)
  }

  @inline(__always) mutating func store(_ frame: UnsafeRawPointer, _ count: Int) -> UnsafeRawPointer {
    if position &+ count > bytes { position = 0 }
    let place = memory + position
    place.copyMemory(from: frame, byteCount: count)
    position &+= count
    return UnsafeRawPointer(place)
  }

  /// Stops the run when the frame is about to be overwritten: figures of such a run would be worth nothing.
  @inline(__always) func check(_ frame: UnsafeRawPointer) {
    let ahead = frame - UnsafeRawPointer(memory) - position
    precondition(ahead <= 0 || ahead > Self.marginBytes, "a client lags by all the frame memory there is")
  }
}
