// The limit server's end of the bench's feed: the same bytes that a gateway gets, of which nothing is decoded but
// whose tick it is and its number. One thread; allocates only while a large frame comes in pieces.

import Glibc
import WebSocket

struct LimitFeed {
  let descriptor: Int32
  var reader = FrameReader()

  private static let tries = 100
  private static let packetOffset = 2

  /// Connects, shakes hands and subscribes every instrument. Blocks; tries for ten seconds.
  init(port: UInt16, symbols: Int) throws {
    var connected: Int32?
    for attempt in 1...Self.tries where connected == nil {
      do {
        connected = try SocketText.connect(host: "127.0.0.1", port: port)
      } catch  where attempt < Self.tries {
        usleep(100_000)
      }
    }
    guard let connected else { throw SocketText.Failure("feed on port \(port)") }
    descriptor = connected
    let request = ClientHandshake.Request(
      host: "127.0.0.1", port: port, isSecure: false, target: "/?api_key=limit&access_token=limit")
    var handshake = try ClientHandshake(request, nonce: Array(repeating: 7, count: ClientHandshake.nonceBytes))
    try SocketText.sendAll(descriptor, handshake.requestBytes)
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(descriptor, &bytes, bytes.count, 0)
      guard count > 0 else { throw SocketText.Failure("the feed's handshake") }
      let outcome = bytes.withUnsafeBytes { handshake.receive(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      if case .open = outcome { break }
    }
    let tokens = (0..<symbols).map { String(FeedInstruments.token($0)) }.joined(separator: ",")
    let subscribe = Array(#"{"a":"subscribe","v":[\#(tokens)]}"#.utf8)
    try SocketText.sendAll(descriptor, ClientFrames.text(subscribe, maskKey: 1))
  }

  /// Walks over the packets of a frame.
  @inline(__always)
  static func forEach(_ frame: UnsafeRawBufferPointer, _ body: (_ index: Int, _ number: Int64) -> Void) {
    guard frame.count > packetOffset, let base = frame.baseAddress else { return }
    var left = Int(UInt16(bigEndian: base.loadUnaligned(as: UInt16.self)))
    var at = packetOffset
    while left > 0, at &+ 10 <= frame.count {
      let length = Int(UInt16(bigEndian: base.loadUnaligned(fromByteOffset: at, as: UInt16.self)))
      let token = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: at &+ 2, as: UInt32.self))
      let price = Int32(bigEndian: base.loadUnaligned(fromByteOffset: at &+ 6, as: Int32.self))
      body(FeedInstruments.index(ofToken: token), Int64(price) &- TickNumber.basePaise)
      at &+= 2 &+ length
      left &-= 1
    }
  }
}
