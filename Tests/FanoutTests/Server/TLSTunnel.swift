// Lets the blocking test client, which knows no TLS, talk to an encrypted server: plain on one side, our own client
// role on the other. One loop thread; sockets are paired by arrival.

import Glibc
import Logging
import Market
import Reactor
import TestSupport
import TickRing

final class TLSTunnel: Sendable {
  let port: UInt16
  private let mailbox: Mailbox<Bool>
  private let thread: LoopThread

  init(to server: UInt16) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    let context = try TLSClientContext(authorities: .file(TestCertificates.shared.authority))
    let waker = Waker()
    let mailbox = Mailbox<Bool>(waker: waker)
    port = listener.port
    self.mailbox = mailbox
    let gate = StartGate<Void>()
    thread = LoopThread(name: "tunnel") {
      do {
        let limits = LoopLimits()
        let sockets = Sockets(limits: limits)
        let handler = TunnelHandler(sockets, mailbox, context, SocketAddress(host: "127.0.0.1", port: server)!)
        try LoopRunner.run(
          .auto, handler: handler, sockets: sockets, listeners: [listener], waker: waker, log: Logger(label: "tunnel")
        ) { gate.open(.success(())) }
      } catch {
        gate.open(.failure(error))
      }
    }
    try gate.wait()
  }

  deinit {
    mailbox.send(true)
    thread.join()
  }
}

private final class TunnelHandler: LoopHandler {
  private let sockets: Sockets
  private let mailbox: Mailbox<Bool>
  private let context: TLSClientContext
  private let server: SocketAddress
  private var partners: [SocketID: SocketID] = [:]
  /// Plain bytes that came before the encrypted side was up.
  private var early: [SocketID: [UInt8]] = [:]

  init(_ sockets: Sockets, _ mailbox: Mailbox<Bool>, _ context: TLSClientContext, _ server: SocketAddress) {
    self.sockets = sockets
    self.mailbox = mailbox
    self.context = context
    self.server = server
  }

  func onAccept(_ socket: SocketID, listener: Int, peer: SocketAddress) {
    guard let other = try? sockets.connect(to: server, securedBy: context, hostName: "localhost") else {
      return sockets.close(socket)
    }
    partners[socket] = other
    partners[other] = socket
    early[other] = []
  }

  func onConnect(_ socket: SocketID) {
    if let bytes = early.removeValue(forKey: socket) { _ = sockets.append(socket, bytes) }
  }

  func onReceive(_ socket: SocketID, _ bytes: UnsafeMutableRawBufferPointer) {
    guard let other = partners[socket] else { return }
    if early[other]?.append(contentsOf: bytes) == nil { _ = sockets.append(other, UnsafeRawBufferPointer(bytes)) }
  }

  func onClosed(_ socket: SocketID, reason: CloseReason) {
    guard let other = partners.removeValue(forKey: socket) else { return }
    partners[other] = nil
    sockets.closeAfterFlush(other)
  }

  func onTurn(nowNanos: Int64) {
    guard !mailbox.takeAll().isEmpty else { return }
    for socket in partners.keys { sockets.close(socket) }
    sockets.stop(deadlineNanos: nowNanos + 1_000_000_000)
  }

  func onSweep(nowNanos: Int64) {}
  func hasWork() -> Bool { !mailbox.isEmpty }
  func deadlineNanos() -> Int64 { .max }
}
