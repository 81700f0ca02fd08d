// Secrets from standard input: piped as they are, typed without echo. Never from arguments, which every user of the
// host can see.

import Glibc

enum SecretInput {
  enum Failure: Error, CustomStringConvertible {
    case interrupted, tooLong, unreadable(code: Int32)

    var description: String {
      switch self {
      case .interrupted: "nothing was changed"
      case .tooLong: "standard input has more than \(SecretInput.bytesMax) bytes"
      case .unreadable(let code): "standard input: \(String(cString: strerror(code)))"
      }
    }
  }

  static let bytesMax = 65_536
  /// Ctrl-C, as a character of the line.
  private static let interrupt: UInt8 = 3

  /// One line of a terminal, or everything that is piped in; blanks at both ends are left out.
  /// - Parameter prompt: shown on a terminal alone.
  static func read(_ prompt: String) throws(Failure) -> String {
    var attributes = termios()
    guard isatty(STDIN_FILENO) == 1, tcgetattr(STDIN_FILENO, &attributes) == 0 else { return text(of: try bytes()) }
    var silent = attributes
    silent.c_lflag &= ~tcflag_t(ECHO)
    // Ctrl-C ends the line instead of the process, so that the terminal gets its echo back.
    silent.c_lflag &= ~tcflag_t(ISIG)
    silent.c_cc.11 = interrupt
    show(prompt)
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
    defer {
      tcsetattr(STDIN_FILENO, TCSAFLUSH, &attributes)
      show("\n")
    }
    let line = try bytes(untilLineEnd: true)
    if line.contains(interrupt) { throw .interrupted }
    return text(of: line)
  }

  private static func bytes(untilLineEnd: Bool = false) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = Glibc.read(STDIN_FILENO, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw .unreadable(code: errno) }
      if count == 0 { return bytes }
      bytes += chunk[0..<count]
      if bytes.count > bytesMax { throw .tooLong }
      if untilLineEnd, let last = bytes.last, last == UInt8(ascii: "\n") || last == interrupt { return bytes }
    }
  }

  private static func text(of bytes: [UInt8]) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    let start = text.firstIndex { !$0.isWhitespace } ?? text.endIndex
    let end = text.lastIndex { !$0.isWhitespace }.map { text.index(after: $0) } ?? start
    return String(text[start..<end])
  }

  private static func show(_ text: String) { _ = text.withCString { Glibc.write(STDERR_FILENO, $0, strlen($0)) } }
}
