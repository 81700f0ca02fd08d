// The client under test: asks a fuzzing server how many cases it has, takes part in each over a connection of its own,
// and has it write its report. Owned by the loop's thread; allocates.

import Reactor
import WebSocket

final class EchoClient: LoopHandler {
  /// How long the server may take to end a connection that is closed on our side.
  private static let endNanosMax: Int64 = 2_000_000_000

  private enum Step {
    case count
    case run(Int)
    case report
    case done
  }

  private let sockets: Sockets
  private let address: SocketAddress
  private let port: UInt16
  private let agent: String
  private let compression = EchoCompression()
  private var step = Step.count
  private var handshake: ClientHandshake?
  private var peer: EchoPeer?
  private var finishedNanos: Int64?
  /// What the server said.
  private(set) var caseCount = 0

  init(sockets: Sockets, port: UInt16, agent: String) throws {
    guard let address = SocketAddress(host: "127.0.0.1", port: port) else { throw LoopError.badAddress("\(port)") }
    self.sockets = sockets
    self.address = address
    self.port = port
    self.agent = agent
    _ = try sockets.connect(to: address)
  }

  /// The report was asked for.
  private(set) var isComplete = false

  private var target: String {
    switch step {
    case .count, .done: "/getCaseCount"
    case .run(let number): "/runCase?case=\(number)&agent=\(agent)"
    case .report: "/updateReports?agent=\(agent)"
    }
  }

  func onConnect(_ socket: SocketID) {
    var request = ClientHandshake.Request(host: "127.0.0.1", port: port, isSecure: false, target: target)
    request.offersDeflate = true
    let nonce = (0..<ClientHandshake.nonceBytes).map { _ in UInt8.random(in: 0...255) }
    guard let handshake = try? ClientHandshake(request, nonce: nonce) else { return sockets.close(socket) }
    self.handshake = handshake
    _ = sockets.append(socket, handshake.requestBytes)
  }

  func onReceive(_ socket: SocketID, _ bytes: UnsafeMutableRawBufferPointer) {
    if let peer { return peer.receive(bytes) }
    guard case .open(_, let consumed) = handshake?.receive(UnsafeRawBufferPointer(bytes)) else { return }
    let peer = EchoPeer(
      socket: socket, role: .client, sockets: sockets, compression: compression, agreement: handshake?.deflate)
    if case .count = step {
      peer.onText = { [weak self] text in self?.caseCount = Int(String(decoding: text, as: UTF8.self)) ?? 0 }
    }
    self.peer = peer
    peer.receive(UnsafeMutableRawBufferPointer(rebasing: bytes[consumed...]))
  }

  func onClosed(_ socket: SocketID, reason: CloseReason) {
    let wasOpen = peer != nil
    handshake = nil
    peer = nil
    finishedNanos = nil
    // A case may end the handshake's connection; without the count or the report there is no run.
    switch step {
    case .count where wasOpen && caseCount > 0: step = .run(1)
    case .run(let number): step = number < caseCount ? .run(number + 1) : .report
    case .report:
      isComplete = wasOpen
      step = .done
    case .count, .done: step = .done
    }
    if case .done = step { return sockets.stop(deadlineNanos: 0) }
    if (try? sockets.connect(to: address)) == nil { sockets.stop(deadlineNanos: 0) }
  }

  /// The server ends a connection; one that it forgets is cut.
  func onSweep(nowNanos: Int64) {
    guard let peer, peer.isFinished else { return }
    let since = finishedNanos ?? nowNanos
    finishedNanos = since
    if nowNanos - since > Self.endNanosMax { sockets.close(peer.socket) }
  }

  func onAccept(_ socket: SocketID, listener: Int, peer: SocketAddress) {}
  func onTurn(nowNanos: Int64) {}
  func hasWork() -> Bool { false }
  func deadlineNanos() -> Int64 { .max }
}
