import Market
import TickRing

/// Where the sessions' ticks go: past the gate to the sequencer. Feed loop only.
public struct TickSink: ~Copyable {
  var sequencer: TickSequencer
  var gate: TickGate

  init(sequencer: consuming TickSequencer, gate: consuming TickGate) {
    self.sequencer = sequencer
    self.gate = gate
  }

  @inline(__always)
  public mutating func submit(_ tick: UnsafeMutablePointer<Tick>, publishedNanos: Int64) {
    guard gate.admits(tick) else { return }
    sequencer.submit(tick, publishedNanos: publishedNanos)
  }
}
