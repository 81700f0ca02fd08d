import Glibc

/// Lines of a file descriptor, as they come. Memory is bounded: of a line that is too long nothing is kept.
struct LineReader {
  struct Failure: Error, CustomStringConvertible {
    let code: Int32
    var description: String { "standard input: \(String(cString: strerror(code)))" }
  }

  private static let chunkBytes = 1 << 16

  private let descriptor: Int32
  private let lineBytesMax: Int
  private var buffer: [UInt8] = []
  /// Of the buffer, handed out already.
  private var consumed = 0
  /// Of the buffer, searched already and without a line feed.
  private var searched = 0
  private var isSkipping = false
  private var hasEnded = false
  /// Whether the line handed out last was too long; it comes empty then.
  private(set) var isOversized = false

  init(_ descriptor: Int32, lineBytesMax: Int) {
    self.descriptor = descriptor
    self.lineBytesMax = lineBytesMax
  }

  /// The next line without its line feed; nil at the end. The last line needs no line feed.
  mutating func next() throws(Failure) -> [UInt8]? {
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) { return take(upTo: end, next: end + 1) }
      searched = buffer.count
      if hasEnded {
        return consumed < buffer.count || isSkipping ? take(upTo: buffer.count, next: buffer.count) : nil
      }
      if isSkipping || buffer.count - consumed > lineBytesMax {
        isSkipping = true
        consumed = buffer.count
      }
      try fill()
    }
  }

  private mutating func take(upTo end: Int, next: Int) -> [UInt8] {
    isOversized = isSkipping || end - consumed > lineBytesMax
    let line = isOversized ? [] : Array(buffer[consumed..<end])
    isSkipping = false
    consumed = next
    searched = next
    return line
  }

  private mutating func fill() throws(Failure) {
    buffer.removeFirst(consumed)
    consumed = 0
    searched = buffer.count
    var chunk = [UInt8](repeating: 0, count: Self.chunkBytes)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Failure(code: errno) }
      hasEnded = count == 0
      buffer.append(contentsOf: chunk[0..<count])
      return
    }
  }
}
