// The sockets of one loop as their users see them: open, append, close. Nothing here performs I/O: changes are noted
// in the dirty list, and the loop turns them into operations at the end of its turn, so that all that is due to a
// socket leaves in one send and all sends of a turn in one submission. Loop thread only.
//
// An append copies into blocks of the socket's own outbox; the kernel sends from there. Idle sockets hold no block.

import Glibc

public final class Sockets {
  public let limits: LoopLimits
  @usableFromInline let states: UnsafeMutablePointer<SocketState>
  var pool: BlockPool
  var vectors = SendVectorPool()
  /// Sockets with something to do at the end of the turn, each once.
  @usableFromInline let dirty: UnsafeMutablePointer<UInt32>
  @usableFromInline var dirtyCount = 0
  private var spare: [UInt32] = []
  private var touched: UInt32 = 0
  /// Addresses of connections that are being opened, for the loop to hand to the kernel.
  var addresses: [UInt32: UnsafeMutableRawPointer] = [:]
  /// Why the TLS side of sockets that are ending failed, by index.
  var failures: [UInt32: String] = [:]
  /// Where decrypted bytes are handed over, and where a record is put together; made for the first encrypted socket.
  var scratch: TLSScratch?

  /// Sockets in any phase but free.
  public private(set) var openCount = 0
  /// Of these, the encrypted ones.
  public internal(set) var secureCount = 0
  /// Connections turned away because the table was full.
  public internal(set) var refusedCount: UInt64 = 0
  var stopDeadlineNanos: Int64?

  public init(limits: LoopLimits) {
    self.limits = limits
    states = .allocate(capacity: limits.socketsMax)
    // A flush may note every socket again while it works through the list.
    dirty = .allocate(capacity: 2 * limits.socketsMax)
    pool = BlockPool(bytesMax: limits.outboundBytesMax)
  }

  deinit {
    for index in indices { if let session = states[Int(index)].session { session.free() } }
    states.deallocate()
    dirty.deallocate()
    for address in addresses.values { address.deallocate() }
    scratch?.deallocate()
  }

  /// The outbox memory is nearly used up: what can wait should, so that replies still find room.
  public var isCrowded: Bool { pool.used >= pool.blocksMax - pool.blocksMax / 8 }

  /// Bytes of outbox memory in use.
  public var outboundBytes: Int { pool.used * Block.room }

  @inlinable @inline(__always)
  func state(_ socket: SocketID) -> UnsafeMutablePointer<SocketState>? {
    let state = states + Int(socket.index)
    return state.pointee.generation == socket.generation && state.pointee.phase != .free ? state : nil
  }

  // MARK: For handlers

  /// Whether the socket can be written to.
  @inlinable public func isOpen(_ socket: SocketID) -> Bool {
    guard let state = state(socket) else { return false }
    return state.pointee.phase == .open
  }

  /// Bytes that wait in the socket's outbox; of an encrypted socket plain and cipher text.
  @inlinable @inline(__always) public func bytesPending(_ socket: SocketID) -> Int {
    state(socket)?.pointee.bytesPending ?? 0
  }

  /// Adds bytes to what will be sent at the end of the turn. False when the socket is not open, or when the outbox
  /// memory of the loop is used up: then nothing was added.
  @inlinable
  public func append(_ socket: SocketID, _ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
    guard let state = state(socket), state.pointee.phase == .open else { return false }
    if let tail = state.pointee.outbox.tail, Block.room &- Int(tail.pointee.end) >= count {
      (tail.pointee.payload + Int(tail.pointee.end)).copyMemory(from: bytes, byteCount: count)
      tail.pointee.end &+= UInt32(truncatingIfNeeded: count)
    } else if !appendAcrossBlocks(state, bytes, count) {
      return false
    }
    state.pointee.bytesPending &+= count
    state.pointee.bytesAppended &+= UInt64(truncatingIfNeeded: count)
    mark(socket.index, state)
    return true
  }

  /// The same for data that can be left out: refused as well when more than `pendingMax` bytes wait already. When
  /// the peer has taken everything before, what one turn appends may come to `turnMax`: the kernel was not offered it yet,
  /// so it says nothing about how fast the peer takes it.
  @inlinable @inline(__always)
  public func append(
    _ socket: SocketID, _ bytes: UnsafeRawPointer, _ count: Int, pendingMax: Int, turnMax: Int
  ) -> Bool {
    guard let state = state(socket) else { return false }
    if state.pointee.bytesPending > pendingMax {
      let fresh = Int(truncatingIfNeeded: state.pointee.bytesAppended &- state.pointee.bytesOffered)
      if state.pointee.bytesPending > fresh || state.pointee.bytesPending > turnMax { return false }
    }
    return append(socket, bytes, count)
  }

  @inlinable
  public func append(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.isEmpty || append(socket, bytes.baseAddress.unsafelyUnwrapped, bytes.count)
  }

  public func append(_ socket: SocketID, _ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { append(socket, $0) }
  }

  @usableFromInline @inline(never)
  func appendAcrossBlocks(
    _ state: UnsafeMutablePointer<SocketState>, _ bytes: UnsafeRawPointer, _ count: Int
  ) -> Bool {
    let inTail = state.pointee.outbox.tail.map { Block.room - Int($0.pointee.end) } ?? 0
    let blocksNeeded = (max(0, count - inTail) + Block.room - 1) / Block.room
    guard pool.used + blocksNeeded <= pool.blocksMax else { return false }
    var offset = 0
    while offset < count {
      if state.pointee.outbox.tail.map({ Int($0.pointee.end) == Block.room }) ?? true {
        guard let block = pool.take() else { fatalError("no memory for an outbox") }
        state.pointee.outbox.push(block)
      }
      let tail = state.pointee.outbox.tail!
      let part = min(count - offset, Block.room - Int(tail.pointee.end))
      (tail.pointee.payload + Int(tail.pointee.end)).copyMemory(from: bytes + offset, byteCount: part)
      tail.pointee.end += UInt32(part)
      offset += part
    }
    return true
  }

  /// What was appended so far and what comes later do not share a send.
  public func fence(_ socket: SocketID) {
    guard let state = state(socket), state.pointee.bytesAppended > state.pointee.bytesSent else { return }
    let count = Int(state.pointee.fenceCount)
    if count > 0, state.pointee.fences[count - 1] == state.pointee.bytesAppended { return }
    // More fences than can be kept: the newest take the place of the last, earlier bytes merge.
    let place = min(count, 3)
    state.pointee.fences[place] = state.pointee.bytesAppended
    state.pointee.fenceCount = UInt8(place + 1)
  }

  /// Whether more than this waits, some of it since before this turn: the peer does not take it.
  public func isStuck(_ socket: SocketID, above bytes: Int) -> Bool {
    guard let state = state(socket), state.pointee.bytesPending > bytes else { return false }
    return state.pointee.bytesPending
      > Int(truncatingIfNeeded: state.pointee.bytesAppended &- state.pointee.bytesOffered)
  }

  /// How long the oldest byte of the outbox has waited at least; 0 when nothing waits. Exact to the time between two
  /// sends.
  public func pendingAgeNanos(_ socket: SocketID, nowNanos: Int64) -> Int64 {
    guard let state = state(socket), state.pointee.bytesPending > 0 else { return 0 }
    // What waits behind a mark that was passed came after the last send began: the next one sets the mark.
    let isMarked = state.pointee.bytesSent < state.pointee.markBytes || isCipherMarked(state)
    return isMarked ? max(0, nowNanos - state.pointee.markNanos) : 0
  }

  /// Lets the kernel hold at most about this many bytes that it has not sent yet, so that what a slow reader gets is
  /// not old. The rest waits in the outbox.
  public func limitUnsent(_ socket: SocketID, bytes: Int32) {
    guard let state = state(socket) else { return }
    var bytes = bytes
    setsockopt(
      state.pointee.descriptor, Int32(IPPROTO_TCP), Int32(TCP_NOTSENT_LOWAT), &bytes,
      socklen_t(MemoryLayout<Int32>.size))
  }

  /// Takes over a connected descriptor that another loop accepted. Nil when the table is full, or memory is short;
  /// then it stays the caller's.
  /// - Parameter tls: encrypts it, as the server's side.
  public func take(descriptor: Int32, tls: TLSServerContext? = nil) -> SocketID? {
    guard let tls else { return adopt(descriptor: descriptor, phase: .open) }
    return adoptSecured(descriptor, tls)
  }

  /// Opens a connection; `onConnect` or `onClosed` tells how it went.
  public func connect(to address: SocketAddress) throws(LoopError) -> SocketID {
    let fd = socket(address.family, Int32(SOCK_STREAM.rawValue) | 0o2_004_000, 0)
    guard fd >= 0 else { throw .cannotBind(host: "outgoing", port: address.port, errno: errno) }
    var on: Int32 = 1
    setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    guard let id = adopt(descriptor: fd, phase: .connecting) else {
      Glibc.close(fd)
      throw .outOfMemory(what: "another socket: \(limits.socketsMax) are open")
    }
    let storage = UnsafeMutableRawPointer.allocate(byteCount: 128, alignment: 8)
    let length = address.write(to: storage)
    storage.storeBytes(of: length, toByteOffset: 120, as: socklen_t.self)
    addresses[id.index] = storage
    return id
  }

  /// Sends what is in the outbox, then ends the connection. What still comes in is thrown away.
  public func closeAfterFlush(_ socket: SocketID) {
    guard let state = state(socket), state.pointee.phase == .open else { return close(socket) }
    state.pointee.phase = .draining
    mark(socket.index, state)
  }

  /// Ends the connection at once; what is in the outbox is lost.
  public func close(_ socket: SocketID) { end(socket, reason: 0) }

  /// Ends the connection at once and with a reset, so that the peer sees an error instead of an end: for those who
  /// play a failing network.
  public func reset(_ socket: SocketID) {
    guard let state = state(socket), state.pointee.phase != .closing else { return }
    var off = linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      state.pointee.descriptor, SOL_SOCKET, SO_LINGER, &off, socklen_t(MemoryLayout<linger>.size))
    state.pointee.flags.insert(.resets)
    close(socket)
  }

  /// Ends the loop: as soon as all sockets are gone, or when the time is over.
  public func stop(deadlineNanos: Int64) { stopDeadlineNanos = deadlineNanos }

  /// False once `stop` was called.
  public var isRunning: Bool { stopDeadlineNanos == nil }

  // MARK: For the loop

  func closeReason(_ index: UInt32) -> CloseReason {
    switch states[Int(index)].reason {
    case SocketState.reasonLocal: .local
    case SocketState.reasonPeer: .peer
    case SocketState.reasonTLS: .tls(failures[index] ?? "unknown cause")
    case let code: .failed(errno: code)
    }
  }

  func end(_ socket: SocketID, reason: Int32) {
    guard let state = state(socket), state.pointee.phase != .closing else { return }
    state.pointee.phase = .closing
    if state.pointee.reason != SocketState.reasonTLS { state.pointee.reason = reason }
    mark(socket.index, state)
  }

  @inlinable @inline(__always)
  func mark(_ index: UInt32, _ state: UnsafeMutablePointer<SocketState>) {
    if state.pointee.flags.contains(.dirty) { return }
    state.pointee.flags.insert(.dirty)
    dirty[dirtyCount] = index
    dirtyCount &+= 1
  }

  func adopt(descriptor: Int32, phase: SocketState.Phase) -> SocketID? {
    let index: UInt32
    if let reused = spare.popLast() {
      index = reused
    } else {
      guard touched < limits.socketsMax else { return nil }
      index = touched
      touched += 1
      states[Int(index)] = SocketState()
    }
    let generation = (states[Int(index)].generation + 1) & 0xFF_FFFF
    states[Int(index)] = SocketState()
    states[Int(index)].generation = generation
    states[Int(index)].descriptor = descriptor
    states[Int(index)].phase = phase
    openCount += 1
    mark(index, states + Int(index))
    return SocketID(index: index, generation: generation)
  }

  /// Gives back everything of a closing socket that the kernel no longer uses.
  func release(_ index: UInt32) {
    let state = states + Int(index)
    if let session = state.pointee.session { release(session) }
    failures.removeValue(forKey: index)
    state.pointee.outbox.empty(&pool)
    if let vector = state.pointee.vector { vectors.give(vector) }
    addresses.removeValue(forKey: index)?.deallocate()
    Glibc.close(state.pointee.descriptor)
    let generation = state.pointee.generation
    state.pointee = SocketState()
    state.pointee.generation = generation
    spare.append(index)
    openCount -= 1
  }

  /// Every index that was ever used, for sweeps.
  var indices: Range<UInt32> { 0..<touched }
}
