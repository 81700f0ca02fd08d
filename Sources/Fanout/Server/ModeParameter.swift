// Reading of the `mode` parameter with the error texts that clients know. Pure; any thread; allocates (control path).

import JSONText
import Market

/// Why a `mode` was refused; `message` is the text of the `INVALID_MODE` error.
struct ModeError: Error, Equatable {
  let message: String
}

extension Mode {
  /// 1, 2, 3 written as integers, or a label in any case with blanks around it.
  init(parameter value: JSONView) throws(ModeError) {
    switch value.kind {
    case .integer:
      guard let number = value.integer, let raw = UInt8(exactly: number), let mode = Mode(rawValue: raw) else {
        throw ModeError(message: "Invalid mode \(value.displayText); expected 1 (LTP), 2 (Quote), or 3 (Depth)")
      }
      self = mode
    case .string:
      let label = (value.string ?? "").trimmingBlanks.lowercased()
      guard let mode = Mode.allCases.first(where: { $0.label.lowercased() == label }) else {
        let shown = value.displayText.pythonQuoted
        throw ModeError(message: "Invalid mode \(shown); expected 'LTP', 'Quote', or 'Depth' (case-insensitive)")
      }
      self = mode
    case .real: throw ModeError(message: "Mode must be int or str, got float")
    case .bool: throw ModeError(message: "Mode must be int or str, got bool")
    case .null: throw ModeError(message: "Mode must be int or str, got NoneType")
    case .array: throw ModeError(message: "Mode must be int or str, got list")
    case .object: throw ModeError(message: "Mode must be int or str, got dict")
    }
  }
}

extension String {
  fileprivate var trimmingBlanks: Substring {
    var rest = self[...]
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return rest
  }

  /// Quoted the way the original server shows a string: single quotes unless the text has one and no double quote.
  fileprivate var pythonQuoted: String {
    let quote: Character = contains("'") && !contains("\"") ? "\"" : "'"
    var text = String(quote)
    for character in self {
      switch character {
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case quote: text += "\\\(quote)"
      default: text.append(character)
      }
    }
    return text + String(quote)
  }
}
