// Counters of the WebSocket server. The loop counts in plain fields and stores them once per turn; anyone may read.

import Synchronization

/// What the server has done since it started, and how many clients it has. Totals unless said otherwise.
public struct FanoutStatistics: Sendable, Equatable, BitwiseCopyable {
  /// Connections open now, those in the handshake included.
  public var clients: UInt64 = 0
  /// (client, instrument, mode) triples now.
  public var subscriptions: UInt64 = 0
  /// Bytes of outbox memory in use now.
  public var outboundBytes: UInt64 = 0
  public var accepted: UInt64 = 0
  /// Turned away before the upgrade because of a limit.
  public var refused: UInt64 = 0
  /// Ended because the upgrade request was wrong or late.
  public var handshakesFailed: UInt64 = 0
  public var authenticationsFailed: UInt64 = 0
  public var authenticationsOverdue: UInt64 = 0
  public var messagesReceived: UInt64 = 0
  public var protocolErrors: UInt64 = 0
  /// Closed because no sign of life followed a ping.
  public var keepaliveTimeouts: UInt64 = 0
  /// Closed because they took too little: bytes or age over a hard limit, or the policy `disconnect`.
  public var slowClosed: UInt64 = 0
  public var keysRevoked: UInt64 = 0
  public var orderUpdatesDelivered: UInt64 = 0
  /// Ticks taken from the ring.
  public var ticks: UInt64 = 0
  /// Market data messages handed to sockets.
  public var delivered: UInt64 = 0
  /// Messages that slow clients did not get because a newer one of the instrument and mode followed or will.
  public var conflated: UInt64 = 0
  /// Times a client fell behind and was held to the newest values until it had caught up.
  public var held: UInt64 = 0
  /// Values sent as an answer to `snapshot`.
  public var snapshots: UInt64 = 0
  /// Times the loop was overtaken by the writer of the ring, and the ticks it missed by that.
  public var laps: UInt64 = 0
  public var lost: UInt64 = 0
  /// Messages made from the last-value table after a lap.
  public var healed: UInt64 = 0

  public init() {}
}

extension FanoutStatistics {
  private static let words = MemoryLayout<FanoutStatistics>.size / MemoryLayout<UInt64>.size

  /// Of several loops together.
  static func + (left: FanoutStatistics, right: FanoutStatistics) -> FanoutStatistics {
    var sum = left
    withUnsafeMutableBytes(of: &sum) { sum in
      withUnsafeBytes(of: right) { right in
        for offset in stride(from: 0, to: 8 * words, by: 8) {
          let total =
            sum.load(fromByteOffset: offset, as: UInt64.self) &+ right.load(fromByteOffset: offset, as: UInt64.self)
          sum.storeBytes(of: total, toByteOffset: offset, as: UInt64.self)
        }
      }
    }
    return sum
  }
}

/// One writer, any readers: a copy of the statistics as relaxed words.
final class FanoutCounters: @unchecked Sendable {
  // Unchecked: raw memory that is only touched through atomics.
  private static let count = MemoryLayout<FanoutStatistics>.size / MemoryLayout<UInt64>.size
  private let words: UnsafeMutablePointer<Atomic<UInt64>>

  init() {
    words = .allocate(capacity: Self.count)
    for index in 0..<Self.count { (words + index).initialize(to: Atomic(0)) }
  }

  deinit { words.deallocate() }

  /// Loop only.
  func store(_ statistics: FanoutStatistics) {
    withUnsafeBytes(of: statistics) { bytes in
      for index in 0..<Self.count {
        words[index].store(bytes.load(fromByteOffset: 8 * index, as: UInt64.self), ordering: .relaxed)
      }
    }
  }

  func load() -> FanoutStatistics {
    var statistics = FanoutStatistics()
    withUnsafeMutableBytes(of: &statistics) { bytes in
      for index in 0..<Self.count {
        bytes.storeBytes(of: words[index].load(ordering: .relaxed), toByteOffset: 8 * index, as: UInt64.self)
      }
    }
    return statistics
  }
}
