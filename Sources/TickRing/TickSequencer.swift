import Market

/// The only writer of the ring and of the last-value table: gives every tick its place per instrument and mode.
/// Confined to the sequencer's thread. Nothing here allocates.
public struct TickSequencer: ~Copyable {
  public let ring: TickRing
  public let lastValues: LastValueTable
  /// Ticks written since the sleepers were woken.
  @usableFromInline var pending = 0

  /// Ticks accepted so far.
  public var count: UInt64 { ring.written }

  /// Ticks after which a long batch is made visible to consumers that are awake: hand-over costs 41 ns a tick at 32 and
  /// 150 ns at 1.
  @inlinable static var shownEvery: Int { 32 }
  /// Ticks after which sleepers are woken before the batch has ended. A consumer that wakes for a few ticks of a long
  /// batch sends them alone, and sends are what costs; one that is woken late starts late.
  @inlinable public static var wakesEvery: Int { 2048 }

  public init(ring: TickRing, lastValues: LastValueTable) {
    self.ring = ring
    self.lastValues = lastValues
  }

  /// Sequences and writes one tick. Call `flush` when the input batch ends.
  @inlinable @inline(__always)
  public mutating func submit(_ tick: UnsafeMutablePointer<Tick>, publishedNanos: Int64) {
    assert(Int(tick.pointee.instrument) < lastValues.count)
    let row = lastValues.row(tick.pointee.instrument)
    let mode = tick.pointee.mode
    tick.pointee.publishedTime = publishedNanos
    tick.pointee.sequence = row.pointee.sequence &+ 1
    if mode >= Mode.quote.rawValue { tick.pointee.quoteSequence = row.pointee.quoteSequence &+ 1 }
    if mode >= Mode.depth.rawValue { tick.pointee.depthSequence = row.pointee.depthSequence &+ 1 }
    lastValues.merge(tick)
    ring.write(tick)
    pending &+= 1
    if pending & (Self.shownEvery &- 1) == 0 { ring.show() }
    if pending == Self.wakesEvery { flush() }
  }

  /// Ends a batch: what was written becomes visible and sleepers wake.
  public mutating func flush() {
    guard pending > 0 else { return }
    pending = 0
    ring.publish()
  }
}
