// Coverage-guided fuzzing of everything in WebSocket that reads foreign bytes: `scripts/fuzz websocket`. Not part of the
// package.
//
// Method: the first byte of the input picks the target, the second the size of the pieces. A stream is fed whole and
// in pieces, to either role, with and without compression, and both must give the same events. Trapping is failing; the
// digest keeps the optimiser from deleting the work.

/// Input that is too short to hold the two selecting bytes is skipped.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
  guard count > 2 else { return 0 }
  let input = Array(UnsafeBufferPointer(start: data + 2, count: count - 2))
  let pieceBytes = Int(data[1] % 32) + 1
  switch data[0] % 8 {
  case 0: fuzzServerHandshake(input, pieceBytes)
  case 1: fuzzClientHandshake(input, pieceBytes)
  case 2: fuzzExtensions(input)
  case 3: fuzzPayload(input, bytesMax: Int(data[1]) * 16)
  default: fuzzConnection(input, pieceBytes, selector: data[0])
  }
  return 0
}

private func pieces(_ input: [UInt8], _ size: Int) -> [[UInt8]] {
  stride(from: 0, to: input.count, by: size).map { Array(input[$0..<min($0 + size, input.count)]) }
}

private func fuzzConnection(_ input: [UInt8], _ pieceBytes: Int, selector: UInt8) {
  var options = ConnectionOptions(role: selector & 8 == 0 ? .server : .client)
  options.messageBytesMax = 100
  options.fragmentsMax = 5
  options.toleratesTruncatedPing = selector & 16 == 0
  options.expectsTruncatedPing = selector & 32 == 0
  let inflater = selector & 64 == 0 ? nil : PayloadInflater()
  let whole = digest(options, [input], inflater)
  precondition(whole == digest(options, pieces(input, pieceBytes), inflater))
  precondition(inflater?.capacityBytes ?? 0 <= options.messageBytesMax + 1)
}

/// The bound holds for any input, and what is compressed comes back.
private func fuzzPayload(_ input: [UInt8], bytesMax: Int) {
  let inflater = PayloadInflater()
  input.withUnsafeBytes { bytes in
    if case .message(let message) = inflater.inflate(bytes, bytesMax: bytesMax) {
      precondition(message.count <= bytesMax)
    }
    precondition(inflater.capacityBytes <= bytesMax + 1)
    var options = PayloadDeflater.Options()
    options.windowBits = 9 + bytesMax / 16 % 7
    options.payloadBytesMin = 0
    let deflater = PayloadDeflater(options)
    // Exactly the memory that may be written, for the sanitizer.
    let room = UnsafeMutableRawBufferPointer.allocate(
      byteCount: PayloadDeflater.roomBytes(payloadCount: bytes.count), alignment: 1)
    defer { room.deallocate() }
    guard let count = deflater.deflate(bytes, to: room) else { return }
    let compressed = UnsafeRawBufferPointer(rebasing: room[..<count])
    guard case .message(let message) = inflater.inflate(compressed, bytesMax: bytes.count) else {
      preconditionFailure("what was compressed is refused")
    }
    precondition(count < bytes.count && message.elementsEqual(bytes))
  }
}

/// An offer of any bytes: an answer to it is one that a client of ours takes.
private func fuzzExtensions(_ input: [UInt8]) {
  var head = Array(
    "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n".utf8)
  head += Array("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: ".utf8)
  head += input + Array("\r\n\r\n".utf8)
  var server = ServerHandshake()
  guard case .upgrade(let offer, _) = head.withUnsafeBytes({ server.receive($0) }), let deflate = offer.deflate else {
    return
  }
  var request = ClientHandshake.Request(host: "h", port: 443, isSecure: true, target: "/")
  request.offersDeflate = true
  let answer = offer.acceptResponse(deflate: deflate)
  guard var client = try? ClientHandshake(request, nonce: Array("the sample nonce".utf8)),
    case .open = answer.withUnsafeBytes({ client.receive($0) }), client.deflate != nil
  else { preconditionFailure("our own answer is refused") }
}

/// Every byte of every event, each chunk in memory that is freed before the next.
private func digest(_ options: ConnectionOptions, _ chunks: [[UInt8]], _ inflater: PayloadInflater?) -> [UInt8] {
  var connection = WebSocketConnection(options, inflater: inflater)
  var heard: [UInt8] = []
  for chunk in chunks {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk.count, alignment: 1)
    defer { memory.deallocate() }
    memory.copyBytes(from: chunk)
    connection.receive(memory)
    reading: while true {
      switch connection.next() {
      case .text(let bytes): heard += [1] + bytes
      case .binary(let bytes): heard += [2] + bytes
      case .ping(let bytes): heard += [3] + bytes
      case .pong(let bytes): heard += [4] + bytes
      case .closed(let code, let reason): heard += [5, UInt8(truncatingIfNeeded: code ?? 0)] + reason
      case .violation(let code, let reason): heard += [6, UInt8(truncatingIfNeeded: code)] + Array("\(reason)".utf8)
      case .needMore: break reading
      }
    }
    precondition(connection.bufferedCapacityBytes <= options.messageBytesMax + FrameHeader.controlPayloadMax)
  }
  return heard
}

private func fuzzServerHandshake(_ input: [UInt8], _ pieceBytes: Int) {
  var whole = ServerHandshake()
  var expected = -1
  if case .upgrade(let request, let consumed) = input.withUnsafeBytes({ whole.receive($0) }) {
    let answer = request.acceptResponse(subprotocol: request.protocols.first, deflate: request.deflate)
    precondition(answer.count < input.count + 400)
    expected = consumed
  }
  var cut = ServerHandshake()
  var found = -1
  var taken = 0
  for piece in pieces(input, pieceBytes) {
    let outcome = piece.withUnsafeBytes { cut.receive($0) }
    if case .upgrade(_, let consumed) = outcome { found = taken + consumed }
    guard case .needMore = outcome else { break }
    taken += piece.count
  }
  precondition(found == expected)
}

private func fuzzClientHandshake(_ input: [UInt8], _ pieceBytes: Int) {
  var request = ClientHandshake.Request(host: "h", port: 443, isSecure: true, target: "/", protocols: ["a"])
  request.offersDeflate = pieceBytes % 2 == 0
  guard var whole = try? ClientHandshake(request, nonce: Array("the sample nonce".utf8)) else { return }
  var cut = whole
  let expected = "\(input.withUnsafeBytes { whole.receive($0) })".prefix(12)
  var found = "needMore"[...]
  for piece in pieces(input, pieceBytes) where found == "needMore" {
    found = "\(piece.withUnsafeBytes { cut.receive($0) })".prefix(12)
  }
  precondition(found == expected)
}
