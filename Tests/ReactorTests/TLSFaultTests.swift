// TLS and what goes wrong: peers that speak something else, stop half-way or vanish; files that are no good; memory.

import Glibc
import Market
import Reactor
import Synchronization
import TestSupport
import Testing
import TickRing

@Suite struct TLSFaultTests {
  let certificates = TestCertificates.shared

  /// Runs an encrypted server, lets a raw peer talk to it on a thread of its own, and returns the server's view: the
  /// close reason, and what the peer read.
  private func serve(
    _ backend: BackendKind, limits: LoopLimits = LoopLimits(),
    _ peer: @escaping @Sendable (borrowing RawPeer) -> [UInt8]
  ) throws -> (reason: CloseReason?, read: [UInt8], bytesHandled: Int) {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let read = Mutex<[UInt8]>([])
    let thread = Mutex<LoopThread?>(nil)
    let result = try runLoop(backend, listener: listener, tls: certificates.context("good"), limits: limits) { probe in
      probe.onEnd = { probe, _ in probe.stop() }
      thread.withLock {
        $0 = LoopThread(name: "peer") {
          let raw = RawPeer(port: listener.port)
          let answer = peer(raw)
          read.withLock { $0 = answer }
        }
      }
    } result: { probe in
      #expect(probe.sockets.secureCount == 0)
      #expect(probe.sockets.outboundBytes == 0)
      return (probe.closed.first?.1, probe.received.values.reduce(0) { $0 + $1.count })
    }
    thread.withLock { $0?.join() }
    return (result.0, read.withLock { $0 }, result.1)
  }

  /// A first message of TLS, cut short: enough to be taken for one that has not come whole.
  static let beginning: [UInt8] = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]

  /// A complete first message of a client that knows nothing newer than TLS 1.1.
  static var oldHello: [UInt8] {
    let body: [UInt8] = [3, 2] + [UInt8](repeating: 7, count: 32) + [0, 0, 4, 0xC0, 0x09, 0xC0, 0x13, 1, 0]
    return [22, 3, 1, 0, UInt8(body.count + 4), 1, 0, 0, UInt8(body.count)] + body
  }

  @Test(arguments: backends)
  func `plain HTTP on the encrypted port ends with a cause and reaches no handler`(_ backend: BackendKind) throws {
    let result = try serve(backend) { peer in
      peer.send(Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
      return peer.readAll()
    }
    #expect(result.reason == .tls("http request"))
    #expect(result.bytesHandled == 0)
  }

  @Test(arguments: backends)
  func `a client of TLS 1_1 is told that its version is refused`(_ backend: BackendKind) throws {
    let result = try serve(backend) { peer in
      peer.send(Self.oldHello)
      return peer.readAll()
    }
    // An alert, fatal, protocol_version.
    #expect(result.read.count == 7 && result.read.first == 21)
    #expect(result.read.suffix(2) == [2, 70])
    #expect(result.reason == .tls("unsupported protocol"))
  }

  @Test(arguments: backends)
  func `garbage ends with a cause`(_ backend: BackendKind) throws {
    var generator = SeededGenerator()
    let seed = generator.seed
    for _ in 0..<20 {
      let bytes = (0..<Int.random(in: 6...4000, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      let result = try serve(backend) { peer in
        peer.send(bytes)
        shutdown(peer.descriptor, Int32(SHUT_WR))
        return peer.readAll()
      }
      guard case .tls = result.reason else {
        Issue.record("\(String(describing: result.reason)), seed \(seed)")
        continue
      }
      #expect(result.bytesHandled == 0)
    }
  }

  @Test(arguments: backends)
  func `a peer that leaves in the handshake is told from one that closes later`(_ backend: BackendKind) throws {
    let result = try serve(backend) { peer in
      peer.send(Self.beginning)
      shutdown(peer.descriptor, Int32(SHUT_WR))
      return peer.readAll()
    }
    #expect(result.reason == .tls("the peer ended the connection during the handshake"))
  }

  @Test(arguments: backends)
  func `a reset in the handshake is a reset`(_ backend: BackendKind) throws {
    let result = try serve(backend) { peer in
      peer.send(Self.beginning)
      usleep(50_000)
      peer.resetOnClose()
      return []
    }
    #expect(result.reason == .failed(errno: ECONNRESET))
  }

  @Test(arguments: backends)
  func `a handshake that is never finished is cut`(_ backend: BackendKind) throws {
    var limits = LoopLimits()
    limits.handshakeNanos = 100_000_000
    let result = try serve(backend, limits: limits) { peer in
      peer.send(Self.beginning)
      return peer.readAll()
    }
    #expect(result.reason == .tls("the handshake was not completed in time"))
  }

  @Test(arguments: backends)
  func `a server that does not answer in TLS is refused by the client`(_ backend: BackendKind) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let client = try certificates.client()
    let reasons = try runLoop(backend, listener: listener) { probe in
      probe.receivesWhole = { probe, socket, _ in
        _ = probe.sockets.append(socket, Array("HTTP/1.1 400 No\r\n\r\n".utf8))
      }
      probe.onEnd = { probe, _ in if probe.closed.count == 2 { probe.stop() } }
      _ = try probe.sockets.connect(
        to: SocketAddress(host: "127.0.0.1", port: listener.port)!, securedBy: client, hostName: "localhost")
    } result: { probe in
      #expect(probe.connected.isEmpty)
      return probe.closed.map { $0.1 }
    }
    #expect(reasons.contains(.tls("wrong version number")), "\(reasons)")
  }

  @Test(arguments: backends)
  func `a stop does not wait for an encrypted peer that never reads, and gives all memory back`(_ backend: BackendKind)
    throws
  {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    // Enough for the handshake, then nothing more is taken.
    let relay = try Relay(to: listener.port, serverBytesMax: 20_000)
    let client = try certificates.client()
    let size = 20_000_000
    let result = try runLoop(backend, listener: listener, tls: certificates.context("good")) { probe in
      probe.receivesWhole = { probe, socket, bytes in
        guard bytes.first == UInt8(ascii: "?") else { return }
        #expect(probe.sockets.append(socket, [UInt8](repeating: 1, count: size)))
        probe.sockets.closeAfterFlush(socket)
        probe.sockets.stop(deadlineNanos: SystemClock.monotonicNanos() + 300_000_000)
      }
      probe.onConnected = { probe, socket in _ = probe.sockets.append(socket, Array("?".utf8)) }
      _ = try probe.sockets.connect(
        to: SocketAddress(host: "127.0.0.1", port: relay.port)!, securedBy: client, hostName: "localhost")
    } result: { probe in
      (probe.closed.count, probe.sockets.openCount, probe.sockets.outboundBytes, probe.sockets.secureCount)
    }
    #expect(result == (2, 0, 0, 0))
  }

  @Test(arguments: backends)
  func `the bound of the outboxes holds for encrypted sockets, and a full one still drains`(_ backend: BackendKind)
    throws
  {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    var limits = LoopLimits()
    limits.outboundBytesMax = 64 * 1024
    let client = try certificates.client()
    let result = try runLoop(backend, listener: listener, tls: certificates.context("good"), limits: limits) { probe in
      probe.receivesWhole = { probe, socket, bytes in
        guard bytes.first == UInt8(ascii: "?") else { return }
        #expect(!probe.sockets.append(socket, [UInt8](repeating: 1, count: 100_000)))
        #expect(probe.sockets.append(socket, [UInt8](repeating: 1, count: 60_000)))
        #expect(!probe.sockets.append(socket, [UInt8](repeating: 1, count: 10_000)))
        probe.sockets.closeAfterFlush(socket)
      }
      probe.onConnected = { probe, socket in _ = probe.sockets.append(socket, Array("?".utf8)) }
      probe.onEnd = { probe, _ in if probe.closed.count == 2 { probe.stop() } }
      _ = try probe.sockets.connect(
        to: SocketAddress(host: "127.0.0.1", port: listener.port)!, securedBy: client, hostName: "localhost")
    } result: { probe in
      (probe.received.values.map(\.count).max(), probe.sockets.outboundBytes)
    }
    #expect(result == (60_000, 0))
  }

  @Test(arguments: backends)
  func `a thousand connections come at once, more than a turn takes, and leave nothing behind`(_ backend: BackendKind)
    throws
  {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let clients = 1000
    let client = try certificates.client()
    let address = SocketAddress(host: "127.0.0.1", port: listener.port)!
    var limits = LoopLimits()
    limits.handshakeNanos = 120_000_000_000
    // Both ends are served by one thread: a turn full of handshakes may take longer than a peer is usually given.
    limits.drainNanos = 120_000_000_000
    limits.lingerNanos = 120_000_000_000
    try ProcessLimits.raiseDescriptors(to: 4096)
    let result = try runLoop(backend, listener: listener, tls: certificates.context("good"), limits: limits) { probe in
      probe.onAccepted = { probe, socket in
        _ = probe.sockets.append(socket, Array("welcome".utf8))
        probe.sockets.closeAfterFlush(socket)
      }
      probe.onEnd = { probe, _ in if probe.closed.count == 2 * clients - clients / 10 { probe.stop() } }
      for number in 0..<clients {
        let socket = try probe.sockets.connect(to: address, securedBy: client, hostName: "localhost")
        // Some change their mind before they are connected.
        if number % 10 == 0 { probe.sockets.close(socket) }
      }
    } result: { probe in
      (
        probe.received.count, probe.sockets.openCount, probe.sockets.secureCount, probe.sockets.outboundBytes,
        probe.closed.count
      )
    }
    #expect(result.0 == clients * 9 / 10)
    #expect(result.1 == 0)
    #expect(result.2 == 0)
    #expect(result.3 == 0)
  }

  // MARK: Files

  @Test func `files that cannot be used are told apart`() throws {
    let directory = certificates.directory
    let (good, key, missing) = (directory + "/good.pem", directory + "/good.key", directory + "/missing.pem")
    #expect(throws: TLSError.unreadable(path: missing, cause: "No such file or directory")) {
      try TLSServerContext(certificate: missing, key: key)
    }
    #expect(throws: TLSError.keyMismatch(certificate: good, key: directory + "/second.key")) {
      try TLSServerContext(certificate: good, key: directory + "/second.key")
    }
    #expect {
      try TLSServerContext(certificate: key, key: key)
    } throws: { error in
      guard case TLSError.badCertificate(key, _) = error else { return false }
      return true
    }
    #expect {
      try TLSServerContext(certificate: good, key: good)
    } throws: { error in
      guard case TLSError.badKey(good, _) = error else { return false }
      return true
    }
    #expect {
      try TLSClientContext(authorities: .file(key))
    } throws: { error in
      guard case TLSError.badAuthorities(key, _) = error else { return false }
      return true
    }
  }

  @Test(arguments: backends)
  func `a reload serves the new certificate to new connections, and a bad file changes nothing`(_ backend: BackendKind)
    throws
  {
    let name = "live-\(backend.rawValue)"
    let live = certificates.directory + "/" + name
    let certificates = certificates
    @Sendable func install(_ source: String) {
      TestCertificates.run(
        "cd \(certificates.directory) && cp \(source).pem \(name).new && mv \(name).new \(name).pem "
          + "&& cp \(source).key \(name).new && mv \(name).new \(name).key")
    }
    install("good")
    let server = try TLSServerContext(certificate: live + ".pem", key: live + ".key")
    #expect(try !server.reloadIfChanged())
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let client = try certificates.client()
    let address = SocketAddress(host: "127.0.0.1", port: listener.port)!
    let directory = certificates.directory
    let stage = Mutex(0)
    let first = Mutex<SocketID?>(nil)
    let result = try runLoop(backend, listener: listener, tls: server) { probe in
      func connect(_ probe: ProbeHandler, _ name: String) {
        #expect(throws: Never.self) {
          _ = try probe.sockets.connect(to: address, securedBy: client, hostName: name)
        }
      }
      probe.onConnected = { probe, socket in
        switch stage.withLock({ stage in
          stage += 1
          return stage
        }) {
        case 1:
          first.withLock { $0 = socket }
          TestCertificates.run("cp \(directory)/self.key \(live).key")
          #expect(throws: TLSError.keyMismatch(certificate: live + ".pem", key: live + ".key")) {
            try server.reloadIfChanged()
          }
          #expect((try? server.reloadIfChanged()) == false, "the same bad file is complained about once")
          connect(probe, "localhost")
        case 2:
          install("second")
          #expect((try? server.reloadIfChanged()) == true)
          connect(probe, "second.example")
        case 3: connect(probe, "localhost")
        default: Issue.record("the old certificate is still shown")
        }
      }
      probe.receivesWhole = { probe, socket, bytes in
        if bytes.count == 5 {
          _ = probe.sockets.append(socket, Array("old too".utf8))
        } else {
          probe.stop()
        }
      }
      probe.onEnd = { probe, socket in
        guard !probe.accepted.contains(socket), let old = first.withLock({ $0 }), stage.withLock({ $0 }) == 3 else {
          return
        }
        // The last one was refused. The first connection, older than both changes, goes on.
        _ = probe.sockets.append(old, Array("still".utf8))
      }
      connect(probe, "localhost")
    } result: { probe in
      (
        probe.connected.count, probe.received.values.map { String(decoding: $0, as: UTF8.self) },
        probe.closed.compactMap { $0.1 }
      )
    }
    #expect(result.0 == 3)
    #expect(Set(result.1) == ["still", "old too"])
    #expect(result.2.contains(.tls("certificate verify failed: hostname mismatch")))
  }
}
