// The event loop over a scripted backend: no kernel, completions in random order, with short sends, errors, missing
// buffers and cancels. Method: a seeded history of appends, fences and closes; afterwards the books must balance.

import Glibc
import Logging
import Market
import Reactor
import TestSupport
import Testing
import TickRing

/// Completes operations when and how a seeded generator says.
final class ScriptedBackend: IOBackend {
  struct Pending {
    var token: Token
    var descriptor: Int32
    var kind: Kind
  }

  enum Kind {
    case connect
    case receive
    case send([(UnsafeRawPointer, Int)])
  }

  var generator: SeededGenerator
  var pending: [Pending] = []
  var ready: [Completion] = []
  var sent: [Int32: [UInt8]] = [:]
  /// Stream offsets at which sends ended as asked for.
  var sendEnds: [Int32: Set<Int>] = [:]
  var buffersOut = 0
  var faults = 0
  let memory = UnsafeMutableRawPointer.allocate(byteCount: 64 * 32, alignment: 16)
  var freeBuffers = Array(Int32(0)..<32)
  var isCalm = false

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }
  deinit { memory.deallocate() }

  func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }

  func accept(_ descriptor: Int32, _ token: Token) {}
  func watch(_ descriptor: Int32, _ token: Token) {}
  func connect(_ descriptor: Int32, address: UnsafeMutableRawPointer, length: UInt32, _ token: Token) {
    pending.append(Pending(token: token, descriptor: descriptor, kind: .connect))
  }
  func receive(_ descriptor: Int32, _ token: Token) {
    pending.append(Pending(token: token, descriptor: descriptor, kind: .receive))
  }
  func send(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int, _ token: Token) {
    pending.append(Pending(token: token, descriptor: descriptor, kind: .send([(bytes, count)])))
  }
  func send(_ descriptor: Int32, header: UnsafeMutableRawPointer, _ token: Token) {
    let message = header.assumingMemoryBound(to: msghdr.self).pointee
    let parts = (0..<message.msg_iovlen).map {
      (UnsafeRawPointer(message.msg_iov[$0].iov_base!), message.msg_iov[$0].iov_len)
    }
    pending.append(Pending(token: token, descriptor: descriptor, kind: .send(parts)))
  }
  func cancelAll(_ descriptor: Int32, _ token: Token) {
    for operation in pending where operation.descriptor == descriptor {
      ready.append(Completion(token: operation.token, result: -ECANCELED))
    }
    pending.removeAll { $0.descriptor == descriptor }
    ready.append(Completion(token: token, result: 0))
  }

  func turn(timeoutNanos: Int64) -> Int {
    let waiting = pending
    pending = []
    for operation in waiting {
      if chance(isCalm ? 100 : 60) { complete(operation) } else { pending.append(operation) }
    }
    batch = ready
    ready = []
    return batch.count
  }

  var batch: [Completion] = []
  func completion(at index: Int) -> Completion { batch[index] }
  func bytes(of buffer: Int32) -> UnsafeMutableRawPointer { memory + Int(buffer) * 64 }
  func giveBack(_ buffer: Int32) {
    #expect(!freeBuffers.contains(buffer), "a buffer was given back twice")
    freeBuffers.append(buffer)
  }

  private func complete(_ operation: Pending) {
    switch operation.kind {
    case .connect: ready.append(Completion(token: operation.token, result: chance(5) ? -ECONNREFUSED : 0))
    case .receive: completeReceive(operation)
    case .send(let parts): completeSend(operation, parts)
    }
  }

  private func completeReceive(_ operation: Pending) {
    if isCalm { return pending.append(operation) }
    switch Int.random(in: 0..<20, using: &generator) {
    case 0: ready.append(Completion(token: operation.token, result: 0))
    case 1: ready.append(Completion(token: operation.token, result: -ENOBUFS))
    case 2...8:
      guard let buffer = freeBuffers.popLast() else {
        return ready.append(Completion(token: operation.token, result: -ENOBUFS))
      }
      let goesOn = chance(80)
      if goesOn { pending.append(operation) }
      ready.append(Completion(token: operation.token, result: 7, isContinuing: goesOn, buffer: buffer))
    default: pending.append(operation)
    }
  }

  private func completeSend(_ operation: Pending, _ parts: [(UnsafeRawPointer, Int)]) {
    let all = parts.flatMap { Array(UnsafeRawBufferPointer(start: $0.0, count: $0.1)) }
    switch isCalm ? 39 : Int.random(in: 0..<40, using: &generator) {
    case 0:
      faults += 1
      ready.append(Completion(token: operation.token, result: -ECONNRESET))
    case 1: ready.append(Completion(token: operation.token, result: -EAGAIN))
    case 2...10:
      let count = Int.random(in: 0...all.count, using: &generator)
      take(Array(all[0..<count]), operation)
    default:
      take(all, operation)
      sendEnds[operation.descriptor, default: []].insert(sent[operation.descriptor]!.count)
    }
  }

  private func take(_ bytes: [UInt8], _ operation: Pending) {
    sent[operation.descriptor, default: []].append(contentsOf: bytes)
    ready.append(Completion(token: operation.token, result: Int32(bytes.count)))
  }
}

/// Opens, writes, fences and closes at random, and remembers what it did.
final class ScriptedHandler: LoopHandler {
  struct Record {
    var bytesAppended = 0
    var closes = 0
    var isFlushed = false
    var reason: CloseReason?
  }

  let sockets: Sockets
  var generator: SeededGenerator
  var open: [SocketID] = []
  var records: [SocketID: Record] = [:]
  var turns = 0
  static let turnsMax = 200

  init(sockets: Sockets, seed: UInt64) {
    self.sockets = sockets
    generator = SeededGenerator(seed: seed)
  }

  func onAccept(_ socket: SocketID, listener: Int, peer: SocketAddress) {}
  func onConnect(_ socket: SocketID) { open.append(socket) }
  func onReceive(_ socket: SocketID, _ bytes: UnsafeMutableRawBufferPointer) {
    #expect(bytes.count == 7)
    #expect(records[socket]!.closes == 0, "bytes after the end")
    append(socket)
  }
  func onClosed(_ socket: SocketID, reason: CloseReason) {
    records[socket]!.closes += 1
    records[socket]!.reason = reason
    open.removeAll { $0 == socket }
  }

  func onTurn(nowNanos: Int64) {
    turns += 1
    if turns == Self.turnsMax {
      for socket in open { finish(socket) }
      return
    }
    guard turns < Self.turnsMax else {
      if turns > Self.turnsMax + 200 { sockets.stop(deadlineNanos: nowNanos) }
      return
    }
    if sockets.openCount < 20, let socket = try? sockets.connect(to: SocketAddress(ipv4: 0x7F00_0001, port: 9)) {
      records[socket] = Record()
    }
    for socket in open {
      switch Int.random(in: 0..<60, using: &generator) {
      case 0: sockets.close(socket)
      case 1: finish(socket)
      case 2...5: sockets.fence(socket)
      case 6...40: append(socket)
      default: break
      }
    }
  }

  private func finish(_ socket: SocketID) {
    records[socket]!.isFlushed = true
    sockets.closeAfterFlush(socket)
  }

  private func append(_ socket: SocketID) {
    let byte = UInt8.random(in: 0...255, using: &generator)
    let bytes = [UInt8](repeating: byte, count: Int.random(in: 1...6000, using: &generator))
    if sockets.append(socket, bytes) { records[socket]!.bytesAppended += bytes.count }
  }

  func onSweep(nowNanos: Int64) {}
  func hasWork() -> Bool { true }
  func deadlineNanos() -> Int64 { 0 }
}

@Suite struct ScriptedLoopTests {
  @Test func `whatever the kernel does, streams stay whole and every socket ends once`() throws {
    let seed = SeededGenerator.chosenSeed()
    for round in UInt64(0)..<20 {
      var limits = LoopLimits()
      limits.socketsMax = 24
      limits.lingerNanos = 0
      let sockets = Sockets(limits: limits)
      let handler = ScriptedHandler(sockets: sockets, seed: seed &+ round)
      let backend = ScriptedBackend(seed: seed &+ 1000 &+ round)
      let loop = EventLoop(
        handler: handler, sockets: sockets, backend: backend, waker: Waker(), log: Logger(label: "test"))
      loop.run()
      #expect(handler.records.count > 20, "seed \(seed)")
      for (socket, record) in handler.records {
        #expect(record.closes <= 1, "seed \(seed): \(socket) ended \(record.closes) times")
      }
      #expect(backend.freeBuffers.count == 32, "seed \(seed): buffers were lost")
      #expect(sockets.openCount == 0, "seed \(seed)")
      #expect(sockets.outboundBytes == 0, "seed \(seed)")
    }
  }

  /// One connection, so that its descriptor names its stream: everything that was appended is sent in order, and no
  /// send crosses a fence.
  @Test func `a stream is what was appended, cut at its fences`() throws {
    let seed = SeededGenerator.chosenSeed()
    for round in UInt64(0)..<200 {
      let sockets = Sockets(limits: LoopLimits())
      let backend = ScriptedBackend(seed: seed &+ round)
      backend.isCalm = true
      let handler = ScriptedHandler(sockets: sockets, seed: seed)
      let socket = try sockets.connect(to: SocketAddress(ipv4: 0x7F00_0001, port: 9))
      handler.records[socket] = .init()
      handler.turns = ScriptedHandler.turnsMax + 1
      var generator = SeededGenerator(seed: seed &+ round)
      var expected: [UInt8] = []
      var fences: [Int] = []
      let feeder = FencingHandler(inner: handler) {
        guard fences.isEmpty else { return }
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
          let bytes = [UInt8](
            repeating: UInt8.random(in: 0...255, using: &generator), count: Int.random(in: 1...9000, using: &generator))
          #expect(sockets.append(socket, bytes))
          expected += bytes
          sockets.fence(socket)
          fences.append(expected.count)
        }
        handler.records[socket]!.isFlushed = true
        sockets.closeAfterFlush(socket)
      }
      EventLoop(handler: feeder, sockets: sockets, backend: backend, waker: Waker(), log: Logger(label: "test")).run()
      #expect(backend.sent.values.first ?? [] == expected, "seed \(seed), round \(round)")
      let ends = backend.sendEnds.values.first ?? []
      for fence in fences { #expect(ends.contains(fence), "seed \(seed), round \(round): a send crossed \(fence)") }
    }
  }
}

/// Runs an action when the connection is up; everything else goes to the inner handler.
final class FencingHandler: LoopHandler {
  let inner: ScriptedHandler
  let action: () -> Void

  init(inner: ScriptedHandler, action: @escaping () -> Void) {
    self.inner = inner
    self.action = action
  }

  func onAccept(_ socket: SocketID, listener: Int, peer: SocketAddress) {}
  func onConnect(_ socket: SocketID) {
    inner.onConnect(socket)
    action()
  }
  func onReceive(_ socket: SocketID, _ bytes: UnsafeMutableRawBufferPointer) {}
  func onClosed(_ socket: SocketID, reason: CloseReason) { inner.onClosed(socket, reason: reason) }
  func onTurn(nowNanos: Int64) { inner.onTurn(nowNanos: nowNanos) }
  func onSweep(nowNanos: Int64) {}
  func hasWork() -> Bool { true }
  func deadlineNanos() -> Int64 { 0 }
}
