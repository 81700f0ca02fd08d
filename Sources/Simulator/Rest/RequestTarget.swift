// Path and query of a request target, as sent. Pure; allocates.

/// The target of an HTTP request, taken apart.
struct RequestTarget {
  /// Without scheme and host, escapes as they are.
  let path: String
  private let items: [(name: String, value: String)]

  /// Takes the origin form, `/path?a=b`, and the absolute form.
  init(_ target: String) {
    var rest = target.utf8[...]
    if rest.first != UInt8(ascii: "/"), let scheme = Self.range(of: "://", in: rest) {
      rest = rest[scheme...]
      rest = rest[(rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex)...]
    }
    rest = rest.prefix { $0 != UInt8(ascii: "#") }
    let mark = rest.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex
    path = String(decoding: rest[..<mark], as: UTF8.self)
    items = mark == rest.endIndex ? [] : FormItems.parse(rest[rest.index(after: mark)...])
  }

  /// Value of a query item; of repeated ones the first counts.
  subscript(name: String) -> String? { items.first { $0.name == name }?.value }

  /// Behind the first occurrence.
  private static func range(of text: StaticString, in bytes: Substring.UTF8View) -> Substring.Index? {
    let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    return bytes.indices.first { bytes[$0...].starts(with: wanted) }.map {
      bytes.index($0, offsetBy: wanted.count)
    }
  }
}

/// `name=value&…` with percent escapes, of a query or a form.
enum FormItems {
  /// Items without `=`, or with a broken escape, are left out.
  static func parse(_ text: some Collection<UInt8>) -> [(name: String, value: String)] {
    text.split(separator: UInt8(ascii: "&")).compactMap { item in
      let parts = item.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let value = percentDecoded(parts[1]) else { return nil }
      return (String(decoding: parts[0], as: UTF8.self), value)
    }
  }

  /// Nil when an escape is broken or the result is not UTF-8.
  private static func percentDecoded(_ text: some Collection<UInt8>) -> String? {
    var bytes: [UInt8] = []
    var iterator = text.makeIterator()
    while let byte = iterator.next() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = iterator.next().flatMap(hexDigit), let low = iterator.next().flatMap(hexDigit) else {
        return nil
      }
      bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
