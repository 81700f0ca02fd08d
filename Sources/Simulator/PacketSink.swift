// The binary frame that a connection gets next, built packet by packet in memory of its own. Loop thread only. Trivial
// on purpose: the tick loop walks a plain array of these, one per open connection.

import Reactor
import WebSocket

/// A frame under construction: room for the WebSocket header, what stands in front of the packets, then the packets.
/// Angel's packets are frames of their own already.
struct PacketSink: BitwiseCopyable {
  let socket: SocketID
  let format: PacketFormat
  private let memory: UnsafeMutableRawPointer
  private let capacity: Int
  private let packetBytesMax: Int
  /// What the session keeps for each instrument, 0 for none: a copy of its table.
  let modes: UnsafeMutablePointer<UInt8>
  /// The connection does not keep up; packets for it are counted only.
  var isSkipping = false
  /// What a fault keeps from the connection.
  var filter = SinkFilter.none
  private(set) var packetCount = 0
  private var packetsBytes = 0
  private var skippedCount: UInt64 = 0
  private var hasSnapshots = false

  private static let headerRoom = 10
  private static let prefixRoom = 2
  private static let suffixRoom = UpstoxEncoder.suffixBytesMax
  private static let packetCountMax = Int(UInt16.max)

  /// - Parameter packetsMax: packets that the connection can get in one go.
  init(socket: SocketID, format: PacketFormat, instruments: Int, packetsMax: Int) {
    self.socket = socket
    self.format = format
    packetBytesMax = format.packetBytesMax
    capacity = format.capacity(packetsMax: packetsMax)
    memory = .allocate(byteCount: Self.headerRoom + Self.prefixRoom + capacity + Self.suffixRoom, alignment: 8)
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
    packetsBytes &+ packetBytesMax > capacity || packetCount == Self.packetCountMax
  }

  /// - Parameter mode: of the table, not 0.
  @inline(__always) mutating func add(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, _ mode: UInt8
  ) {
    assert(!isFull)
    let destination = memory + (Self.headerRoom &+ Self.prefixRoom &+ packetsBytes)
    if format == .kite, let mode = KiteMode(rawValue: mode) {
      packetsBytes &+= KiteEncoder.write(state, mode, to: destination)
      packetCount &+= 1
    } else {
      let count = format.write(state, name, modes: mode, isSnapshot: false, to: destination)
      packetsBytes &+= count
      if count > 0 { packetCount &+= 1 }
    }
  }

  /// The state as a new subscription gets it. Snapshots and ticks do not share a frame.
  mutating func addSnapshot(_ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, _ mode: UInt8) {
    assert(!isFull && (hasSnapshots || packetCount == 0))
    hasSnapshots = true
    let destination = memory + (Self.headerRoom + Self.prefixRoom + packetsBytes)
    let count = format.write(state, name, modes: mode, isSnapshot: true, to: destination)
    packetsBytes += count
    if count > 0 { packetCount += 1 }
  }

  @inline(__always) mutating func skip() { skippedCount &+= 1 }

  /// Packets skipped since the last call.
  mutating func takeSkipped() -> UInt64 {
    defer { skippedCount = 0 }
    return skippedCount
  }

  /// The frame with its header, ready to be sent; valid until the next packet, which starts a new one.
  /// - Parameter epochMillis: the server's time, for those that send it.
  mutating func takeFrame(epochMillis: Int64) -> UnsafeRawBufferPointer {
    defer {
      packetCount = 0
      packetsBytes = 0
      hasSnapshots = false
    }
    var start = memory + (Self.headerRoom + Self.prefixRoom)
    var count = packetsBytes
    switch format {
    case .angel: return UnsafeRawBufferPointer(start: start, count: count)
    case .kite:
      start -= 2
      count += 2
      start.storeBytes(of: UInt16(truncatingIfNeeded: packetCount).bigEndian, as: UInt16.self)
    case .upstox:
      count += UpstoxEncoder.writeSuffix(epochMillis: epochMillis, to: start + count)
      if !hasSnapshots {
        start -= 2
        count += 2
        start.storeBytes(of: UpstoxEncoder.livePrefix.littleEndian, as: UInt16.self)
      }
    case .dhan, .dhanDepth20, .dhanDepth200: break
    }
    let headerBytes = FrameWriter.headerBytes(payloadCount: count, isMasked: false)
    FrameWriter.writeHeader(.binary, payloadCount: count, to: start - headerBytes)
    return UnsafeRawBufferPointer(start: start - headerBytes, count: headerBytes + count)
  }
}

/// What a fault keeps from a connection.
enum SinkFilter: UInt8, BitwiseCopyable {
  case none
  /// Every other instrument.
  case half
  case all

  @inline(__always) func drops(_ instrument: UInt32) -> Bool {
    switch self {
    case .none: false
    case .half: instrument & 1 == 1
    case .all: true
    }
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
