// Where a list comes from, and the way of its bytes from there. Bounded in size and time. Cold path; any thread.

import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1

/// A file, or an address.
public enum MasterSource: Sendable {
  case file(String)
  /// `isBrokers`: the broker's own, so that the list must be complete.
  case url(String, headers: [Header] = [], isBrokers: Bool = false)

  /// A header of the request, e.g. a login. Never logged.
  public struct Header: Sendable {
    public let name: String
    public let value: String

    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  /// Packed or not, as it comes.
  public static let bytesMax = 512 << 20
  /// Most seconds that a download may take.
  public static let secondsMax = 300
  private static let fileChunkBytes = 1 << 18

  /// The file or address that a setting names; the broker's own address for an empty one.
  public init(setting: String, list: BrokerList, headers: [Header] = []) {
    if setting.isEmpty {
      self = .url(list.url, headers: list.needsLogin ? headers : [], isBrokers: true)
    } else if setting.utf8.starts(with: "http://".utf8) || setting.utf8.starts(with: "https://".utf8) {
      self = .url(setting, headers: list.needsLogin && Self.mayHear(setting, list) ? headers : [])
    } else {
      self = .file(setting)
    }
  }

  /// Whether a login may be sent to a configured address: to the broker's own host, or to this one, e.g. a proxy.
  private static func mayHear(_ address: String, _ list: BrokerList) -> Bool {
    guard let host = host(of: address) else { return false }
    return host == "127.0.0.1" || host == "localhost" || host == "[::1]"
      || (host == Self.host(of: list.url) && address.utf8.starts(with: "https://".utf8))
  }

  /// Lower case, without user and port.
  private static func host(of address: String) -> String? {
    guard let scheme = address.firstRange(of: "://") else { return nil }
    let authority = address[scheme.upperBound...].prefix { !"/?#\\".contains($0) }
    let place = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
    if place.first == "[" { return place.prefix { $0 != "]" }.lowercased() + "]" }
    return place.prefix { $0 != ":" }.lowercased()
  }

  var isBrokers: Bool {
    guard case .url(_, _, let isBrokers) = self else { return false }
    return isBrokers
  }

  /// For logs: the path, or the address without user, password and query.
  public var place: String {
    switch self {
    case .file(let path): return path
    case .url(let url, _, _):
      let bare = url.prefix { $0 != "?" && $0 != "#" }
      guard let scheme = bare.firstRange(of: "://") else { return String(bare) }
      let rest = bare[scheme.upperBound...]
      let host = rest.prefix { $0 != "/" }
      guard let at = host.lastIndex(of: "@") else { return String(bare) }
      return String(bare[..<scheme.upperBound] + rest[rest.index(after: at)...])
    }
  }

  /// Reads all of it.
  func read(into intake: ListIntake, seconds: Int = secondsMax) async throws(MasterError) {
    switch self {
    case .file(let path): try Self.readFile(path, into: intake)
    case .url(let url, let headers, _): try await download(url, headers, into: intake, seconds: seconds)
    }
  }

  private static func readFile(_ path: String, into intake: ListIntake) throws(MasterError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .file(path: path, reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: fileChunkBytes, alignment: 16)
    defer { chunk.deallocate() }
    while true {
      let count = Glibc.read(descriptor, chunk.baseAddress, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .file(path: path, reason: String(cString: strerror(errno))) }
      if count == 0 { return }
      try intake.take(UnsafeRawBufferPointer(rebasing: chunk[..<count]))
    }
  }

  /// Lives as long as the process. A host that is not there is an answer at once: whoever asks decides about another
  /// try.
  private static let client: HTTPClient = {
    var configuration = HTTPClient.Configuration()
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.timeout.connect = .seconds(10)
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }()

  private func download(
    _ url: String, _ headers: [Header], into intake: ListIntake, seconds: Int
  ) async throws(MasterError) {
    guard Self.isAllowed(url) else { throw .badAddress(place) }
    var request = HTTPClientRequest(url: url)
    request.headers.add(name: "User-Agent", value: "tickgate")
    request.headers.add(name: "Accept-Encoding", value: "gzip")
    for header in headers { request.headers.add(name: header.name, value: header.value) }
    let deadline = NIODeadline.now() + .seconds(Int64(seconds))
    do {
      let response = try await Self.client.execute(request, deadline: deadline)
      let code = Int(response.status.code)
      guard code == 200 else {
        throw code == 401 || code == 403
          ? MasterError.loginNeeded(address: place, code: code) : MasterError.status(address: place, code: code)
      }
      for try await piece in response.body {
        try piece.withUnsafeReadableBytes { try intake.take($0) }
        // A server that sends a byte now and then never lets the deadline of the client strike.
        if NIODeadline.now() > deadline { throw MasterError.tookTooLong(place: place, seconds: seconds) }
      }
    } catch let error as MasterError {
      throw error
    } catch let error as HTTPClientError where error == .deadlineExceeded || error == .connectTimeout {
      throw .tookTooLong(place: place, seconds: seconds)
    } catch {
      throw .network(address: place, reason: "\(error)")
    }
  }

  /// https, or http to this host.
  private static func isAllowed(_ url: String) -> Bool {
    if url.utf8.starts(with: "https://".utf8) { return true }
    guard url.utf8.starts(with: "http://".utf8) else { return false }
    let host = url.dropFirst("http://".count).prefix { $0 != "/" && $0 != ":" && $0 != "?" && $0 != "#" }
    return host == "127.0.0.1" || host == "localhost"
  }
}
