// The states of the segments in a `MarketInfo`: an iterator over memory of the frame. Any thread, no allocation.

/// State of a segment as Upstox writes it; a value without a name here is possible.
public struct UpstoxSegmentState: RawRepresentable, Sendable, BitwiseCopyable, Hashable {
  public let rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// Whether orders are matched continuously.
  public var isOpen: Bool { rawValue == 2 }

  /// Upstox's name; nil for a state that this version does not know.
  public var name: StaticString? {
    switch rawValue {
    case 0: "PRE_OPEN_START"
    case 1: "PRE_OPEN_END"
    case 2: "NORMAL_OPEN"
    case 3: "NORMAL_CLOSE"
    case 4: "CLOSING_START"
    case 5: "CLOSING_END"
    default: nil
    }
  }
}

/// Reads the `packet` of an `UpstoxEvent.marketStatus`. A segment that comes again replaces what it said before.
public struct UpstoxMarketStatus: Sequence, IteratorProtocol {
  private var info: ProtobufReader

  public init(_ packet: UnsafeRawBufferPointer) { info = ProtobufReader(packet) }

  /// The next segment: its name is UTF-8 in the frame.
  public mutating func next() -> (segment: UnsafeRawBufferPointer, state: UpstoxSegmentState)? {
    while info.next() == .field {
      guard info.tag == UpstoxTag.MarketInfo.segments else { continue }
      var segment = UnsafeRawBufferPointer(start: nil, count: 0)
      var state: Int32 = 0
      var fields = ProtobufReader(info.bytes)
      while fields.next() == .field {
        switch fields.tag {
        case UpstoxTag.Entry.key: segment = fields.bytes
        case UpstoxTag.Entry.status: state = fields.signed32
        default: break
        }
      }
      return (segment, UpstoxSegmentState(rawValue: state))
    }
    return nil
  }
}
