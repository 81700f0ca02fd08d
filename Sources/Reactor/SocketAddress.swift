import Glibc

/// An IPv4 or IPv6 endpoint, in network form.
public struct SocketAddress: Sendable, Hashable {
  /// 16 bytes of the address; IPv4 in its IPv6-mapped form.
  public let high: UInt64
  public let low: UInt64
  public let port: UInt16
  public let isIPv4: Bool

  private static let mappedPrefix: UInt64 = 0xFFFF

  public init(ipv4: UInt32, port: UInt16) {
    high = 0
    low = Self.mappedPrefix << 32 | UInt64(ipv4)
    self.port = port
    isIPv4 = true
  }

  init(ipv6 high: UInt64, _ low: UInt64, port: UInt16) {
    self.high = high
    self.low = low
    self.port = port
    isIPv4 = false
  }

  /// A numeric host; nil for names. `localhost` is taken as 127.0.0.1.
  public init?(host: String, port: UInt16) {
    let text = host == "localhost" ? "127.0.0.1" : host.trimmedBrackets
    var four = in_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      self.init(ipv4: UInt32(bigEndian: four.s_addr), port: port)
      return
    }
    var six = in6_addr()
    guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
    self.init(six, port: port)
  }

  init(_ six: in6_addr, port: UInt16) {
    let (high, low) = withUnsafeBytes(of: six) {
      ($0.load(as: UInt64.self).bigEndian, $0.load(fromByteOffset: 8, as: UInt64.self).bigEndian)
    }
    self.init(ipv6: high, low, port: port)
  }

  init?(_ storage: sockaddr_storage) {
    var storage = storage
    switch Int32(storage.ss_family) {
    case AF_INET:
      let four = withUnsafeBytes(of: &storage) { $0.load(as: sockaddr_in.self) }
      self.init(ipv4: UInt32(bigEndian: four.sin_addr.s_addr), port: UInt16(bigEndian: four.sin_port))
    case AF_INET6:
      let six = withUnsafeBytes(of: &storage) { $0.load(as: sockaddr_in6.self) }
      self.init(six.sin6_addr, port: UInt16(bigEndian: six.sin6_port))
    default: return nil
    }
  }

  /// The other end of a connected socket; nil when it is gone already.
  public init?(peerOf descriptor: Int32) {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) }
    }
    guard result == 0 else { return nil }
    self.init(storage)
  }

  public var isLoopback: Bool {
    isIPv4 || (high == 0 && low >> 32 == Self.mappedPrefix)
      ? UInt8(truncatingIfNeeded: low >> 24) == 127 : high == 0 && low == 1
  }

  /// Same host, whatever the port.
  public func hasSameHost(as other: SocketAddress) -> Bool { high == other.high && low == other.low }

  /// Writes the kernel's form; returns its length.
  func write(to storage: UnsafeMutableRawPointer) -> socklen_t {
    if isIPv4 {
      var four = sockaddr_in()
      four.sin_family = sa_family_t(AF_INET)
      four.sin_port = port.bigEndian
      four.sin_addr.s_addr = UInt32(truncatingIfNeeded: low).bigEndian
      storage.copyMemory(from: &four, byteCount: MemoryLayout<sockaddr_in>.size)
      return socklen_t(MemoryLayout<sockaddr_in>.size)
    }
    var six = sockaddr_in6()
    six.sin6_family = sa_family_t(AF_INET6)
    six.sin6_port = port.bigEndian
    withUnsafeMutableBytes(of: &six.sin6_addr) {
      $0.storeBytes(of: high.bigEndian, as: UInt64.self)
      $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
    storage.copyMemory(from: &six, byteCount: MemoryLayout<sockaddr_in6>.size)
    return socklen_t(MemoryLayout<sockaddr_in6>.size)
  }

  var family: Int32 { isIPv4 ? AF_INET : AF_INET6 }
}

extension SocketAddress: CustomStringConvertible {
  /// `127.0.0.1:8765`, `[::1]:8765`.
  public var description: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
      if isIPv4 {
        var four = in_addr(s_addr: UInt32(truncatingIfNeeded: low).bigEndian)
        inet_ntop(AF_INET, &four, text.baseAddress, socklen_t(text.count))
        return "\(String(cString: text.baseAddress!)):\(port)"
      }
      var six = in6_addr()
      withUnsafeMutableBytes(of: &six) {
        $0.storeBytes(of: high.bigEndian, as: UInt64.self)
        $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
      }
      inet_ntop(AF_INET6, &six, text.baseAddress, socklen_t(text.count))
      return "[\(String(cString: text.baseAddress!))]:\(port)"
    }
  }
}

extension String {
  var trimmedBrackets: String { hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self }
}
