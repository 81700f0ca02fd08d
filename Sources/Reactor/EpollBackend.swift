// epoll: what the ring does, done by readiness and plain calls, for kernels and containers that refuse io_uring. Loop
// thread only. Tables grow to their high-water marks; after that no operation allocates.
//
// Level-triggered. A descriptor that was not read to its end (no buffer left, its share of the turn used up) is
// reported again without any bookkeeping here, a short read saves the call that would only say EAGAIN, and the kernel
// moves what it has reported to the end of its queue, so that under load everybody gets a turn. Its price is two
// epoll_ctl for each send that blocks, which only slow readers cause: every send is tried at once.
//
// A descriptor is known to the kernel's set exactly as long as an operation waits on it. The loop closes descriptors
// without operations, and their numbers come back: nothing may be left of the earlier one.

import CLinux
import Glibc

public final class EpollBackend: IOBackend {
  private let set: Int32
  private let events: UnsafeMutablePointer<epoll_event>
  private let bufferMemory: UnsafeMutableRawPointer
  private let bufferCount: Int
  private let bufferBytes: Int
  private let freeBuffers: UnsafeMutablePointer<Int32>
  private var freeCount: Int
  private var slots = EpollSlots()
  /// Descriptors whose output was asked for since the last turn.
  private var fresh = FlatList<Int32>(capacity: 1024)
  private var completions = FlatList<Completion>(capacity: 2048)
  /// Completions at the front that the loop has seen.
  private var delivered = 0
  private var waitsPrecisely = true

  private static let eventsMax = 1024
  /// Connections taken from one listener per turn.
  private static let acceptsMax = 64
  /// Buffers filled from one socket per turn: a burst needs few turns, and nobody takes all buffers.
  private static let receivesMax = 8
  private static let inputEvents = EPOLLIN.rawValue
  private static let outputEvents = EPOLLOUT.rawValue
  private static let brokenEvents = EPOLLERR.rawValue | EPOLLHUP.rawValue

  public init(limits: LoopLimits) throws(LoopError) {
    precondition(limits.receiveBuffers > 0 && limits.receiveBufferBytes > 0)
    let set = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard set >= 0 else { throw .epollRefused(errno: errno) }
    var memory: UnsafeMutableRawPointer?
    guard posix_memalign(&memory, 4096, limits.receiveBuffers * limits.receiveBufferBytes) == 0, let memory else {
      Glibc.close(set)
      throw .outOfMemory(what: "receive buffers")
    }
    self.set = set
    events = .allocate(capacity: Self.eventsMax)
    bufferMemory = memory
    bufferCount = limits.receiveBuffers
    bufferBytes = limits.receiveBufferBytes
    freeBuffers = .allocate(capacity: bufferCount)
    freeCount = bufferCount
    for index in 0..<bufferCount { (freeBuffers + index).initialize(to: Int32(bufferCount - 1 - index)) }
  }

  deinit {
    Glibc.close(set)
    events.deallocate()
    free(bufferMemory)
    freeBuffers.deallocate()
  }

  // MARK: Operations

  public func accept(_ descriptor: Int32, _ token: Token) { begin(.accept, descriptor, token) }

  public func receive(_ descriptor: Int32, _ token: Token) { begin(.receive, descriptor, token) }

  /// Reports in every turn in which the descriptor is readable, until it has been read.
  public func watch(_ descriptor: Int32, _ token: Token) { begin(.watch, descriptor, token) }

  public func connect(_ descriptor: Int32, address: UnsafeMutableRawPointer, length: UInt32, _ token: Token) {
    begin(.connect, descriptor, UnsafeRawPointer(address), Int(length), token)
  }

  public func send(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int, _ token: Token) {
    begin(.send, descriptor, bytes, count, token)
  }

  public func send(_ descriptor: Int32, header: UnsafeMutableRawPointer, _ token: Token) {
    begin(.sendVector, descriptor, UnsafeRawPointer(header), 0, token)
  }

  /// At once, not with the next turn: the loop may close the descriptor right after.
  public func cancelAll(_ descriptor: Int32, _ token: Token) {
    endAll(descriptor, -ECANCELED)
    completions.append(Completion(token: token, result: 0))
  }

  private func begin(_ input: EpollSlot.Input, _ descriptor: Int32, _ token: Token) {
    let slot = slots.at(descriptor)
    precondition(slot.pointee.input == .none, "one operation that takes in at a time")
    slot.pointee.input = input
    slot.pointee.inputToken = token
    refresh(descriptor, slot)
  }

  private func begin(
    _ output: EpollSlot.Output, _ descriptor: Int32, _ memory: UnsafeRawPointer, _ count: Int, _ token: Token
  ) {
    let slot = slots.at(descriptor)
    precondition(slot.pointee.output == .none, "one send or connect at a time")
    slot.pointee.output = output
    slot.pointee.outputToken = token
    slot.pointee.memory = memory
    slot.pointee.count = count
    slot.pointee.isFresh = true
    fresh.append(descriptor)
  }

  // MARK: Turn

  public func turn(timeoutNanos: Int64) -> Int {
    completions.dropFirst(delivered)
    for index in 0..<fresh.count { tryFresh(fresh[index]) }
    fresh.removeAll()
    // Every event must find a buffer: the kernel keeps what it does not report now at the head of its queue.
    let eventsMax = min(Self.eventsMax, max(1, freeCount))
    let count = wait(eventsMax, timeoutNanos: completions.count > 0 ? 0 : max(0, timeoutNanos))
    for index in 0..<count {
      onReady(events[index].data.fd, events[index].events, eventsLeft: count &- index &- 1)
    }
    delivered = completions.count
    return delivered
  }

  public func completion(at index: Int) -> Completion { completions[index] }

  public func bytes(of buffer: Int32) -> UnsafeMutableRawPointer { bufferMemory + Int(buffer) * bufferBytes }

  public func giveBack(_ buffer: Int32) {
    precondition(freeCount < bufferCount, "a buffer was given back twice")
    freeBuffers[freeCount] = buffer
    freeCount &+= 1
  }

  private func wait(_ eventsMax: Int, timeoutNanos: Int64) -> Int {
    var count: Int32
    if waitsPrecisely {
      var timeout = timespec(tv_sec: Int(timeoutNanos / 1_000_000_000), tv_nsec: Int(timeoutNanos % 1_000_000_000))
      count = epoll_pwait2(set, events, Int32(eventsMax), &timeout, nil)
      if count >= 0 { return Int(count) }
      // Linux before 5.11, or a container whose rules were written before it.
      if errno == ENOSYS || errno == EPERM { waitsPrecisely = false }
    }
    // Rounded up: a loop that wakes too early would spin until its time has come.
    let millis = (min(timeoutNanos, Self.waitNanosMax) + 999_999) / 1_000_000
    count = waitsPrecisely ? -1 : epoll_wait(set, events, Int32(eventsMax), Int32(millis))
    precondition(count >= 0 || errno == EINTR, "epoll_wait: errno \(errno)")
    return max(0, Int(count))
  }

  /// The longest wait in milliseconds, an hour: the loop asks again.
  private static let waitNanosMax: Int64 = 3_600_000_000_000

  private func onReady(_ descriptor: Int32, _ reported: UInt32, eventsLeft: Int) {
    let slot = slots.at(descriptor)
    let isBroken = reported & Self.brokenEvents != 0
    if slot.pointee.output != .none, isBroken || reported & Self.outputEvents != 0 { tryOutput(descriptor, slot) }
    guard isBroken || reported & Self.inputEvents != 0 else { return }
    switch slot.pointee.input {
    case .none: break
    case .accept: takeConnections(descriptor, slot)
    case .receive: takeBytes(descriptor, slot, buffersReserved: eventsLeft)
    case .watch: complete(slot.pointee.inputToken, Int32(POLLIN), isContinuing: true)
    }
  }

  // MARK: Input

  private func takeConnections(_ descriptor: Int32, _ slot: UnsafeMutablePointer<EpollSlot>) {
    for _ in 0..<Self.acceptsMax {
      let accepted = tg_accept(descriptor)
      if accepted >= 0 {
        complete(slot.pointee.inputToken, accepted, isContinuing: true)
        continue
      }
      let code = errno
      if code == EAGAIN { return }
      // Trouble of the one connection, not of the listener.
      if code == EINTR || code == ECONNABORTED || code == EPROTO { continue }
      return endInput(descriptor, slot, -code)
    }
  }

  private func takeBytes(_ descriptor: Int32, _ slot: UnsafeMutablePointer<EpollSlot>, buffersReserved: Int) {
    for _ in 0..<Self.receivesMax where freeCount > buffersReserved {
      let buffer = freeBuffers[freeCount &- 1]
      let count = recv(descriptor, bytes(of: buffer), bufferBytes, Int32(MSG_DONTWAIT))
      if count > 0 {
        freeCount &-= 1
        completions.append(
          Completion(
            token: slot.pointee.inputToken, result: Int32(truncatingIfNeeded: count), isContinuing: true,
            buffer: buffer))
        if count < bufferBytes { return }
      } else if count == 0 {
        return endInput(descriptor, slot, 0)
      } else {
        let code = errno
        if code == EAGAIN { return }
        if code != EINTR { return endInput(descriptor, slot, -code) }
      }
    }
  }

  private func endInput(_ descriptor: Int32, _ slot: UnsafeMutablePointer<EpollSlot>, _ result: Int32) {
    slot.pointee.input = .none
    complete(slot.pointee.inputToken, result)
    refresh(descriptor, slot)
  }

  // MARK: Output

  private func tryFresh(_ descriptor: Int32) {
    let slot = slots.at(descriptor)
    // Cancelled in the meantime, or entered twice because of that.
    guard slot.pointee.isFresh else { return }
    slot.pointee.isFresh = false
    if slot.pointee.output == .connect {
      let address = slot.pointee.memory.unsafelyUnwrapped.assumingMemoryBound(to: sockaddr.self)
      if Glibc.connect(descriptor, address, socklen_t(slot.pointee.count)) == 0 {
        return endOutput(descriptor, slot, 0)
      }
      let code = errno
      if code != EINPROGRESS && code != EINTR { return endOutput(descriptor, slot, -code) }
      refresh(descriptor, slot)
    } else {
      tryOutput(descriptor, slot)
    }
  }

  private func tryOutput(_ descriptor: Int32, _ slot: UnsafeMutablePointer<EpollSlot>) {
    let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
    let memory = slot.pointee.memory.unsafelyUnwrapped
    let result: Int
    switch slot.pointee.output {
    case .none: return
    case .connect: return endOutput(descriptor, slot, -Self.pendingError(descriptor))
    case .send: result = Glibc.send(descriptor, memory, slot.pointee.count, flags)
    case .sendVector: result = sendmsg(descriptor, memory.assumingMemoryBound(to: msghdr.self), flags)
    }
    if result >= 0 { return endOutput(descriptor, slot, Int32(truncatingIfNeeded: result)) }
    let code = errno
    if code == EAGAIN || code == EINTR { return refresh(descriptor, slot) }
    endOutput(descriptor, slot, -code)
  }

  private func endOutput(_ descriptor: Int32, _ slot: UnsafeMutablePointer<EpollSlot>, _ result: Int32) {
    slot.pointee.output = .none
    complete(slot.pointee.outputToken, result)
    refresh(descriptor, slot)
  }

  private static func pendingError(_ descriptor: Int32) -> Int32 {
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 ? code : errno
  }

  // MARK: Books

  private func complete(_ token: Token, _ result: Int32, isContinuing: Bool = false) {
    completions.append(Completion(token: token, result: result, isContinuing: isContinuing))
  }

  private func endAll(_ descriptor: Int32, _ result: Int32) {
    let slot = slots.at(descriptor)
    let (input, output) = (slot.pointee.input, slot.pointee.output)
    slot.pointee.input = .none
    slot.pointee.output = .none
    slot.pointee.isFresh = false
    if input != .none { complete(slot.pointee.inputToken, result) }
    if output != .none { complete(slot.pointee.outputToken, result) }
    refresh(descriptor, slot)
  }

  /// Tells the kernel to report what the descriptor's operations wait for, if that has changed.
  private func refresh(_ descriptor: Int32, _ slot: UnsafeMutablePointer<EpollSlot>) {
    var wanted: UInt32 = slot.pointee.input != .none ? Self.inputEvents : 0
    if slot.pointee.output != .none && !slot.pointee.isFresh { wanted |= Self.outputEvents }
    if wanted == slot.pointee.interest { return }
    let change = wanted == 0 ? EPOLL_CTL_DEL : slot.pointee.interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD
    var event = epoll_event()
    event.events = wanted
    event.data.fd = descriptor
    if epoll_ctl(set, change, descriptor, &event) == 0 || wanted == 0 {
      slot.pointee.interest = wanted
    } else {
      // The limit of watches, or of memory: what would never be told of its descriptor ends.
      endAll(descriptor, -errno)
    }
  }
}
