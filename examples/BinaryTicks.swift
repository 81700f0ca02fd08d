// Prints ticks of the binary stream (docs/binary.md) over a plain socket, with no library but the C one:
//   swiftc -O -parse-as-library examples/BinaryTicks.swift -o binary-ticks
//   TICKGATE_KEY=... ./binary-ticks 8765 NSE:RELIANCE NSE:INFY

import Glibc

/// One record of a message, bounds checked. All numbers are little-endian.
struct Record {
  let bytes: ArraySlice<UInt8>
  var type: UInt8 { bytes[bytes.startIndex + 2] }
  var isSnapshot: Bool { bytes[bytes.startIndex + 3] & 1 != 0 }

  func number<N: FixedWidthInteger>(_ offset: Int, as type: N.Type) -> N {
    bytes.withUnsafeBytes { memory in
      precondition(offset + MemoryLayout<N>.size <= memory.count, "a record is too short for its type")
      return N(littleEndian: memory.loadUnaligned(fromByteOffset: offset, as: N.self))
    }
  }

  func text(_ offset: Int, _ count: Int) -> String {
    String(decoding: bytes.dropFirst(offset).prefix(count), as: UTF8.self)
  }

  /// The records of a message; stops at one whose size cannot be.
  static func all(_ message: [UInt8]) -> [Record] {
    var records: [Record] = []
    var offset = 0
    while offset + 8 <= message.count {
      let size = Int(message[offset]) | Int(message[offset + 1]) << 8
      guard size >= 8, size % 8 == 0, offset + size <= message.count else { break }
      records.append(Record(bytes: message[offset..<offset + size]))
      offset += size
    }
    return records
  }
}

/// Names of the instruments of this connection, and what is printed of each record.
struct Printer {
  private var instruments: [UInt32: (name: String, decimals: Int)] = [:]

  mutating func show(_ record: Record) {
    let id = record.number(4, as: UInt32.self)
    switch record.type {
    case 1, 2, 3:
      guard let instrument = instruments[id], record.number(16, as: UInt16.self) & 1 != 0 else { return }
      let price = Self.price(record.number(48, as: Int64.self), decimals: instrument.decimals)
      let sequence = record.number(8, as: UInt64.self)
      print(instrument.name, price, "seq", sequence, record.isSnapshot ? "snapshot" : "")
    case 16: print("epoch", record.number(8, as: UInt64.self))
    case 18:
      let start = Int(record.number(34, as: UInt16.self))
      let exchangeBytes = Int(record.number(36, as: UInt16.self))
      let symbol = record.text(start + exchangeBytes, Int(record.number(38, as: UInt16.self)))
      let decimals = Int(record.number(33, as: UInt8.self))
      instruments[id] = ("\(record.text(start, exchangeBytes)):\(symbol)", min(decimals, 8))
    default: break  // Feeds, and records of later versions.
    }
  }

  /// 1e-8 units as decimal text, without floating point.
  private static func price(_ value: Int64, decimals: Int) -> String {
    let digits = String(value.magnitude)
    let padded = String(repeating: "0", count: max(0, 9 - digits.count)) + digits
    return (value < 0 ? "-" : "") + padded.dropLast(8) + "." + padded.suffix(8).prefix(decimals)
  }
}

/// As much WebSocket as a client of the gateway needs: its frames are whole and unmasked.
struct WebSocket {
  private let socket: Int32
  private var buffer: [UInt8] = []

  init(port: UInt16) {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { fail("no gateway on port \(port)") }
    write(
      Array(
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          + "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n"
          + "Sec-WebSocket-Protocol: tickgate.v1\r\n\r\n").utf8))
    var head: [UInt8] = []
    while !head.suffix(4).elementsEqual([13, 10, 13, 10]) { head += read(1) }
    let lines = String(decoding: head, as: UTF8.self).lowercased()
    guard lines.contains("sec-websocket-protocol: tickgate.v1") else { fail("this gateway has no binary stream") }
  }

  /// Sends one masked frame of less than 65,536 bytes.
  func send(_ payload: [UInt8], opcode: UInt8 = 1) {
    let mask = (0..<4).map { _ in UInt8.random(in: 0...255) }
    let size = payload.count
    let length = size < 126 ? [0x80 | UInt8(size)] : [0xFE, UInt8(size >> 8), UInt8(size & 0xFF)]
    write([0x80 | opcode] + length + mask + payload.indices.map { payload[$0] ^ mask[$0 % 4] })
  }

  /// The next message; answers pings on the way.
  mutating func receive() -> (isText: Bool, payload: [UInt8]) {
    while true {
      let head = read(2)
      var size = Int(head[1] & 0x7F)
      if size > 125 { size = read(size == 126 ? 2 : 8).reduce(0) { $0 << 8 | Int($1) } }
      let payload = read(size)
      switch head[0] & 15 {
      case 1, 2: return (head[0] & 15 == 1, payload)
      case 8: fail("closed by the gateway: \(String(decoding: payload.dropFirst(2), as: UTF8.self))")
      case 9: send(payload, opcode: 10)
      default: break
      }
    }
  }

  private func write(_ bytes: [UInt8]) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(socket, $0.baseAddress! + done, bytes.count - done, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { fail("the connection broke") }
      done += count
    }
  }

  private mutating func read(_ count: Int) -> [UInt8] {
    while buffer.count < count {
      let chunk = [UInt8](unsafeUninitializedCapacity: 65_536) { memory, filled in
        filled = max(0, recv(socket, memory.baseAddress, memory.count, 0))
      }
      guard !chunk.isEmpty else { fail("the connection ended") }
      buffer += chunk
    }
    defer { buffer.removeFirst(count) }
    return Array(buffer.prefix(count))
  }
}

func fail(_ reason: String) -> Never {
  fputs(reason + "\n", Glibc.stderr)
  exit(1)
}

@main enum BinaryTicks {
  static func main() {
    let arguments = CommandLine.arguments.dropFirst()
    guard let key = getenv("TICKGATE_KEY").map({ String(cString: $0) }) else { fail("TICKGATE_KEY is not set") }
    guard let port = UInt16(arguments.first ?? "8765") else { fail("usage: binary-ticks [PORT [EXCHANGE:SYMBOL...]]") }
    let names = arguments.count > 1 ? Array(arguments.dropFirst()) : ["NSE:RELIANCE", "NSE:INFY"]
    let symbols = names.map { name in
      let parts = name.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { fail("\(name) is not EXCHANGE:SYMBOL") }
      return #"{"exchange":"\#(parts[0])","symbol":"\#(parts[1])"}"#
    }
    setvbuf(Glibc.stdout, nil, _IOLBF, 0)
    var socket = WebSocket(port: port)
    socket.send(Array(#"{"action":"authenticate","api_key":"\#(key)"}"#.utf8))
    socket.send(
      Array(#"{"action":"subscribe","mode":"LTP","symbols":[\#(symbols.joined(separator: ","))]}"#.utf8))
    var printer = Printer()
    while true {
      let message = socket.receive()
      if message.isText { print(String(decoding: message.payload, as: UTF8.self)) }
      for record in message.isText ? [] : Record.all(message.payload) { printer.show(record) }
    }
  }
}
