// Addresses that secrets may be sent to, and the escaping of what is put into them. Pure.

/// Base address of a login service.
struct LoginAddress: Sendable, Equatable {
  /// Without a slash at the end.
  let text: String
  /// Host and port, for messages.
  let host: String

  private static let bytesMax = 1024

  /// Nil unless https, or http to loopback.
  init?(_ text: String) {
    guard text.utf8.count <= Self.bytesMax, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
    let isSecure = text.hasPrefix("https://")
    guard isSecure || text.hasPrefix("http://") else { return nil }
    let rest = text.dropFirst(isSecure ? 8 : 7)
    host = String(rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" })
    // A name before @ would be a user; a query or fragment is no base.
    guard !host.isEmpty, !rest.contains(where: { "@?#\\".contains($0) }) else { return nil }
    guard isSecure || Self.isLoopback(host) else { return nil }
    self.text = text.hasSuffix("/") ? String(text.dropLast()) : text
  }

  private static func isLoopback(_ host: String) -> Bool {
    if host.hasPrefix("[::1]") { return host == "[::1]" || host.hasPrefix("[::1]:") }
    let name = host.prefix { $0 != ":" }
    if name == "localhost" { return true }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  /// `?name=value&…`, or nothing.
  static func query(_ items: [(name: String, value: String)]) -> String { items.isEmpty ? "" : "?" + form(items) }

  /// `name=value&…` with everything escaped that is not unreserved.
  static func form(_ items: [(name: String, value: String)]) -> String {
    items.map { escaped($0.name) + "=" + escaped($0.value) }.joined(separator: "&")
  }

  static func escaped(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        bytes.append(byte)
      default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Escapes resolved; nil for a broken one.
  static func unescaped(_ text: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
        return nil
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
