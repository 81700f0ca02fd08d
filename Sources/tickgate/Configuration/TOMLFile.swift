import Settings
import TOMLKit

/// The configuration file through the TOML library, as plain values.
enum TOMLFile {
  struct Unreadable: Error, CustomStringConvertible { let description: String }

  static func read(_ path: String) throws -> SettingsTree {
    let text: String
    do {
      text = String(decoding: try FileSystem.read(path), as: UTF8.self)
    } catch {
      throw Unreadable(description: "cannot read the configuration file: \(error)")
    }
    do {
      return tree(try TOMLTable(string: text))
    } catch let error as TOMLParseError {
      throw Unreadable(description: "\(path): not TOML: \(error.description) (\(error.source.begin.debugDescription))")
    }
  }

  private static func tree(_ table: TOMLTable) -> SettingsTree {
    var children: [String: SettingsTree] = [:]
    for key in table.keys { children[key] = table[key].map(tree) ?? .other("nothing") }
    return .table(children)
  }

  private static func tree(_ value: any TOMLValueConvertible) -> SettingsTree {
    switch value.type {
    case .string: .string(value.string ?? "")
    case .int: .integer(value.int ?? 0)
    case .double: .double(value.double ?? 0)
    case .bool: .boolean(value.bool ?? false)
    case .array: .array((value.array.map(Array.init) ?? []).map { tree($0) })
    case .table: value.table.map(tree) ?? .other("nothing")
    case .date, .time, .dateTime: .other("date or time")
    }
  }
}
