// What several suites need: seeded random numbers, frames as arrays, and a driver that feeds a connection from memory
// which it destroys after use, so that a pointer kept too long shows up as a wrong event.

import Glibc
import TestSupport
import Testing
import WebSocket

extension SeededGenerator {
  var comment: Comment { "TICKGATE_SEED=\(seed)" }

  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }

  /// Valid UTF-8 of up to `count` characters of one to four bytes.
  mutating func text(_ count: Int) -> [UInt8] {
    let alphabet: [Character] = ["a", "{", "\"", " ", "é", "ß", "₹", "語", "🂡", "\u{10FFFF}"]
    return Array(String((0..<count).compactMap { _ in alphabet.randomElement(using: &self) }).utf8)
  }

  /// Cuts `bytes` into pieces of random sizes, some empty.
  mutating func cut(_ bytes: [UInt8]) -> [[UInt8]] {
    let pieceMax = Int.random(in: 1...64, using: &self)
    var pieces: [[UInt8]] = []
    var start = 0
    while start < bytes.count {
      let count = min(Int.random(in: 0...pieceMax, using: &self), bytes.count - start)
      pieces.append(Array(bytes[start..<start + count]))
      start += count
    }
    return pieces
  }
}

/// A copy of an event that outlives its memory.
enum Heard: Equatable {
  case text([UInt8])
  case binary([UInt8])
  case ping([UInt8])
  case pong([UInt8])
  case closed(UInt16?, [UInt8])
  case violation(UInt16, String)

  static func text(_ string: String) -> Heard { .text(Array(string.utf8)) }

  var isViolation: Bool { if case .violation = self { true } else { false } }
}

/// A frame with a mask key when a client sends it.
func frame(
  _ opcode: Opcode, _ payload: [UInt8] = [], isFinal: Bool = true, rsv: UInt8 = 0, from sender: Role,
  maskKey: UInt32 = 0x3D21_FA37
) -> [UInt8] {
  let key = sender == .client ? maskKey : nil
  let headerBytes = FrameWriter.headerBytes(payloadCount: payload.count, isMasked: key != nil)
  var bytes = [UInt8](repeating: 0, count: headerBytes) + payload
  bytes.withUnsafeMutableBytes { raw in
    guard let base = raw.baseAddress else { return }
    let written = FrameWriter.writeHeader(
      opcode, isFinal: isFinal, payloadCount: payload.count, maskKey: key, rsv: rsv, to: base)
    #expect(written == headerBytes)
    if let key { Masking.apply(key, to: base + headerBytes, count: payload.count) }
  }
  return bytes
}

/// A masked client frame of any first byte, with every length form and mask under control.
func clientFrame(first: UInt8, _ payload: [UInt8] = [], maskKey: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]) -> [UInt8] {
  let masked = payload.enumerated().map { $1 ^ maskKey[$0 % 4] }
  return [first, 0x80 | UInt8(payload.count)] + maskKey + masked
}

/// A close frame's payload.
func closePayload(_ code: UInt16, _ reason: String = "") -> [UInt8] {
  [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8)
}

/// Feeds `bytes` to `connection` in one chunk of its own memory and drains it.
func drain(_ connection: inout WebSocketConnection, _ bytes: [UInt8]) -> [Heard] {
  let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
  chunk.copyBytes(from: bytes)
  defer {
    chunk.initializeMemory(as: UInt8.self, repeating: 0xFF)
    chunk.deallocate()
  }
  connection.receive(chunk)
  var heard: [Heard] = []
  while true {
    switch connection.next() {
    case .text(let payload): heard.append(.text(Array(payload)))
    case .binary(let payload): heard.append(.binary(Array(payload)))
    case .ping(let payload): heard.append(.ping(Array(payload)))
    case .pong(let payload): heard.append(.pong(Array(payload)))
    case .closed(let code, let reason): heard.append(.closed(code, Array(reason)))
    case .violation(let code, let reason): heard.append(.violation(code, "\(reason)"))
    case .needMore: return heard
    }
  }
}

/// Everything that a new connection makes of `pieces`.
func events(_ options: ConnectionOptions, _ pieces: [[UInt8]], inflater: PayloadInflater? = nil) -> [Heard] {
  var connection = WebSocketConnection(options, inflater: inflater)
  var heard: [Heard] = []
  for piece in pieces { heard += drain(&connection, piece) }
  return heard
}

/// The same for a server or client with default options and one chunk.
func events(_ role: Role, _ bytes: [UInt8]) -> [Heard] { events(ConnectionOptions(role: role), [bytes]) }

/// `payload` compressed, however little that helps; nil when the compressor leaves it alone.
func deflated(_ payload: [UInt8], with deflater: PayloadDeflater) -> [UInt8]? {
  var out = [UInt8](repeating: 0xEE, count: PayloadDeflater.roomBytes(payloadCount: payload.count))
  let count = payload.withUnsafeBytes { source in out.withUnsafeMutableBytes { deflater.deflate(source, to: $0) } }
  return count.map { Array(out[..<$0]) }
}

/// What became of a compressed payload, copied.
enum Inflated: Equatable {
  case message([UInt8])
  case tooLarge
  case malformed

  static func message(_ text: String) -> Inflated { .message(Array(text.utf8)) }
}

func inflated(_ payload: [UInt8], bytesMax: Int = 1 << 20, with inflater: PayloadInflater) -> Inflated {
  switch payload.withUnsafeBytes({ inflater.inflate($0, bytesMax: bytesMax) }) {
  case .message(let bytes): .message(Array(bytes))
  case .tooLarge: .tooLarge
  case .malformed: .malformed
  }
}

/// Checks that cutting `bytes` anywhere changes nothing.
func expectSameWhenSplit(
  _ options: ConnectionOptions, _ bytes: [UInt8], _ expected: [Heard], inflater: PayloadInflater? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(events(options, [bytes], inflater: inflater) == expected, "whole", sourceLocation: sourceLocation)
  #expect(
    events(options, bytes.map { [$0] }, inflater: inflater) == expected, "byte by byte", sourceLocation: sourceLocation)
  for place in 1..<max(bytes.count, 1) {
    let pieces = [Array(bytes[..<place]), Array(bytes[place...])]
    #expect(events(options, pieces, inflater: inflater) == expected, "cut at \(place)", sourceLocation: sourceLocation)
  }
}
