import Market
import TickRing

/// Where the sessions' ticks and books go: past the gate to the sequencer. Feed loop only.
public struct TickSink: ~Copyable {
  var sequencer: TickSequencer
  var gate: TickGate
  private let lanes: DeepLanes
  private let board: FeedBoard

  init(sequencer: consuming TickSequencer, gate: consuming TickGate, lanes: DeepLanes, board: FeedBoard) {
    self.sequencer = sequencer
    self.gate = gate
    self.lanes = lanes
    self.board = board
  }

  @inline(__always)
  public mutating func submit(_ tick: UnsafeMutablePointer<Tick>, publishedNanos: Int64) {
    guard gate.admits(tick) else { return }
    sequencer.submit(tick, publishedNanos: publishedNanos)
  }

  /// A book as a lane decoded it. The last prices of its instrument go with it while their feed is up.
  public mutating func submit(_ book: UnsafeMutablePointer<DeepBook>, publishedNanos: Int64) {
    let (feed, instrument) = (book.pointee.feed, book.pointee.instrument)
    guard let row = lanes.row(feed: feed, instrument: instrument) else { return }
    let current = sequencer.lastFeed(of: instrument).map { board.liveSince(of: Int($0)) } ?? .max
    book.pointee.feed = lanes.parent(of: feed)
    sequencer.submit(
      book, as: row.id, pricesSince: max(row.pricesSince, current), publishedNanos: publishedNanos)
    book.pointee.feed = feed
  }
}
