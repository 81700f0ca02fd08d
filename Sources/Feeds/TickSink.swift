import Market
import TickRing

/// Where the sessions' ticks and books go: past the gate to the sequencer. Feed loop only.
public struct TickSink: ~Copyable {
  var sequencer: TickSequencer
  var gate: TickGate
  private let lanes: DeepLanes

  init(sequencer: consuming TickSequencer, gate: consuming TickGate, lanes: DeepLanes) {
    self.sequencer = sequencer
    self.gate = gate
    self.lanes = lanes
  }

  @inline(__always)
  public mutating func submit(_ tick: UnsafeMutablePointer<Tick>, publishedNanos: Int64) {
    guard gate.admits(tick) else { return }
    sequencer.submit(tick, publishedNanos: publishedNanos)
  }

  /// A book as a lane decoded it. One that nobody wants, because its subscription has just ended, goes no further.
  public mutating func submit(_ book: UnsafeMutablePointer<DeepBook>, publishedNanos: Int64) {
    let feed = book.pointee.feed
    guard let id = lanes.id(feed: feed, instrument: book.pointee.instrument) else { return }
    book.pointee.feed = lanes.parent(of: feed)
    sequencer.submit(book, as: id, publishedNanos: publishedNanos)
    book.pointee.feed = feed
  }
}
