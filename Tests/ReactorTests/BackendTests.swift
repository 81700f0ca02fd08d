// The contract of a backend, on each of them, over pairs of connected sockets and without a loop.

import CLinux
import Glibc
import Reactor
import Testing

/// A backend, and what it has reported so far.
private final class Rig {
  let backend: any IOBackend
  var seen: [Completion] = []
  var bytes: [Token: [UInt8]] = [:]
  /// Buffers are given back after each turn unless this is set.
  var keepsBuffers = false
  private var opened: [Int32] = []

  init(_ kind: BackendKind, buffers: Int = 16, bufferBytes: Int = 256) throws {
    var limits = LoopLimits()
    limits.receiveBuffers = buffers
    limits.receiveBufferBytes = bufferBytes
    backend = kind == .epoll ? try EpollBackend(limits: limits) : try UringBackend(limits: limits)
  }

  deinit { for descriptor in opened { close(descriptor) } }

  /// Two connected sockets that do not block.
  func pair() -> (ours: Int32, theirs: Int32) {
    var ends: [Int32] = [0, 0]
    precondition(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | 0o4000, 0, &ends) == 0)
    opened += ends
    return (ends[0], ends[1])
  }

  func closeNow(_ descriptor: Int32) {
    opened.removeAll { $0 == descriptor }
    close(descriptor)
  }

  /// One turn. Returns what it brought.
  @discardableResult
  func turn(_ timeoutNanos: Int64 = 0) -> [Completion] {
    let news = (0..<backend.turn(timeoutNanos: timeoutNanos)).map { backend.completion(at: $0) }
    for completion in news where completion.buffer >= 0 {
      let memory = UnsafeRawBufferPointer(
        start: backend.bytes(of: completion.buffer), count: Int(completion.result))
      bytes[completion.token, default: []] += memory
      backend.giveBack(completion.buffer)
    }
    seen += news
    return news
  }

  /// Turns until the condition holds; false when it does not within many.
  func turns(until condition: () -> Bool) -> Bool {
    for _ in 0..<2000 {
      if condition() { return true }
      turn(5_000_000)
    }
    return condition()
  }

  func last(_ token: Token) -> Completion? { seen.last { $0.token == token } }
}

extension Token: Hashable {
  public func hash(into hasher: inout Hasher) { hasher.combine(bits) }
}

private let input = Token(.receive, index: 1)
private let output = Token(.send, index: 2)
private let other = Token(.receive, index: 3)
private let cancel = Token(.cancel, index: 4)

@Suite struct BackendTests {
  @Test(arguments: backends) func `bytes come until the peer ends, which is a last result of 0`(_ kind: BackendKind)
    throws
  {
    let rig = try Rig(kind)
    let (ours, theirs) = rig.pair()
    rig.backend.receive(ours, input)
    for part in ["one", "two"] {
      #expect(write(theirs, part, 3) == 3)
      #expect(rig.turns { rig.bytes[input]?.suffix(3) == Array(part.utf8)[...] })
      #expect(rig.last(input)?.isContinuing == true)
    }
    #expect(shutdown(theirs, Int32(SHUT_WR)) == 0)
    #expect(rig.turns { rig.last(input)?.isContinuing == false })
    #expect(rig.last(input)?.result == 0 && rig.last(input)?.buffer == -1)
    #expect(rig.bytes[input] == Array("onetwo".utf8))
  }

  @Test(arguments: backends) func `a send that blocks takes what fits, and goes on when the peer reads`(
    _ kind: BackendKind
  ) throws {
    let rig = try Rig(kind)
    let (ours, theirs) = rig.pair()
    let size = 8 << 20
    let block = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    defer { block.deallocate() }
    for index in 0..<size {
      block.storeBytes(of: UInt8(truncatingIfNeeded: index &* 7), toByteOffset: index, as: UInt8.self)
    }
    rig.backend.send(ours, block, size, output)
    #expect(rig.turns { rig.last(output) != nil })
    var sent = Int(try #require(rig.last(output)).result)
    #expect(sent > 0 && sent < size, "a part of it")
    rig.backend.send(ours, block + sent, size - sent, output)
    let before = rig.seen.count
    for _ in 0..<5 { rig.turn(1_000_000) }
    #expect(rig.seen.count == before, "the peer has not read")
    var received: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while received.count < size {
      let count = read(theirs, &chunk, chunk.count)
      if count > 0 {
        received += chunk[0..<count]
      } else {
        let known = rig.seen.count
        #expect(rig.turns { rig.seen.count > known })
        sent += Int(rig.last(output)!.result)
        if sent < size { rig.backend.send(ours, block + sent, size - sent, output) }
      }
    }
    #expect(received.elementsEqual(UnsafeRawBufferPointer(start: block, count: size)))
  }

  @Test(arguments: backends) func `cancelled operations complete with ECANCELED, each once`(_ kind: BackendKind) throws
  {
    let rig = try Rig(kind)
    let (ours, theirs) = rig.pair()
    var block = [UInt8](repeating: 0, count: 1 << 20)
    while write(theirs, &block, block.count) > 0 {}
    let (theirInput, theirOutput) = (input, output)
    rig.backend.receive(theirs, theirInput)
    block.withUnsafeBytes { bytes in
      rig.backend.send(theirs, bytes.baseAddress!, bytes.count, theirOutput)
      for _ in 0..<3 { rig.turn(1_000_000) }
      #expect(rig.seen.isEmpty)
      rig.backend.cancelAll(theirs, cancel)
      #expect(rig.turns { rig.last(input) != nil && rig.last(output) != nil && rig.last(cancel) != nil })
    }
    #expect(rig.last(input)?.result == -ECANCELED && rig.last(input)?.isContinuing == false)
    #expect(rig.last(output)?.result == -ECANCELED)
    for _ in 0..<3 { rig.turn(1_000_000) }
    #expect(rig.seen.count == 3)
    _ = ours
  }

  /// Nothing of an operation may outlive its descriptor, whose number the next socket gets.
  @Test(arguments: backends) func `a number that comes back is a new descriptor`(_ kind: BackendKind) throws {
    let rig = try Rig(kind)
    for round in 0..<20 {
      let (ours, theirs) = rig.pair()
      rig.backend.receive(ours, input)
      rig.turn()
      if round.isMultiple(of: 2) {
        rig.closeNow(theirs)
        #expect(rig.turns { rig.last(input)?.isContinuing == false })
      } else {
        rig.backend.cancelAll(ours, cancel)
        #expect(rig.turns { rig.last(input)?.result == -ECANCELED })
        rig.closeNow(theirs)
      }
      rig.closeNow(ours)
      rig.seen = []
      rig.bytes = [:]
      let next = rig.pair()
      // Mostly the number that was just given back; other tests of the process may have taken it.
      rig.backend.receive(next.ours, other)
      #expect(write(next.theirs, "x", 1) == 1)
      #expect(rig.turns { rig.bytes[other] == [UInt8(ascii: "x")] })
      #expect(rig.seen.allSatisfy { $0.token == other || $0.token == cancel })
      rig.backend.cancelAll(next.ours, cancel)
      #expect(rig.turns { rig.last(other)?.isContinuing == false })
      rig.closeNow(next.ours)
      rig.closeNow(next.theirs)
      rig.seen = []
      rig.bytes = [:]
    }
  }

  @Test(arguments: backends) func `a watched descriptor is reported each time that it was read and signalled again`(
    _ kind: BackendKind
  ) throws {
    let rig = try Rig(kind)
    let event = tg_eventfd()
    defer { close(event) }
    let token = Token(.wake, index: 0)
    rig.backend.watch(event, token)
    rig.turn()
    #expect(rig.seen.isEmpty)
    for round in 1...3 {
      var count: UInt64 = 1
      #expect(write(event, &count, 8) == 8)
      #expect(rig.turns { rig.seen.count == round })
      #expect(rig.last(token)?.isContinuing == true)
      #expect(read(event, &count, 8) == 8)
      #expect(rig.turn(1_000_000).isEmpty)
    }
  }

  /// 2 buffers for 7 sockets that are readable all the time. (The ring serves in the order of arming.)
  @Test(.enabled(if: backends.contains(.epoll))) func `epoll shares out few buffers fairly`() throws {
    let rig = try Rig(.epoll, buffers: 2, bufferBytes: 16)
    let pairs = (0..<7).map { _ in rig.pair() }
    let chunk = [UInt8](repeating: 5, count: 64)
    for (index, pair) in pairs.enumerated() {
      rig.backend.receive(pair.ours, Token(.receive, index: UInt32(100 + index)))
    }
    for _ in 0..<400 {
      for pair in pairs { _ = write(pair.theirs, chunk, chunk.count) }
      #expect(rig.turn(1_000_000).count <= 2)
    }
    let counts = pairs.indices.map { rig.bytes[Token(.receive, index: UInt32(100 + $0))]?.count ?? 0 }
    #expect(counts.min()! * 2 > counts.max()!, "\(counts)")
  }
}
