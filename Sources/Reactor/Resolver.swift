import Glibc

/// Host names to addresses. A look-up blocks, so it runs on a thread of its own; it happens once per (re)connect.
public enum Resolver {
  public struct Failure: Error, Sendable, CustomStringConvertible {
    public let host: String
    public let code: Int32
    public var description: String { "cannot resolve \(host): \(String(cString: gai_strerror(code)))" }
  }

  /// - Parameter completion: called once, on another thread, unless the host is numeric: then on this one.
  public static func resolve(
    host: String, port: UInt16, completion: @escaping @Sendable (Result<SocketAddress, Failure>) -> Void
  ) {
    if let address = SocketAddress(host: host, port: port) { return completion(.success(address)) }
    LoopThread.detached(name: "resolver") { completion(lookUp(host: host, port: port)) }
  }

  private static func lookUp(host: String, port: UInt16) -> Result<SocketAddress, Failure> {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, "\(port)", &hints, &list)
    guard code == 0, let list else { return .failure(Failure(host: host, code: code)) }
    defer { freeaddrinfo(list) }
    var storage = sockaddr_storage()
    withUnsafeMutableBytes(of: &storage) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: list.pointee.ai_addr, count: Int(list.pointee.ai_addrlen)))
    }
    guard let address = SocketAddress(storage) else { return .failure(Failure(host: host, code: EAI_FAMILY)) }
    return .success(address)
  }
}
