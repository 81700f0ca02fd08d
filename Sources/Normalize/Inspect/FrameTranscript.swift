// Lines of captured frames in, lines of what they say out. No I/O: whoever reads and writes calls this line by line.
// Cold path, one thread. Memory is bounded by the longest line and the number of sessions.

import JSONText

/// Reads captured frames of one broker.
public struct FrameTranscript: ~Copyable {
  /// Decoders that are kept for lines to come.
  public static let sessionsMax = 1024
  /// Bytes of a line; a frame in hexadecimal has two per byte.
  public static let lineBytesMax = 32 << 20

  private let broker: InspectedBroker
  private let instruments: InspectedInstruments
  private var sessions: [String: any FrameInspector] = [:]
  /// Of the line read last, from 1.
  private var lineNumber = 0
  /// Lines that could not be read.
  public private(set) var badLineCount = 0

  /// - Parameter instruments: names to add to the results.
  public init(_ broker: InspectedBroker, instruments: InspectedInstruments = InspectedInstruments()) {
    self.broker = broker
    self.instruments = instruments
  }

  /// What the frames of a line say: a JSON object per frame, none for a blank line, and one with `line` and `error` for
  /// a line that cannot be read.
  public mutating func read(_ line: UnsafeRawBufferPointer) -> [[UInt8]] {
    lineNumber += 1
    if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return [] }
    do throws(CapturedLineError) {
      let captured = try CapturedLine(line)
      let inspector = try inspector(for: captured)
      return captured.frames.enumerated().map { index, frame in
        Self.result(inspector.inspect(frame), of: captured, frameIndex: index)
      }
    } catch {
      return [problem("\(error)")]
    }
  }

  /// The answer to a line that was longer than `lineBytesMax`.
  public mutating func skipOversizedLine() -> [UInt8] {
    lineNumber += 1
    return problem("longer than \(Self.lineBytesMax) bytes")
  }

  private mutating func problem(_ text: String) -> [UInt8] {
    badLineCount += 1
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("line", Int64(lineNumber))
    writer.member("error", text)
    writer.endObject()
    return writer.bytes
  }

  /// A decoder per session; without one, a decoder for this line alone.
  private mutating func inspector(for line: CapturedLine) throws(CapturedLineError) -> any FrameInspector {
    guard let session = line.session else { return broker.inspector(instruments, connection: line.connection) }
    if let inspector = sessions[session] { return inspector }
    guard sessions.count < Self.sessionsMax else { throw .tooManySessions }
    let inspector = broker.inspector(instruments, connection: line.connection)
    sessions[session] = inspector
    return inspector
  }

  private static func result(_ inspection: Inspection, of line: CapturedLine, frameIndex: Int) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    for label in line.labels {
      writer.key(label.name)
      writer.raw(label.json)
    }
    if line.layout == .sequence { writer.member("frame", Int64(frameIndex)) }
    writer.key(line.layout == .single ? "expect" : "updates")
    writer.beginArray()
    for tick in inspection.ticks { writer.raw(tick) }
    writer.endArray()
    switch line.layout {
    case .single:
      if let event = inspection.event {
        writer.key("event")
        writer.raw(event)
      }
    case .sequence:
      if let type = inspection.eventType { writer.member("control", type) }
    }
    if let rejection = inspection.rejection { writer.member("reject", rejection.rawValue) }
    writer.endObject()
    return writer.bytes
  }
}
