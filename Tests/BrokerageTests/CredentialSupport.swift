import Brokerage
import Foundation
import Glibc
import Logging
import Market
import Synchronization

/// A directory of a test's own, removed with it.
final class CredentialFolder: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/tickgate-brokerage-XXXXXX".utf8CString)
    let made = mkdtemp(&template) != nil
    precondition(made, "no directory for the test")
    path = String(decoding: template.dropLast().map(UInt8.init), as: UTF8.self)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ bytes: [UInt8], to name: String, mode: mode_t = 0o600) {
    let file = path + "/" + name
    unlink(file)
    let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    _ = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, bytes.count) }
    close(descriptor)
    chmod(file, mode)
  }

  func write(_ text: String, to name: String) { write(Array(text.utf8), to: name) }

  /// Makes a file look as if it was written this long ago.
  func age(_ name: String, seconds: Int) {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    time.tv_sec -= seconds
    utimensat(AT_FDCWD, path + "/" + name, [time, time], 0)
  }

  func read(_ name: String) -> [UInt8] {
    (FileManager.default.contents(atPath: path + "/" + name)).map(Array.init) ?? []
  }

  func mode(_ name: String) -> mode_t {
    var status = stat()
    return stat(path + "/" + name, &status) == 0 ? status.st_mode & 0o777 : 0
  }
}

/// What a scripted login service was asked.
struct Asked: Sendable, Equatable {
  var line: String
  var headers: [String: String]
  var body: String
}

/// A login service on loopback that answers as the test says: one thread per connection, one request each.
final class LoginServer: Sendable {
  /// The bytes of the whole answer; nil to say nothing until the client gives up.
  typealias Script = @Sendable (Asked) -> [UInt8]?

  let port: UInt16
  private let descriptor: Int32
  private let notes = Notes()

  /// What came in so far, in order.
  private final class Notes: Sendable {
    let asked: Mutex<[Asked]> = Mutex([])
  }

  var asked: [Asked] { notes.asked.withLock { $0 } }
  var base: String { "http://127.0.0.1:\(port)" }

  init(_ script: @escaping Script) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | 0o2_000_000, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(listener, $0, length)
        _ = listen(listener, 16)
        _ = getsockname(listener, $0, &length)
      }
    }
    descriptor = listener
    port = UInt16(bigEndian: address.sin_port)
    Thread { [notes] in
      while true {
        let peer = accept(listener, nil, nil)
        if peer < 0 {
          // Not before: the number would be another server's while this thread still accepts.
          close(listener)
          return
        }
        Thread { Self.serve(peer, script) { asked in notes.asked.withLock { $0.append(asked) } } }.start()
      }
    }.start()
  }

  deinit { shutdown(descriptor, Int32(SHUT_RDWR)) }

  private static func serve(_ peer: Int32, _ script: Script, _ note: (Asked) -> Void) {
    defer { close(peer) }
    var received: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(peer, &chunk, chunk.count, 0)
      if count <= 0 { return }
      received += chunk[..<count]
      guard let asked = parse(received) else { continue }
      note(asked)
      if let answer = script(asked) {
        _ = answer.withUnsafeBytes { send(peer, $0.baseAddress, answer.count, Int32(MSG_NOSIGNAL)) }
        return
      }
    }
  }

  private static func parse(_ bytes: [UInt8]) -> Asked? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.range(of: "\r\n\r\n") else { return nil }
    let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2 { headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces) }
    }
    let body = String(text[end.upperBound...])
    guard body.utf8.count >= Int(headers["content-length"] ?? "0") ?? 0 else { return nil }
    return Asked(line: lines[0], headers: headers, body: body)
  }

  static func reply(_ status: Int, _ body: String, headers: [String] = []) -> [UInt8] {
    let lines =
      ["HTTP/1.1 \(status) Said", "Content-Type: application/json", "Content-Length: \(body.utf8.count)"] + headers
    return Array((lines + ["Connection: close", "", body]).joined(separator: "\r\n").utf8)
  }
}

/// Keeps what is logged, metadata included.
final class LogBook: Sendable {
  private let lines: Mutex<[String]> = Mutex([])
  var text: String { lines.withLock { $0.joined(separator: "\n") } }

  func logger() -> Logger {
    var logger = Logger(label: "test") { _ in Handler(book: self) }
    logger.logLevel = .trace
    return logger
  }

  private struct Handler: LogHandler {
    let book: LogBook
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      book.lines.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
    }
  }
}

extension FeedCredentialProvider {
  /// `access` as a call that waits.
  func access(_ feed: String, refused: FeedCredentials? = nil) async -> Result<FeedAccess, AccessFailure> {
    await withCheckedContinuation { continuation in
      access(feed: feed, refused: refused) { continuation.resume(returning: $0) }
    }
  }
}

func secrets(_ fields: [CredentialField: String]) -> BrokerSecrets {
  var result = BrokerSecrets()
  for (field, text) in fields { result[field] = text }
  return result
}

extension Result {
  var value: Success? { try? get() }
  var failure: Failure? {
    if case .failure(let failure) = self { return failure }
    return nil
  }
}
