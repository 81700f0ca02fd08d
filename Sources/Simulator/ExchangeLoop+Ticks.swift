// Making ticks and handing them to connections. Per tick: one step of a price, and per open connection a look into
// its mode table and at most one packet. Nothing allocates; frames leave once per turn and connection.

import Market
import Reactor
import Synchronization

extension ExchangeLoop {
  /// Ticks that are due within this time share a frame. Without it the completion of every send would start another
  /// small frame.
  private static let frameNanosMin: Int64 = 200_000
  /// Of the real ticker.
  static let pulseNanos: Int64 = 250_000_000
  private static let ticksPerInstrumentDefault = 2

  func deadlineNanos() -> Int64 {
    let other = min(schedule.nextNanos, delayed.first?.dueNanos ?? .max)
    guard pacer.rate > 0 else { return other }
    if configuration.pacing == .pulse { return min(other, nextPulseNanos) }
    return min(other, max(pacer.deadlineNanos, nextFrameNanos))
  }

  /// The rate follows the subscriptions; nothing ticks while nobody is subscribed to anything.
  private func adjustRate() {
    isRateStale = false
    let active = interest.active.count
    let wanted = configuration.ticksPerSecond ?? active * Self.ticksPerInstrumentDefault
    let left = collapsePercent.map { max(1, wanted * $0 / 100) } ?? wanted
    pacer.setRate(active == 0 ? 0 : min(left, TickPacer.rateMax), nowNanos: nowNanos)
  }

  /// Everything that is due by now.
  func emit() {
    if isRateStale { adjustRate() }
    guard pacer.rate > 0 else { return }
    let droppedBefore = pacer.droppedCount
    switch configuration.pacing {
    case .smooth:
      guard nowNanos >= nextFrameNanos else { return }
      let due = pacer.take(nowNanos: nowNanos)
      guard due > 0 else { return }
      nextFrameNanos = nowNanos + Self.frameNanosMin
      emitSmooth(due)
    case .pulse:
      guard nowNanos >= nextPulseNanos else { return }
      // On the grid, however late this turn is.
      nextPulseNanos += ((nowNanos - nextPulseNanos) / Self.pulseNanos + 1) * Self.pulseNanos
      emitPulse(pacer.take(nowNanos: nowNanos))
    }
    counters.droppedTicks.add(pacer.droppedCount - droppedBefore, ordering: .relaxed)
    for index in 0..<sinks.count { flush(sink: index) }
  }

  private func beginTicks(_ count: Int) -> UInt32 {
    counters.ticks.add(UInt64(count), ordering: .relaxed)
    for index in 0..<sinks.count {
      let pending = sockets.bytesPending(sinks[index].pointee.socket)
      sinks[index].pointee.isSkipping = pending > configuration.pendingBytesMax
    }
    return UInt32(clamping: clock.nowNanos() / 1_000_000_000)
  }

  /// Instruments at random, with repetition: arrivals of a real market are not in turns either.
  private func emitSmooth(_ count: Int) {
    let seconds = beginTicks(count)
    let active = UInt32(interest.active.count)
    for _ in 0..<count { tick(interest.active[Int(generator.below(active))], seconds: seconds) }
  }

  /// `count` different instruments, each with the same chance, in one walk over the list. More ticks than instruments
  /// (beyond what the real ticker does) are whole rounds first.
  private func emitPulse(_ count: Int) {
    let seconds = beginTicks(count)
    var left = UInt32(interest.active.count)
    for _ in 0..<count / Int(left) {
      for instrument in interest.active { tick(instrument, seconds: seconds) }
    }
    var wanted = UInt32(count % Int(left))
    for instrument in interest.active where wanted > 0 {
      if generator.below(left) < wanted {
        tick(instrument, seconds: seconds)
        wanted -= 1
      }
      left -= 1
    }
  }

  @inline(__always) private func tick(_ instrument: UInt32, seconds: UInt32) {
    prices.step(Int(instrument), nowSeconds: seconds)
    let state = prices.states + Int(instrument)
    let name = names.names + Int(instrument)
    name.pointee.sequence &+= 1
    for index in 0..<sinks.count {
      let mode = sinks[index].pointee.modes[Int(instrument)]
      if mode == 0 || sinks[index].pointee.filter.drops(instrument) { continue }
      if sinks[index].pointee.isSkipping {
        sinks[index].pointee.skip()
        continue
      }
      sinks[index].pointee.add(state, name, mode)
      if sinks[index].pointee.isFull { flush(sink: index) }
    }
  }

  /// Hands a connection's frame to its socket, if there is anything in it.
  func flush(sink index: Int) {
    counters.skippedPackets.add(sinks[index].pointee.takeSkipped(), ordering: .relaxed)
    let count = UInt64(sinks[index].pointee.packetCount)
    guard count > 0 else { return }
    let socket = sinks[index].pointee.socket
    let isBatched = sinks[index].pointee.format != .angel
    let frame = sinks[index].pointee.takeFrame(epochMillis: clock.nowNanos() / 1_000_000)
    if sockets.append(socket, frame) {
      counters.packets.add(count, ordering: .relaxed)
      counters.frames.add(isBatched ? 1 : count, ordering: .relaxed)
      noteSent(socket)
    } else {
      counters.skippedPackets.add(count, ordering: .relaxed)
    }
  }
}
