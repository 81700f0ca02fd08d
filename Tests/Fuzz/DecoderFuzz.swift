// Coverage-guided fuzzing of the decoders of binary feeds: `scripts/fuzz decoders`. Not part of the package; everything is
// compiled as one module under the name of the one that its parts import.
//
// Method: the first byte of the input picks the decoder, the rest is a frame. Every tick goes through an overlay. One
// choice is the reader of captured frames, which takes the rest as a line.
// Trapping is failing. The same decoders run on random damage for a bounded count in NormalizeTests.

import JSONText

private let instrumentCount = 16

/// Input without a selecting byte is skipped.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
  guard count > 0 else { return 0 }
  // Memory of exactly the frame's size, for the sanitizer.
  let frame = UnsafeMutableRawBufferPointer.allocate(byteCount: count - 1, alignment: 1)
  defer { frame.deallocate() }
  frame.copyMemory(from: UnsafeRawBufferPointer(start: data + 1, count: count - 1))
  let tick = UnsafeMutablePointer<Tick>.allocate(capacity: 1)
  let book = UnsafeMutablePointer<DeepBook>.allocate(capacity: 1)
  tick.initialize(to: Tick())
  book.initialize(to: DeepBook())
  defer {
    tick.deallocate()
    book.deallocate()
  }
  let bytes = UnsafeRawBufferPointer(frame)
  switch data[0] % 7 {
  case 0: fuzzKite(bytes, tick)
  case 1: fuzzSmartStream(bytes, tick, book)
  case 2: fuzzDhan(bytes, .market, tick, book)
  case 3: fuzzDhan(bytes, .depth20, tick, book)
  case 4: fuzzDhan(bytes, .depth200, tick, book)
  case 5: fuzzUpstox(bytes, tick, book)
  default: fuzzTranscript(bytes)
  }
  return 0
}

private func fuzzKite(_ frame: UnsafeRawBufferPointer, _ tick: UnsafeMutablePointer<Tick>) {
  var decoder = KiteDecoder(tokens: TokenMap([]), feed: 0, acceptsUnknown: true)
  var overlay = TickOverlay(count: instrumentCount)
  decoder.begin(frame, receivedNanos: 1)
  while decoder.next(into: tick) == .tick { check(tick, &overlay, decoder.packet, within: frame, isSigned: true) }
  precondition(decoder.counters.malformed <= 1)
}

private func fuzzSmartStream(
  _ frame: UnsafeRawBufferPointer, _ tick: UnsafeMutablePointer<Tick>, _ book: UnsafeMutablePointer<DeepBook>
) {
  var decoder = SmartStreamDecoder(tokens: TokenMap([]), feed: 0, acceptsUnknown: true)
  var overlay = TickOverlay(count: instrumentCount)
  decoder.begin(frame, receivedNanos: 1)
  reading: while true {
    switch decoder.next(into: tick, book: book) {
    case .tick: check(tick, &overlay, decoder.packet, within: frame, isSigned: true)
    case .book: check(book, levelsMax: 20)
    case .event: preconditionFailure("there are no events")
    case .end, .malformed: break reading
    }
  }
  precondition(decoder.counters.malformed <= 1 && decoder.counters.ticks &+ decoder.counters.books <= 1)
}

private func fuzzDhan(
  _ frame: UnsafeRawBufferPointer, _ connection: DhanConnection, _ tick: UnsafeMutablePointer<Tick>,
  _ book: UnsafeMutablePointer<DeepBook>
) {
  var decoder = DhanDecoder(tokens: TokenMap([]), feed: 0, acceptsUnknown: true, connection: connection)
  var overlay = TickOverlay(count: instrumentCount)
  decoder.begin(frame, receivedNanos: 1)
  reading: while true {
    switch decoder.next(into: tick, book: book) {
    case .tick: check(tick, &overlay, decoder.packet, within: frame, isSigned: false)
    case .book: check(book, levelsMax: connection == .depth20 ? 20 : 200)
    case .event: precondition(decoder.event != .none)
    case .end, .malformed: break reading
    }
  }
  precondition(decoder.next(into: tick, book: book) == .end && decoder.counters.malformed <= 1)
}

private func fuzzUpstox(
  _ frame: UnsafeRawBufferPointer, _ tick: UnsafeMutablePointer<Tick>, _ book: UnsafeMutablePointer<DeepBook>
) {
  let known = TextTokenMap(["", "A", "NSE_EQ|INE002A01018"].map { TextTokenMap.Entry(token: $0, instrument: 3) })
  var decoder = UpstoxDecoder(keys: known, feed: 0, acceptsUnknown: true)
  var overlay = TickOverlay(count: instrumentCount)
  decoder.begin(frame, receivedNanos: 1)
  var isDeep = false
  reading: while true {
    switch decoder.next(into: tick, book: book) {
    case .tick:
      precondition(!isDeep && decoder.contents.kind != .none)
      check(tick, &overlay, decoder.packet, within: frame, isSigned: false)
      isDeep = decoder.contents.isDeep
    case .book:
      precondition(isDeep)
      check(book, levelsMax: 30)
      isDeep = false
    case .event: for (segment, _) in UpstoxMarketStatus(decoder.packet) { precondition(segment.count <= frame.count) }
    case .malformed:
      // Without a bad price it is the frame that is malformed, and nothing came out.
      precondition(decoder.counters.malformed == 1 && (decoder.counters.badPrices > 0 || decoder.counters.ticks == 0))
      break reading
    case .end: break reading
    }
  }
  precondition(decoder.next(into: tick, book: book) == .end && decoder.counters.malformed <= 1)
}

/// Whatever a line says, the answers are JSON.
private func fuzzTranscript(_ line: UnsafeRawBufferPointer) {
  guard let selector = line.first else { return }
  let brokers = InspectedBroker.allCases
  var transcript = FrameTranscript(brokers[Int(selector) % brokers.count])
  let results = transcript.read(UnsafeRawBufferPointer(rebasing: line.dropFirst()))
  for result in results { precondition((try? JSONDocument(result)) != nil) }
}

private func check(
  _ tick: UnsafeMutablePointer<Tick>, _ overlay: inout TickOverlay, _ packet: UnsafeRawBufferPointer,
  within frame: UnsafeRawBufferPointer, isSigned: Bool
) {
  precondition(tick.pointee.bidLevels <= 5 && tick.pointee.askLevels <= 5)
  precondition((1...3).contains(tick.pointee.mode))
  precondition(isSigned || !tick.pointee.has(.ltp) || tick.pointee.ltp >= 0)
  guard let start = frame.baseAddress, let first = packet.baseAddress else { preconditionFailure("no packet") }
  precondition(first >= start && first + packet.count <= start + frame.count)
  // Some instrument, so that updates meet what is known.
  tick.pointee.instrument = UInt32(packet.count % instrumentCount)
  // What an update says may be that something is gone.
  let before = tick.pointee.presence & ~Presence([.close, .suspect, .bestBid, .bestAsk]).rawValue
  let isPublished = overlay.apply(tick)
  precondition(tick.pointee.presence & before == before)
  precondition(isPublished == tick.pointee.has(.ltp))
}

private func check(_ book: UnsafeMutablePointer<DeepBook>, levelsMax: UInt16) {
  precondition(book.pointee.bidLevels <= levelsMax && book.pointee.askLevels <= levelsMax)
  precondition(book.pointee.capacity == levelsMax)
  let sides = BookSides(rawValue: book.pointee.sides)
  precondition(sides.contains(.bids) || book.pointee.bidLevels == 0)
  precondition(sides.contains(.asks) || book.pointee.askLevels == 0)
}
