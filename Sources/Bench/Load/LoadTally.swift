// Counts what arrives: gaps per client and symbol, latency against the time at which a tick was due, and the end of
// every burst. Load thread only; nothing allocates per message.

import Histogram

struct LoadTally {
  private let symbolMark: TextMark
  private let priceMark: TextMark
  private let sequenceMark: TextMark?
  private let feed: KiteFeed?
  private let schedule: BurstSchedule?
  /// A symbol's ticks are this many numbers apart.
  private let stride: Int64
  /// Time of the feed's first burst.
  var startNanos: Int64 = 0
  private var symbolHint = 0
  private var latency: Histogram<UInt64>
  private var isFrozen = false
  private var firstBurst: Int64 = 0
  private var endBurst: Int64 = 0
  /// By burst: when the last of it arrived.
  private var lastArrivals: UnsafeMutablePointer<Int64>?
  private var lastArrivalsCount = 0

  private static let latencyMost: UInt64 = 100_000_000_000
  private static let sequenceTail = 96

  init(_ dialect: LoadDialect, _ feed: KiteFeed?) {
    symbolMark = dialect.symbolMark
    priceMark = dialect.priceMark
    sequenceMark = dialect.sequenceMark
    self.feed = feed
    schedule = feed?.schedule
    stride = Int64(feed?.symbols ?? 0)
    latency = Histogram(lowestDiscernibleValue: 64, highestTrackableValue: Self.latencyMost)
    if let feed {
      lastArrivalsCount = feed.burstsMax
      lastArrivals = .allocate(capacity: lastArrivalsCount)
      lastArrivals?.initialize(repeating: 0, count: lastArrivalsCount)
    }
  }

  /// Measuring begins.
  mutating func reset(_ now: Int64) {
    latency.reset()
    if let schedule { firstBurst = max(0, now - startNanos) / schedule.periodNanos + 1 }
  }

  /// Measuring ends; what comes later only fills gaps at the end.
  mutating func freeze(_ now: Int64) {
    isFrozen = true
    // The last bursts are still on their way.
    if let schedule { endBurst = max(firstBurst, (now - startNanos) / schedule.periodNanos - 1) }
  }

  @inline(__always)
  mutating func take(_ message: UnsafeRawBufferPointer, _ client: UnsafeMutablePointer<LoadClient>, _ now: Int64) {
    client.pointee.messages &+= 1
    client.pointee.bytes &+= UInt64(truncatingIfNeeded: message.count)
    if feed == nil, sequenceMark == nil { return }
    guard let end = symbolMark.find(in: message, hint: symbolHint), let base = message.baseAddress else { return }
    symbolHint = end
    guard let slot = client.pointee.slots.slot(SymbolSlots.hash(base, end)) else {
      client.pointee.disordered &+= 1
      return
    }
    if let schedule {
      takeNumber(message, client, slot, schedule, now)
    } else if let sequenceMark {
      takeSequence(message, client, slot, sequenceMark)
    }
  }

  @inline(__always)
  private mutating func takeNumber(
    _ message: UnsafeRawBufferPointer, _ client: UnsafeMutablePointer<LoadClient>,
    _ slot: UnsafeMutablePointer<SymbolSlot>, _ schedule: BurstSchedule, _ now: Int64
  ) {
    guard let place = priceMark.find(in: message, hint: Int(slot.pointee.priceOffset)),
      let paise = TextMark.hundredths(message, from: place &+ priceMark.count)
    else { return }
    slot.pointee.priceOffset = Int32(truncatingIfNeeded: place)
    let number = paise &- TickNumber.basePaise
    if number < 0 { return }
    note(number, stride, client, slot)
    let burst = number / Int64(schedule.size)
    guard client.pointee.kind == .healthy, burst < lastArrivalsCount else { return }
    lastArrivals.unsafelyUnwrapped[Int(burst)] = now
    if isFrozen { return }
    latency.record(UInt64(max(0, now &- startNanos &- burst &* schedule.periodNanos)))
  }

  @inline(__always)
  private func takeSequence(
    _ message: UnsafeRawBufferPointer, _ client: UnsafeMutablePointer<LoadClient>,
    _ slot: UnsafeMutablePointer<SymbolSlot>, _ mark: TextMark
  ) {
    let from = max(0, message.count - Self.sequenceTail)
    let tail = UnsafeRawBufferPointer(rebasing: message[from...])
    guard let place = mark.find(in: tail, hint: tail.count - Int(slot.pointee.sequenceFromEnd)),
      let sequence = TextMark.integer(tail, from: place &+ mark.count)
    else { return }
    slot.pointee.sequenceFromEnd = Int32(truncatingIfNeeded: tail.count - place)
    note(Int64(truncatingIfNeeded: sequence), 1, client, slot)
  }

  /// Compares with the last one of the symbol.
  @inline(__always)
  private func note(
    _ number: Int64, _ stride: Int64, _ client: UnsafeMutablePointer<LoadClient>,
    _ slot: UnsafeMutablePointer<SymbolSlot>
  ) {
    let last = slot.pointee.last
    if last >= 0 {
      let step = number &- last
      if step <= 0 {
        client.pointee.disordered &+= 1
        return
      }
      if step != stride { client.pointee.missing &+= UInt64((step &- 1) / stride) }
    }
    slot.pointee.last = number
  }

  /// Figures that need the end of the feed.
  func conclude(_ clients: [LoadClient], _ result: inout LoadResult) {
    guard let feed, let schedule else { return }
    result.latency = latency
    let sent = feed.burstCount * Int64(schedule.size)
    for client in clients {
      for slot in client.slots.used where slot.last >= 0 {
        result.undelivered += UInt64(max(0, sent - 1 - slot.last) / stride)
      }
    }
    var nanos: [Int64] = []
    for burst in firstBurst..<max(firstBurst, min(endBurst, feed.burstCount)) {
      let first = feed.firstByteNanos(ofBurst: burst)
      result.feedLatenessMost = max(result.feedLatenessMost, first - startNanos - burst * schedule.periodNanos)
      if let last = lastArrivals?[Int(burst)], last > 0 { nanos.append(last - first) }
    }
    result.bursts = BurstResult(nanos)
  }
}
