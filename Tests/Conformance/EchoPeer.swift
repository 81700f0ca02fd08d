// One open connection of the echo program, of either role: says back every message, compressed where that was agreed to.
// Owned by the loop's thread; allocates.

import Reactor
import WebSocket

final class EchoPeer {
  /// Above the largest message and the greatest number of fragments of the suite.
  private static let messageBytesMax = 64 << 20
  private static let fragmentsMax = 1 << 18

  let socket: SocketID
  private let role: Role
  private let sockets: Sockets
  private let compression: EchoCompression
  private let agreement: DeflateAgreement?
  private var connection: WebSocketConnection
  /// Called with each text message instead of saying it back.
  var onText: (([UInt8]) -> Void)?

  init(
    socket: SocketID, role: Role, sockets: Sockets, compression: EchoCompression, agreement: DeflateAgreement?
  ) {
    self.socket = socket
    self.role = role
    self.sockets = sockets
    self.compression = compression
    self.agreement = agreement
    var options = ConnectionOptions(role: role)
    options.messageBytesMax = Self.messageBytesMax
    options.fragmentsMax = Self.fragmentsMax
    connection = WebSocketConnection(options, inflater: agreement == nil ? nil : compression.inflater)
  }

  /// Nothing is left to say.
  var isFinished: Bool { connection.isFinished }

  func receive(_ bytes: UnsafeMutableRawBufferPointer) {
    connection.receive(bytes)
    while true {
      switch connection.next() {
      case .text(let payload):
        if let onText { onText(Array(payload)) } else { send(.text, payload) }
      case .binary(let payload): send(.binary, payload)
      case .ping(let payload): sendControl { FrameWriter.writeControl(.pong, payload: payload, maskKey: $1, to: $0) }
      case .pong: break
      case .closed(let code, _): close(code, "")
      case .violation(let code, let reason): close(code, reason)
      case .needMore: return
      }
    }
  }

  /// Sends a close frame. A server ends the connection with it; a client leaves that to the server, unless the server
  /// broke the protocol.
  func close(_ code: UInt16?, _ reason: StaticString) {
    guard !connection.isCloseSent else { return }
    sendControl { FrameWriter.writeClose(code: code, reason: reason, maskKey: $1, to: $0) }
    connection.closeSent()
    if role == .server || connection.isFailed { sockets.closeAfterFlush(socket) }
  }

  private var maskKey: UInt32? { role == .client ? UInt32.random(in: 0...UInt32.max) : nil }

  private func sendControl(_ write: (UnsafeMutableRawBufferPointer, UInt32?) -> Int) {
    withUnsafeTemporaryAllocation(byteCount: FrameWriter.controlFrameBytesMax, alignment: 1) { frame in
      let count = write(frame, maskKey)
      _ = sockets.append(socket, UnsafeRawBufferPointer(rebasing: frame[..<count]))
    }
  }

  /// Builds the frame in scratch memory: the payload behind room for the longest header, the header just before it.
  private func send(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer) {
    let room = PayloadDeflater.roomBytes(payloadCount: payload.count)
    let target = compression.scratch(byteCount: FrameHeader.bytesMax + room) + FrameHeader.bytesMax
    var count = payload.count
    var rsv: UInt8 = 0
    if let agreement, let deflater = compression.deflater(for: agreement),
      agreement.accepts(payloadCount: count, deflaterWindowBits: deflater.windowBits),
      let deflated = deflater.deflate(payload, to: UnsafeMutableRawBufferPointer(start: target, count: room))
    {
      count = deflated
      rsv = FrameHeader.compressedRSV
    } else if let source = payload.baseAddress {
      target.copyMemory(from: source, byteCount: count)
    }
    let maskKey = maskKey
    if let maskKey { Masking.apply(maskKey, to: target, count: count) }
    let headerBytes = FrameWriter.headerBytes(payloadCount: count, isMasked: maskKey != nil)
    let frame = target - headerBytes
    FrameWriter.writeHeader(opcode, payloadCount: count, maskKey: maskKey, rsv: rsv, to: frame)
    if !sockets.append(socket, frame, headerBytes + count) { sockets.close(socket) }
  }
}

/// What the connections of the loop share.
final class EchoCompression {
  let inflater = PayloadInflater()
  /// By window bits, made when a client first asks for the window.
  private var deflaters: [Int: PayloadDeflater] = [:]
  private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  deinit { memory.deallocate() }

  /// One whose results fit the agreed window, with the one exception that `DeflateAgreement.accepts` finds.
  func deflater(for agreement: DeflateAgreement) -> PayloadDeflater? {
    var options = PayloadDeflater.Options()
    options.windowBits = max(9, agreement.windowBits)
    options.memoryLevel = 8
    options.payloadBytesMin = 0
    let deflater = deflaters[options.windowBits] ?? PayloadDeflater(options)
    deflaters[options.windowBits] = deflater
    return deflater
  }

  /// Memory of at least this size, valid until the next call.
  func scratch(byteCount: Int) -> UnsafeMutableRawPointer {
    if memory.count < byteCount {
      memory.deallocate()
      memory = .allocate(byteCount: max(byteCount, 2 * memory.count), alignment: 16)
    }
    guard let base = memory.baseAddress else { preconditionFailure("memory of no size was asked for") }
    return base
  }
}
