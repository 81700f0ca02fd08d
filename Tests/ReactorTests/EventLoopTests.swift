import Glibc
import Market
import Reactor
import Synchronization
import Testing
import TickRing

@Suite struct EventLoopTests {
  @Test(arguments: backends) func `bytes echo between two sockets of one loop`(_ backend: BackendKind) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let echoed = try runLoop(backend, listener: listener) { probe in
      let server = Mutex<SocketID?>(nil)
      probe.onAccepted = { _, socket in server.withLock { $0 = socket } }
      probe.receivesWhole = { probe, socket, bytes in
        if socket == server.withLock({ $0 }) {
          _ = probe.sockets.append(socket, UnsafeRawBufferPointer(bytes))
        } else if probe.received[socket]!.count == 5 {
          probe.sockets.close(socket)
        }
      }
      probe.onConnected = { probe, socket in _ = probe.sockets.append(socket, Array("hello".utf8)) }
      probe.onEnd = { probe, _ in if probe.closed.count == 2 { probe.stop() } }
      _ = try probe.sockets.connect(to: SocketAddress(host: "localhost", port: listener.port)!)
    } result: { probe in
      (
        probe.received.values.map { String(decoding: $0, as: UTF8.self) }, probe.closed.map { $0.1 },
        probe.sockets.outboundBytes
      )
    }
    #expect(echoed.0 == ["hello", "hello"])
    #expect(Set(echoed.1.map { "\($0)" }) == ["local", "peer"])
    #expect(echoed.2 == 0)
  }

  @Test(arguments: backends)
  func `a large outbox arrives whole, in order, in few sends, and closeAfterFlush loses nothing`(_ backend: BackendKind)
    throws
  {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let size = 9_000_017
    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    var limits = LoopLimits()
    // A busy machine may take long; what is tested is that nothing is lost.
    limits.drainNanos = 120_000_000_000
    let result = try runLoop(backend, listener: listener, limits: limits) { probe in
      probe.onAccepted = { probe, socket in
        for start in stride(from: 0, to: size, by: 7777) {
          #expect(probe.sockets.append(socket, Array(bytes[start..<min(size, start + 7777)])))
        }
        probe.sockets.closeAfterFlush(socket)
        #expect(!probe.sockets.append(socket, [1]), "nothing is taken after the close")
      }
      probe.onEnd = { probe, _ in if probe.closed.count == 2 { probe.stop() } }
      _ = try probe.sockets.connect(to: SocketAddress(host: "127.0.0.1", port: listener.port)!)
    } result: { probe in
      (probe.received.values.first ?? [], probe.sockets.outboundBytes)
    }
    #expect(result.0.count == size)
    #expect(result.0 == bytes)
    #expect(result.1 == 0)
  }

  @Test(arguments: backends) func `bytes on two sides of a fence do not share a send`(_ backend: BackendKind) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let pieces = try runLoop(backend, listener: listener) { probe in
      probe.onAccepted = { probe, socket in
        _ = probe.sockets.append(socket, Array("before".utf8))
        probe.sockets.fence(socket)
        _ = probe.sockets.append(socket, Array("alone".utf8))
        probe.sockets.fence(socket)
        probe.sockets.fence(socket)
        _ = probe.sockets.append(socket, Array("after".utf8))
        probe.sockets.closeAfterFlush(socket)
      }
      probe.onEnd = { probe, _ in if probe.closed.count == 2 { probe.stop() } }
      _ = try probe.sockets.connect(to: SocketAddress(host: "127.0.0.1", port: listener.port)!)
    } result: { probe in
      (probe.receives, probe.received.values.first ?? [])
    }
    #expect(String(decoding: pieces.1, as: UTF8.self) == "beforealoneafter")
    #expect(pieces.0 == 3)
  }

  @Test(arguments: backends) func `a refused connection is told by its errno`(_ backend: BackendKind) throws {
    let port = try { () throws -> UInt16 in
      let listener = try Listener(host: "127.0.0.1", port: 0)
      close(listener.descriptor)
      return listener.port
    }()
    let reasons = try runLoop(backend) { probe in
      probe.onEnd = { probe, _ in probe.stop() }
      _ = try probe.sockets.connect(to: SocketAddress(host: "127.0.0.1", port: port)!)
    } result: {
      $0.closed.map { $0.1 }
    }
    #expect(reasons == [.failed(errno: ECONNREFUSED)])
  }

  @Test(arguments: backends) func `messages from another thread wake the loop, and sweeps go on`(_ backend: BackendKind)
    throws
  {
    let waker = Waker()
    let mailbox = Mailbox<@Sendable (ProbeHandler) -> Void>(waker: waker)
    let seen = Atomic<Int>(0)
    let sender = LoopThread(name: "sender") {
      for _ in 0..<200 {
        mailbox.send { _ in seen.add(1, ordering: .relaxed) }
        usleep(500)
      }
      mailbox.send { $0.stop() }
    }
    let sweeps = try runLoop(backend, mailbox: mailbox, waker: waker) { _ in
    } result: {
      $0.sweeps
    }
    sender.join()
    #expect(seen.load(ordering: .relaxed) == 200)
    #expect(sweeps > 0)
  }

  @Test(arguments: backends) func `an outbox beyond the memory bound is refused and nothing of it is kept`(
    _ backend: BackendKind
  ) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    var limits = LoopLimits()
    limits.outboundBytesMax = 64 * 1024
    let result = try runLoop(backend, listener: listener, limits: limits) { probe in
      probe.onAccepted = { probe, socket in
        #expect(!probe.sockets.append(socket, [UInt8](repeating: 1, count: 100_000)))
        #expect(probe.sockets.bytesPending(socket) == 0)
        #expect(probe.sockets.append(socket, [UInt8](repeating: 1, count: 50_000)))
        #expect(!probe.sockets.append(socket, [UInt8](repeating: 1, count: 50_000)))
        probe.sockets.closeAfterFlush(socket)
      }
      probe.onEnd = { probe, _ in if probe.closed.count == 2 { probe.stop() } }
      _ = try probe.sockets.connect(to: SocketAddress(host: "127.0.0.1", port: listener.port)!)
    } result: { probe in
      probe.received.values.first?.count
    }
    #expect(result == 50_000)
  }

  @Test(arguments: backends) func `few receive buffers slow down but lose nothing`(_ backend: BackendKind) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    var limits = LoopLimits()
    limits.receiveBuffers = 2
    limits.receiveBufferBytes = 512
    let clients = 20
    let total = try runLoop(backend, listener: listener, limits: limits) { probe in
      probe.onConnected = { probe, socket in
        _ = probe.sockets.append(socket, [UInt8](repeating: 7, count: 20_000))
        probe.sockets.closeAfterFlush(socket)
      }
      probe.onEnd = { probe, _ in if probe.closed.count == 2 * clients { probe.stop() } }
      for _ in 0..<clients {
        _ = try probe.sockets.connect(to: SocketAddress(host: "127.0.0.1", port: listener.port)!)
      }
    } result: { probe in
      probe.received.values.reduce(0) { $0 + $1.count }
    }
    #expect(total == clients * 20_000)
  }

  @Test(arguments: backends) func `a stop does not wait for a peer that never reads, and gives all memory back`(
    _ backend: BackendKind
  ) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    // Connected, never read from: fills up.
    let deaf = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(deaf) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = listener.port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(deaf, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    #expect(connected == 0)
    let result = try runLoop(backend, listener: listener) { probe in
      probe.onAccepted = { probe, socket in
        #expect(probe.sockets.append(socket, [UInt8](repeating: 1, count: 20_000_000)))
        probe.sockets.closeAfterFlush(socket)
        probe.sockets.stop(deadlineNanos: SystemClock.monotonicNanos() + 200_000_000)
      }
    } result: { probe in
      (probe.closed.count, probe.sockets.openCount, probe.sockets.outboundBytes)
    }
    #expect(result == (1, 0, 0))
  }

  @Test func `a taken port names its holder`() throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    defer { close(listener.descriptor) }
    #expect(throws: LoopError.self) { try Listener(host: "127.0.0.1", port: listener.port) }
    do {
      _ = try Listener(host: "127.0.0.1", port: listener.port)
    } catch {
      #expect(error.description.contains("pid \(getpid())"), "\(error)")
    }
    #expect(throws: LoopError.badAddress("nowhere.invalid:1")) { try Listener(host: "nowhere.invalid", port: 1) }
  }

  @Test func `addresses know loopback`() throws {
    #expect(try #require(SocketAddress(host: "127.8.1.2", port: 1)).isLoopback)
    #expect(try #require(SocketAddress(host: "[::1]", port: 1)).isLoopback)
    #expect(try !#require(SocketAddress(host: "10.0.0.1", port: 1)).isLoopback)
    #expect(try !#require(SocketAddress(host: "2001:db8::7f", port: 1)).isLoopback)
    #expect(SocketAddress(host: "example.org", port: 1) == nil)
  }
}
