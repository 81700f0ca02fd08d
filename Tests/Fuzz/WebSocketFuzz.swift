// Coverage-guided fuzzing of everything in WebSocket that reads foreign bytes. Not part of the package:
//
//   swiftc -O -parse-as-library -package-name tickgate -sanitize=fuzzer,address \
//     Sources/WebSocket/*.swift Tests/Fuzz/WebSocketFuzz.swift -o /tmp/websocket-fuzz
//   /tmp/websocket-fuzz -max_len=400 -max_total_time=60
//
// Method: the first byte of the input picks the target, the second the size of the pieces. A stream is fed whole and
// in pieces, and both must give the same events. Trapping is failing; the digest keeps the optimiser from deleting the
// work.

/// Input that is too short to hold the two selecting bytes is skipped.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
  guard count > 2 else { return 0 }
  let input = Array(UnsafeBufferPointer(start: data + 2, count: count - 2))
  let pieceBytes = Int(data[1] % 32) + 1
  switch data[0] % 8 {
  case 0: fuzzServerHandshake(input, pieceBytes)
  case 1: fuzzClientHandshake(input, pieceBytes)
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
  precondition(digest(options, [input]) == digest(options, pieces(input, pieceBytes)))
}

/// Every byte of every event, each chunk in memory that is freed before the next.
private func digest(_ options: ConnectionOptions, _ chunks: [[UInt8]]) -> [UInt8] {
  var connection = WebSocketConnection(options)
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
    precondition(request.acceptResponse(subprotocol: request.protocols.first).count < input.count + 200)
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
  let request = ClientHandshake.Request(host: "h", port: 443, isSecure: true, target: "/", protocols: ["a"])
  guard var whole = try? ClientHandshake(request, nonce: Array("the sample nonce".utf8)) else { return }
  var cut = whole
  let expected = "\(input.withUnsafeBytes { whole.receive($0) })".prefix(12)
  var found = "needMore"[...]
  for piece in pieces(input, pieceBytes) where found == "needMore" {
    found = "\(piece.withUnsafeBytes { cut.receive($0) })".prefix(12)
  }
  precondition(found == expected)
}
