// TLS over real sockets: both roles of our own code against each other, against the openssl command, and against
// peers that do it wrong.

import Glibc
import Market
import Reactor
import Synchronization
import TestSupport
import Testing
import TickRing

@Suite struct TLSTests {
  let certificates = TestCertificates.shared

  /// Bytes that tell their place.
  static func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 131 >> 5) } }

  @Test(arguments: backends, [16_384, 1, 5, 700])
  func `appends of every size come back whole, however the bytes are cut on their way`(
    _ backend: BackendKind, bufferBytes: Int
  ) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    var generator = SeededGenerator()
    let seed = generator.seed
    let isSmall = bufferBytes < 16
    var sizes = isSmall ? [0, 1, 4097, 9000] : [0, 1, 2, 4095, 4096, 4097, 16_383, 16_384, 16_385, 65_537, 70_000]
    for _ in 0..<(isSmall ? 4 : 40) {
      sizes.append(Int.random(in: 0...(isSmall ? 2000 : 70_000), using: &generator))
    }
    let fenced = Set((0..<sizes.count).filter { _ in Int.random(in: 0..<4, using: &generator) == 0 })
    var limits = LoopLimits()
    limits.receiveBufferBytes = bufferBytes
    let (all, client) = (sizes.reduce(0, +), try certificates.client())
    let appends = sizes
    let result = try runLoop(backend, listener: listener, tls: certificates.context("good"), limits: limits) { probe in
      let mine = Mutex<SocketID?>(nil)
      probe.onConnected = { probe, socket in
        mine.withLock { $0 = socket }
        var offset = 0
        let bytes = Self.pattern(all)
        for (number, size) in appends.enumerated() {
          #expect(probe.sockets.append(socket, Array(bytes[offset..<offset + size])))
          if fenced.contains(number) { probe.sockets.fence(socket) }
          offset += size
        }
      }
      probe.receivesWhole = { probe, socket, bytes in
        if socket == mine.withLock({ $0 }) {
          if probe.received[socket]!.count == all { probe.sockets.closeAfterFlush(socket) }
        } else {
          #expect(probe.sockets.append(socket, UnsafeRawBufferPointer(bytes)))
        }
      }
      probe.onEnd = { probe, _ in if probe.closed.count == 2 { probe.stop() } }
      _ = try probe.sockets.connect(
        to: SocketAddress(host: "127.0.0.1", port: listener.port)!, securedBy: client, hostName: "localhost")
    } result: { probe in
      (
        probe.received.values.map { $0 }, probe.closed.map { $0.1 }, probe.sockets.outboundBytes,
        probe.sockets.secureCount
      )
    }
    #expect(result.0.count == 2)
    for received in result.0 { #expect(received == Self.pattern(all), "seed \(seed)") }
    #expect(Set(result.1.map { "\($0)" }) == ["local", "peer"], "seed \(seed)")
    #expect(result.2 == 0)
    #expect(result.3 == 0)
  }

  @Test(arguments: backends)
  func `what is appended in a turn makes few records, and a fence begins a new one`(_ backend: BackendKind) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let relay = try Relay(to: listener.port)
    let client = try certificates.client()
    let received = try runLoop(backend, listener: listener, tls: certificates.context("good")) { probe in
      probe.onAccepted = { probe, socket in
        // Before the handshake: waits for it.
        #expect(probe.sockets.append(socket, Array("first".utf8)))
        probe.sockets.fence(socket)
      }
      probe.receivesWhole = { probe, socket, bytes in
        guard bytes.first == UInt8(ascii: "?") else { return }
        for _ in 0..<200 { #expect(probe.sockets.append(socket, [UInt8](repeating: 1, count: 200))) }
        probe.sockets.fence(socket)
        #expect(probe.sockets.append(socket, Array("alone".utf8)))
        probe.sockets.fence(socket)
        #expect(probe.sockets.append(socket, Array("after".utf8)))
        probe.sockets.closeAfterFlush(socket)
      }
      probe.onConnected = { probe, socket in _ = probe.sockets.append(socket, Array("?".utf8)) }
      probe.onEnd = { probe, _ in if probe.closed.count == 2 { probe.stop() } }
      _ = try probe.sockets.connect(
        to: SocketAddress(host: "127.0.0.1", port: relay.port)!, securedBy: client, hostName: "localhost")
    } result: { probe in
      probe.received.values.max { $0.count < $1.count }!.count
    }
    #expect(received == 5 + 40_000 + 5 + 5)
    // Application data of TLS 1.3: one byte of type and 16 of tag. The handshake's last records come before.
    let sizes = relay.records().filter { $0.kind == 23 }.map { $0.bytes - 17 }
    let tail = Array(sizes.suffix(7))
    // The last is the announcement of the end.
    #expect(tail == [5, 16_384, 16_384, 7232, 5, 5, 2])
  }

  @Test(arguments: backends)
  func `a large outbox arrives whole before the end that closeAfterFlush asks for`(_ backend: BackendKind) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let bytes = Self.pattern(9_000_017)
    var limits = LoopLimits()
    limits.drainNanos = 120_000_000_000
    let client = try certificates.client()
    let result = try runLoop(backend, listener: listener, tls: certificates.context("good"), limits: limits) { probe in
      probe.onAccepted = { probe, socket in
        #expect(probe.sockets.append(socket, bytes))
        probe.sockets.closeAfterFlush(socket)
        #expect(!probe.sockets.append(socket, [1]), "nothing is taken after the close")
      }
      probe.onEnd = { probe, _ in if probe.closed.count == 2 { probe.stop() } }
      _ = try probe.sockets.connect(
        to: SocketAddress(host: "127.0.0.1", port: listener.port)!, securedBy: client, hostName: "127.0.0.1")
    } result: { probe in
      (probe.received.values.first ?? [], probe.sockets.outboundBytes, probe.closed.map { "\($0.1)" })
    }
    #expect(result.0 == bytes)
    #expect(result.1 == 0)
    #expect(Set(result.2) == ["local", "peer"])
  }

  @Test(arguments: backends, ["-tls1_2", "-tls1_3"])
  func `the openssl client verifies, speaks and hears us`(_ backend: BackendKind, version: String) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let output = Mutex("")
    let thread = Mutex<LoopThread?>(nil)
    let certificates = certificates
    let heard = try runLoop(backend, listener: listener, tls: certificates.context("good")) { probe in
      probe.receivesWhole = { probe, socket, bytes in
        guard bytes.last == UInt8(ascii: "!") else { return }
        #expect(probe.sockets.append(socket, Self.pattern(50_000).map { $0 % 26 + 97 }))
        probe.sockets.closeAfterFlush(socket)
      }
      probe.onEnd = { probe, _ in probe.stop() }
      thread.withLock {
        $0 = LoopThread(name: "openssl") {
          let text = TestCertificates.run(
            """
            printf 'hello!' | openssl s_client -connect 127.0.0.1:\(listener.port) \(version) -quiet \
            -CAfile \(certificates.authority) -verify_return_error -verify_hostname localhost -alpn h2,http/1.1
            """)
          output.withLock { $0 = text }
        }
      }
    } result: {
      $0.received.values.first ?? []
    }
    thread.withLock { $0?.join() }
    #expect(String(decoding: heard, as: UTF8.self) == "hello!")
    #expect(output.withLock { $0 } == String(decoding: Self.pattern(50_000).map { $0 % 26 + 97 }, as: UTF8.self))
  }

  @Test(
    arguments: backends,
    [
      ("good", "other.example", "hostname mismatch"), ("second", "127.0.0.1", "IP address mismatch"),
      ("expired", "localhost", "certificate has expired"), ("self", "localhost", "self-signed certificate"),
    ])
  func `a server that cannot prove itself is refused, and both sides say why`(
    _ backend: BackendKind, _ offer: (certificate: String, hostName: String, cause: String)
  ) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let client = try certificates.client()
    let result = try runLoop(backend, listener: listener, tls: certificates.context(offer.certificate)) { probe in
      probe.onEnd = { probe, _ in if probe.closed.count == 2 { probe.stop() } }
      _ = try probe.sockets.connect(
        to: SocketAddress(host: "127.0.0.1", port: listener.port)!, securedBy: client, hostName: offer.hostName)
    } result: { probe in
      (probe.connected.count, probe.accepted.count, probe.closed.map { ($0.0, $0.1) }, probe.accepted)
    }
    #expect(result.0 == 0, "a refused server is never connected")
    for (socket, reason) in result.2 {
      guard case .tls(let text) = reason else {
        Issue.record("\(reason)")
        continue
      }
      if result.3.contains(socket) {
        #expect(text.contains("alert"), "\(text)")
      } else {
        #expect(text == "certificate verify failed: \(offer.cause)")
      }
    }
  }

  @Test(arguments: backends)
  func `an authority that is not known is named, and no authority is asked when told so`(_ backend: BackendKind) throws
  {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let port = listener.port
    let (stranger, anyone) = (try TLSClientContext(), try TLSClientContext(authorities: .anyone))
    let result = try runLoop(backend, listener: listener, tls: certificates.context("good")) { probe in
      probe.onConnected = { probe, socket in probe.sockets.closeAfterFlush(socket) }
      probe.onEnd = { probe, _ in if probe.closed.count == 4 { probe.stop() } }
      for context in [stranger, anyone] {
        _ = try probe.sockets.connect(
          to: SocketAddress(host: "127.0.0.1", port: port)!, securedBy: context, hostName: "localhost")
      }
    } result: { probe in
      (probe.connected.count, probe.closed.map { $0.1 })
    }
    #expect(result.0 == 1)
    #expect(result.1.contains(.tls("certificate verify failed: unable to get local issuer certificate")))
    #expect(result.1.contains(.local))
  }

  @Test(arguments: backends, [false, true])
  func `what was appended just now has no age, however long the socket was idle`(
    _ backend: BackendKind, isEncrypted: Bool
  ) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let address = SocketAddress(host: "127.0.0.1", port: listener.port)!
    let (client, server) = (try certificates.client(), try certificates.context("good"))
    let rounds = try runLoop(backend, listener: listener, tls: isEncrypted ? server : nil) { probe in
      let answer = { (probe: ProbeHandler, socket: SocketID) in
        _ = probe.sockets.append(socket, Array("x".utf8))
        #expect(probe.sockets.pendingAgeNanos(socket, nowNanos: SystemClock.monotonicNanos()) == 0)
      }
      probe.onConnected = answer
      probe.receivesWhole = { probe, socket, _ in
        usleep(1000)
        probe.receives < 8 ? answer(probe, socket) : probe.sockets.closeAfterFlush(socket)
      }
      probe.onEnd = { probe, _ in if probe.closed.count == 2 { probe.stop() } }
      if isEncrypted {
        _ = try probe.sockets.connect(to: address, securedBy: client, hostName: "localhost")
      } else {
        _ = try probe.sockets.connect(to: address)
      }
    } result: {
      $0.receives
    }
    #expect(rounds == 8)
  }

  @Test(arguments: backends)
  func `a connection that is made again goes on with the session of the last one`(_ backend: BackendKind) throws {
    let (client, server) = (try certificates.client(), try certificates.context("good"))
    for round in 0..<3 {
      let listener = try Listener(host: "127.0.0.1", port: 0)
      let address = SocketAddress(host: "127.0.0.1", port: listener.port)!
      let received = try runLoop(backend, listener: listener, tls: server) { probe in
        // Both sides speak, so that what the server gives out after the handshake is read.
        probe.onConnected = { probe, socket in _ = probe.sockets.append(socket, Array("x".utf8)) }
        probe.receivesWhole = { probe, socket, _ in probe.sockets.closeAfterFlush(socket) }
        probe.onEnd = { probe, _ in if probe.closed.count == 2 { probe.stop() } }
        _ = try probe.sockets.connect(to: address, securedBy: client, hostName: "localhost")
      } result: {
        $0.receives
      }
      #expect(received > 0 && client.resumedCount == round)
    }
  }
}
