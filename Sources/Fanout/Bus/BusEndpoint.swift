// Which endpoints the bus binds. The bus trusts whoever can connect, so only this machine, and of `ipc://` only this
// user, may, unless the operator says otherwise. Pure but for the look at the path of an `ipc://` endpoint.

import Glibc

public struct BusEndpoint: Sendable, Equatable {
  /// What is bound.
  public let text: String
  /// Path of an `ipc://` endpoint.
  public let path: String?

  /// - Parameter allowsPublic: accept endpoints that others can reach.
  public init(_ endpoint: String, allowsPublic: Bool) throws(BusError) {
    if let rest = Self.rest(of: endpoint, after: "tcp://") {
      guard let colon = rest.lastIndex(of: ":"), colon != rest.startIndex else {
        throw .unsupportedEndpoint(endpoint)
      }
      let host = String(rest[..<colon])
      let port = String(rest[rest.index(after: colon)...])
      guard port == "*" || UInt16(port) != nil else { throw .unsupportedEndpoint(endpoint) }
      guard allowsPublic || Self.isLoopback(host) else { throw .publicBindRefused(endpoint) }
      // The library binds addresses and interface names, not host names.
      text = host == "localhost" ? "tcp://127.0.0.1:\(port)" : endpoint
      path = nil
    } else if let rest = Self.rest(of: endpoint, after: "ipc://"), !rest.isEmpty {
      // Names in the abstract namespace have no permissions.
      guard allowsPublic || rest.first != "@" else { throw .publicBindRefused(endpoint) }
      text = endpoint
      path = rest.first == "@" || rest == "*" ? nil : rest
    } else if let rest = Self.rest(of: endpoint, after: "inproc://"), !rest.isEmpty {
      text = endpoint
      path = nil
    } else {
      throw .unsupportedEndpoint(endpoint)
    }
  }

  /// `localhost`, `[::1]` or an address in 127.0.0.0/8, fully written.
  static func isLoopback(_ host: String) -> Bool {
    if host == "localhost" || host == "[::1]" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "127" else { return false }
    return parts.allSatisfy { part in
      part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } && UInt8(part) != nil
    }
  }

  /// The library removes whatever is at the path before it binds, so a file of another kind, and a socket that
  /// somebody listens on, must be found before.
  func checkPath() throws(BusError) {
    guard let path else { return }
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw .pathOccupied(text) }
    if Self.isListening(path) { throw .endpointInUse(text) }
  }

  private static func isListening(_ path: String) -> Bool {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    guard probe >= 0 else { return false }
    defer { close(probe) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
  }

  private static func rest(of endpoint: String, after scheme: String) -> String? {
    endpoint.hasPrefix(scheme) ? String(endpoint.dropFirst(scheme.count)) : nil
  }
}
