// The binary frame that a connection gets next, built packet by packet in memory of its own. Loop thread only. Trivial
// on purpose: the tick loop walks a plain array of these, one per open connection.

import Reactor
import WebSocket

/// A frame under construction: room for the WebSocket header, the packet count, then the packets.
struct PacketSink: BitwiseCopyable {
  let socket: SocketID
  private let memory: UnsafeMutableRawPointer
  private let capacity: Int
  /// Raw value of the `KiteMode` of each instrument, 0 for none: a copy of the session's table.
  let modes: UnsafeMutablePointer<UInt8>
  /// The connection does not keep up; packets for it are counted only.
  var isSkipping = false
  private(set) var packetCount = 0
  private var packetsBytes = 0
  private var skippedCount: UInt64 = 0

  private static let headerRoom = 10
  private static let countBytes = 2
  private static let packetCountMax = Int(UInt16.max)

  /// - Parameter packetsMax: packets of the largest size that fit into a frame.
  init(socket: SocketID, instruments: Int, packetsMax: Int) {
    self.socket = socket
    capacity = packetsMax * KiteEncoder.packetBytesMax
    memory = .allocate(byteCount: Self.headerRoom + Self.countBytes + capacity, alignment: 8)
    modes = .allocate(capacity: instruments)
    modes.initialize(repeating: 0, count: instruments)
  }

  /// The memory is not used after this.
  func deallocate() {
    memory.deallocate()
    modes.deallocate()
  }

  /// No further packet fits: take the frame first.
  @inline(__always) var isFull: Bool {
    packetsBytes &+ KiteEncoder.packetBytesMax > capacity || packetCount == Self.packetCountMax
  }

  @inline(__always) mutating func add(_ state: UnsafePointer<PriceState>, _ mode: KiteMode) {
    assert(!isFull)
    let destination = memory + (Self.headerRoom &+ Self.countBytes &+ packetsBytes)
    packetsBytes &+= KiteEncoder.write(state, mode, to: destination)
    packetCount &+= 1
  }

  @inline(__always) mutating func skip() { skippedCount &+= 1 }

  /// Packets skipped since the last call.
  mutating func takeSkipped() -> UInt64 {
    defer { skippedCount = 0 }
    return skippedCount
  }

  /// The frame with its header, ready to be sent; valid until the next `add`, which starts a new one.
  mutating func takeFrame() -> UnsafeRawBufferPointer {
    let payloadCount = Self.countBytes + packetsBytes
    let headerBytes = FrameWriter.headerBytes(payloadCount: payloadCount, isMasked: false)
    let start = memory + (Self.headerRoom - headerBytes)
    FrameWriter.writeHeader(.binary, payloadCount: payloadCount, to: start)
    memory.storeBytes(
      of: UInt16(truncatingIfNeeded: packetCount).bigEndian, toByteOffset: Self.headerRoom, as: UInt16.self)
    packetCount = 0
    packetsBytes = 0
    return UnsafeRawBufferPointer(start: start, count: headerBytes + payloadCount)
  }
}

/// The sinks of all open connections, without gaps.
struct PacketSinks: ~Copyable {
  private(set) var count = 0
  private let sinks: UnsafeMutablePointer<PacketSink>
  private let capacity: Int

  init(capacity: Int) {
    self.capacity = capacity
    sinks = .allocate(capacity: capacity)
  }

  deinit {
    for index in 0..<count { sinks[index].deallocate() }
    sinks.deallocate()
  }

  /// Valid until the next `append` or `remove`.
  @inline(__always) subscript(index: Int) -> UnsafeMutablePointer<PacketSink> {
    assert(index >= 0 && index < count)
    return sinks + index
  }

  /// Answers the place of the new sink.
  mutating func append(_ sink: PacketSink) -> Int {
    precondition(count < capacity, "more connections than were allowed")
    (sinks + count).initialize(to: sink)
    count += 1
    return count - 1
  }

  /// The last sink moves to the place that becomes free; answers its socket, nil when nothing moved.
  mutating func remove(at index: Int) -> SocketID? {
    precondition(index >= 0 && index < count)
    sinks[index].deallocate()
    count -= 1
    guard index < count else { return nil }
    sinks[index] = sinks[count]
    return sinks[index].socket
  }
}
