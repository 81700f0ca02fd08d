// What peers and the system do to a loop, on both backends: vanish, reset, come by thousands, and leave no descriptor.

import Dispatch
import Glibc
import Market
import Reactor
import Synchronization
import Testing
import TickRing

/// A plain socket of a peer that does not belong to the loop.
private struct Peer {
  let descriptor: Int32

  init(receiveBuffer: Int32? = nil) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    precondition(descriptor >= 0, "socket: errno \(errno)")
    guard var bytes = receiveBuffer else { return }
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
  }

  func connect(_ port: UInt16) -> Bool {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    } == 0
  }

  /// True when the other side has ended the connection, within a while.
  func hasEnded(withinMillis millis: Int32) -> Bool {
    var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&item, 1, millis) == 1 else { return false }
    var byte: UInt8 = 0
    return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT)) <= 0
  }

  func reset() {
    var now = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    close(descriptor)
  }
}

private struct Failed: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

@Suite struct BackendFaultTests {
  @Test(arguments: backends) func `a reset in the middle of a send ends the socket and frees its memory`(
    _ backend: BackendKind
  ) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let peer = Peer(receiveBuffer: 4096)
    #expect(peer.connect(listener.port))
    let waker = Waker()
    let mailbox = Mailbox<@Sendable (ProbeHandler) -> Void>(waker: waker)
    let resetter = LoopThread(name: "resetter") {
      // Sent in part: the peer has bytes and does not read them.
      var item = pollfd(fd: peer.descriptor, events: Int16(POLLIN), revents: 0)
      _ = poll(&item, 1, 10_000)
      usleep(20_000)
      peer.reset()
    }
    defer { resetter.join() }
    let result = try runLoop(backend, listener: listener, mailbox: mailbox, waker: waker) { probe in
      probe.onAccepted = { probe, socket in
        #expect(probe.sockets.append(socket, [UInt8](repeating: 1, count: 40_000_000)))
      }
      probe.onEnd = { probe, _ in probe.stop() }
    } result: { probe in
      (probe.closed.map { $0.1 }, probe.sockets.openCount, probe.sockets.outboundBytes)
    }
    #expect(result.0 == [.failed(errno: ECONNRESET)] || result.0 == [.failed(errno: EPIPE)], "\(result.0)")
    #expect(result.1 == 0 && result.2 == 0)
  }

  @Test(arguments: backends) func `thousands that connect and vanish leave nothing behind`(_ backend: BackendKind)
    throws
  {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let count = 3000
    let waker = Waker()
    let mailbox = Mailbox<@Sendable (ProbeHandler) -> Void>(waker: waker)
    let crowd = LoopThread(name: "crowd") {
      for number in 0..<count {
        let peer = Peer()
        guard peer.connect(listener.port) else { fatalError("connect: errno \(errno)") }
        if number % 3 == 0 { _ = write(peer.descriptor, "half a request", 14) }
        if number % 2 == 0 { peer.reset() } else { close(peer.descriptor) }
      }
    }
    defer { crowd.join() }
    let result = try runLoop(backend, listener: listener, mailbox: mailbox, waker: waker) { probe in
      let deadline = SystemClock.monotonicNanos() + 60_000_000_000
      probe.deadline = 0
      probe.onTurned = { probe in
        usleep(200)
        let known = probe.closed.count + Int(probe.sockets.refusedCount)
        if known == count || SystemClock.monotonicNanos() > deadline { probe.stop() }
      }
    } result: { probe in
      (
        probe.closed.count + Int(probe.sockets.refusedCount), probe.accepted.count == probe.closed.count,
        Set(probe.closed.map { $0.0 }).count == probe.closed.count, probe.sockets.openCount
      )
    }
    #expect(result == (count, true, true, 0))
  }

  /// The ring has 2048 entries for submissions; more are asked for here in one turn, by connects and then by sends.
  @Test(arguments: backends) func `more operations in a turn than the queue has entries`(_ backend: BackendKind) throws
  {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let count = 2600
    try ProcessLimits.raiseDescriptors(to: 8192)
    var limits = LoopLimits()
    limits.socketsMax = 2 * count
    let result = try runLoop(backend, listener: listener, limits: limits) { probe in
      probe.onAccepted = { probe, _ in
        guard probe.accepted.count == count else { return }
        for socket in probe.accepted { #expect(probe.sockets.append(socket, [7, 7, 7])) }
      }
      probe.receivesWhole = { probe, socket, _ in
        // Spread over several turns; the last one ends all.
        if probe.received.values.reduce(0, { $0 + $1.count }) == 3 * count {
          for accepted in probe.accepted { probe.sockets.close(accepted) }
        }
      }
      probe.onEnd = { probe, _ in if probe.closed.count == 2 * count { probe.stop() } }
      for _ in 0..<count {
        _ = try probe.sockets.connect(to: SocketAddress(host: "127.0.0.1", port: listener.port)!)
      }
    } result: { probe in
      (probe.connected.count, probe.received.values.filter { $0 == [7, 7, 7] }.count, probe.sockets.openCount)
    }
    #expect(result == (count, count, 0))
  }

  // The limit of descriptors belongs to the process, hence a process of its own.

  @Test(.enabled(if: backends.contains(.uring)))
  func `without descriptors left the ring refuses, and serves again when there are some`() async {
    await #expect(processExitsWith: .success) { try exhaustDescriptors(.uring) }
  }

  @Test(.enabled(if: backends.contains(.epoll)))
  func `without descriptors left epoll refuses, and serves again when there are some`() async {
    await #expect(processExitsWith: .success) { try exhaustDescriptors(.epoll) }
  }
}

/// Peers connect while the process may open only a few more descriptors: those are served, the others see an end.
/// Then all leave, and the next one is served.
private func exhaustDescriptors(_ backend: BackendKind) throws {
  let listener = try Listener(host: "127.0.0.1", port: 0)
  let peers = (0..<40).map { _ in Peer() }
  let waker = Waker()
  let mailbox = Mailbox<@Sendable (ProbeHandler) -> Void>(waker: waker)
  // Some of them are the backend's own.
  let more = 8
  let isUp = Atomic<Bool>(false)
  let accepted = Atomic<Int>(0)
  mailbox.send { _ in isUp.store(true, ordering: .releasing) }
  let judge = LoopThread(name: "judge") {
    while !isUp.load(ordering: .acquiring) { usleep(1000) }
    for peer in peers { precondition(peer.connect(listener.port)) }
    var refused: Set<Int> = []
    for _ in 0..<1000 where refused.count + accepted.load(ordering: .acquiring) < peers.count {
      usleep(20_000)
      for index in peers.indices where peers[index].hasEnded(withinMillis: 0) { refused.insert(index) }
    }
    let served = accepted.load(ordering: .acquiring)
    guard (1...more).contains(served), served + refused.count == peers.count else {
      fatalError("\(served) served, \(refused.count) refused of \(peers.count)")
    }
    for peer in peers { close(peer.descriptor) }
    let next = Peer()
    precondition(next.connect(listener.port))
    for _ in 0..<1000 where accepted.load(ordering: .acquiring) == served { usleep(20_000) }
    guard accepted.load(ordering: .acquiring) > served else { fatalError("nobody is served any more") }
    close(next.descriptor)
    mailbox.send { $0.stop() }
  }
  defer { judge.join() }
  let refused = try runLoop(backend, listener: listener, mailbox: mailbox, waker: waker) { probe in
    // Before the loop begins: the ring takes the limit that is in force when its accept is armed.
    limitDescriptors(toMore: more)
    probe.onAccepted = { _, _ in accepted.add(1, ordering: .releasing) }
  } result: {
    $0.sockets.refusedCount
  }
  guard refused > 0 else { throw Failed("nobody was refused") }
}

/// Lets the process open so many descriptors more, and no others.
private func limitDescriptors(toMore count: Int) {
  // Dispatch opens some of its own at its first timer, which must not come when there are none left.
  let timer = DispatchSemaphore(value: 0)
  DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(1)) { timer.signal() }
  timer.wait()
  let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  var limit = rlimit()
  getrlimit(resource, &limit)
  // Numbers below the highest that are free would count as well: they are taken. No process that runs one test has more.
  let highest = (0..<Int32(1024)).last { fcntl($0, F_GETFD) >= 0 }!
  while dup(0) < highest {}
  limit.rlim_cur = rlim_t(Int(highest) + 2 + count)
  precondition(setrlimit(resource, &limit) == 0)
}
