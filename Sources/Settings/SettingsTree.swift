// The configuration file as plain values, whatever library read it. Cold path, no owner thread.

/// A value of the configuration file.
public enum SettingsTree: Sendable, Equatable {
  case string(String)
  case integer(Int)
  case double(Double)
  case boolean(Bool)
  case array([SettingsTree])
  case table([String: SettingsTree])
  /// Something no setting takes, e.g. a date; the text names it in the error.
  case other(String)

  /// Tables inside tables that are looked into.
  static let depthMax = 8

  /// Word for the type, as errors use it.
  var typeName: String {
    switch self {
    case .string: "text"
    case .integer: "integer"
    case .double: "decimal number"
    case .boolean: "boolean"
    case .array: "list"
    case .table: "table"
    case .other(let name): name
    }
  }

  /// All values that are no tables, under their dotted names and ordered by them. Deeper nesting than ``depthMax``
  /// stays a table and becomes an unknown key.
  func leaves() -> [(name: String, value: SettingsTree)] {
    var leaves: [(name: String, value: SettingsTree)] = []
    var open: [(name: String, value: SettingsTree, depth: Int)] = [("", self, 0)]
    while let (name, value, depth) = open.popLast() {
      guard case .table(let children) = value, depth < Self.depthMax else {
        leaves.append((name, value))
        continue
      }
      for (child, value) in children {
        open.append((name.isEmpty ? child : name + "." + child, value, depth + 1))
      }
    }
    return leaves.sorted { $0.name < $1.name }
  }
}
