// One line of captured frames: a JSON object in one of the two layouts that the vectors of the feeds have. Cold path.
// What cannot be read is an error that says so; keys without a meaning here are passed over.

import JSONText

/// Why a line of captured frames cannot be used.
public enum CapturedLineError: Error, Equatable, CustomStringConvertible {
  case notJSON(offset: Int?)
  case notAnObject
  case noFrame
  /// A member is not what it should be.
  case bad(String)
  case tooManySessions

  public var description: String {
    switch self {
    case .notJSON(let offset?): "not JSON: byte \(offset)"
    case .notJSON(nil): "not JSON: not UTF-8, too deep or too large"
    case .notAnObject: "not a JSON object"
    case .noFrame: "no frame: expected frame_hex, frame_text or frames"
    case .bad(let member): "bad \(member)"
    case .tooManySessions: "more than \(FrameTranscript.sessionsMax) sessions"
    }
  }
}

/// The frames of one line.
struct CapturedLine {
  /// How the results are called.
  enum Layout {
    /// `frame_hex` or `frame_text`; `expect`, `event`.
    case single
    /// `frames` of `hex` or `text`; `updates`, `control`.
    case sequence
  }

  var layout: Layout
  var frames: [CapturedFrame]
  /// Lines of the same session go through the same decoder.
  var session: String?
  var connection: DhanConnection
  /// Members that the results repeat, so that they can be matched: name and JSON.
  var labels: [(name: String, json: [UInt8])] = []

  init(_ line: UnsafeRawBufferPointer) throws(CapturedLineError) {
    let root: JSONValue
    do {
      root = try JSONDocument(line).root
    } catch {
      guard case .syntax(let offset) = error else { throw .notJSON(offset: nil) }
      throw .notJSON(offset: offset)
    }
    guard root.kind == .object else { throw .notAnObject }
    for name in ["id", "session", "seq"] {
      if let value = root[name] { labels.append((name, value.raw)) }
    }
    session = root["session"].flatMap { $0.isNull ? nil : String(decoding: $0.raw, as: UTF8.self) }
    connection = try Self.connection(root["context"]?["connection"])
    if let hex = root["frame_hex"] {
      layout = .single
      frames = [try Self.frame(hex: hex, "frame_hex")]
    } else if let text = root["frame_text"] {
      layout = .single
      frames = [try Self.frame(text: text, "frame_text")]
    } else if let list = root["frames"] {
      guard list.kind == .array else { throw .bad("frames") }
      layout = .sequence
      frames = []
      for entry in list.elements {
        if let hex = entry["hex"] {
          frames.append(try Self.frame(hex: hex, "frames"))
        } else if let text = entry["text"] {
          frames.append(try Self.frame(text: text, "frames"))
        } else {
          throw .bad("frames")
        }
      }
    } else {
      throw .noFrame
    }
  }

  /// Captures of other brokers may say something of their own here.
  private static func connection(_ value: JSONValue?) throws(CapturedLineError) -> DhanConnection {
    switch value?.string {
    case "depth20": .depth20
    case "depth200": .depth200
    default: .market
    }
  }

  private static func frame(text: JSONValue, _ member: String) throws(CapturedLineError) -> CapturedFrame {
    guard let text = text.string else { throw .bad(member) }
    return CapturedFrame(Array(text.utf8), isText: true)
  }

  private static func frame(hex: JSONValue, _ member: String) throws(CapturedLineError) -> CapturedFrame {
    guard let digits = hex.string?.utf8, digits.count % 2 == 0 else { throw .bad(member) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 2)
    var high: UInt8?
    for digit in digits {
      guard let value = nibble(digit) else { throw .bad(member) }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    return CapturedFrame(bytes)
  }

  private static func nibble(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
