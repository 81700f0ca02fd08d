// Captured frames into readable JSON, through the decoders that the feeds run. Cold path: for people who look into a
// frame, and for tests of whole frames. Allocates freely; one thread at a time.

import JSONText
import Market

/// Brokers whose frames can be looked into.
public enum InspectedBroker: String, Sendable, CaseIterable {
  case zerodha, angel, upstox, dhan
}

/// One WebSocket message as it was captured.
public struct CapturedFrame: Sendable, Equatable {
  public var bytes: [UInt8]
  /// A text message; otherwise a binary one.
  public var isText: Bool

  public init(_ bytes: [UInt8], isText: Bool = false) {
    self.bytes = bytes
    self.isText = isText
  }
}

/// What one frame says. Prices are rupees, times milliseconds since the epoch, 0 where the wire has none.
public struct Inspection: Sendable {
  public enum Rejection: String, Sendable {
    /// Malformed; nothing of it counts.
    case frame
    /// What came out is good, the rest is malformed.
    case tail
  }

  /// JSON objects of the ticks and books, in the order of the frame.
  public internal(set) var ticks: [[UInt8]] = []
  /// JSON object with a `type`, for a frame that is no market data.
  public internal(set) var event: [UInt8]?
  /// The `type` of the event.
  public internal(set) var eventType: String?
  public internal(set) var rejection: Rejection?

  init() {}

  /// Sets an event. `members` writes what it has beside its type.
  mutating func setEvent(_ type: String, members: (inout JSONWriter) -> Void = { _ in }) {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("type", type)
    members(&writer)
    writer.endObject()
    event = writer.bytes
    eventType = type
  }

  mutating func add(_ tick: InspectedTick) { ticks.append(tick.json()) }

  /// Takes over what the decoder said last about the frame.
  mutating func finish(_ step: DecodeStep) {
    if step == .malformed { rejection = ticks.isEmpty ? .frame : .tail }
  }
}

/// Looks into the frames of one connection, in their order.
public protocol FrameInspector: AnyObject {
  func inspect(_ frame: CapturedFrame) -> Inspection
}

extension InspectedBroker {
  /// - Parameters:
  ///   - instruments: names to add; frames of instruments that are not among them are shown all the same.
  ///   - connection: which of Dhan's sockets the frames come from.
  public func inspector(
    _ instruments: InspectedInstruments = InspectedInstruments(), connection: DhanConnection = .market
  ) -> any FrameInspector {
    switch self {
    case .zerodha: KiteInspector(instruments)
    case .angel: SmartStreamInspector(instruments)
    case .upstox: UpstoxInspector(instruments)
    case .dhan: DhanInspector(instruments, connection: connection)
    }
  }
}

/// Memory that the decoders of the inspectors fill.
final class InspectorMemory {
  let tick = UnsafeMutablePointer<Tick>.allocate(capacity: 1)
  let book = UnsafeMutablePointer<DeepBook>.allocate(capacity: 1)

  init() {
    tick.initialize(to: Tick())
    book.initialize(to: DeepBook())
  }

  deinit {
    tick.deallocate()
    book.deallocate()
  }
}
