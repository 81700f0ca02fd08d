import ArgumentParser
import CZMQ
import Glibc

/// Counts what a bus publishes, until it says that it is over. In a process of its own, so that its work is not taken
/// for the publisher's.
struct BusSinkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "bus-sink", shouldDisplay: false)

  @Argument var endpoint: String

  func run() throws {
    guard let context = zmq_ctx_new(), let socket = zmq_socket(context, ZMQ_SUB) else { throw ExitCode(1) }
    var queueMax: Int32 = 0
    zmq_setsockopt(socket, ZMQ_RCVHWM, &queueMax, MemoryLayout<Int32>.size)
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, nil, 0)
    guard zmq_connect(socket, endpoint) == 0 else { throw ExitCode(1) }
    let end = Array(BusPace.endTopic.utf8)
    var buffer = [UInt8](repeating: 0, count: 4096)
    var (count, first, last): (Int, Int64, Int64) = (0, 0, 0)
    while true {
      let bytes = Int(zmq_recv(socket, &buffer, buffer.count, 0))
      if bytes < 0 { continue }
      if bytes == end.count, buffer.starts(with: end) { break }
      _ = zmq_recv(socket, &buffer, buffer.count, 0)
      count += 1
      if count == 1 { first = BenchClock.now() }
      if count & 255 == 0 { last = BenchClock.now() }
    }
    print("\(count) \(last - first)")
  }
}

/// That process.
final class SinkProcess {
  private let output: UnsafeMutablePointer<FILE>

  init(endpoint: String) throws {
    guard let output = popen("/proc/\(getpid())/exe bus-sink '\(endpoint)'", "r") else { throw ExitCode(1) }
    self.output = output
  }

  /// Waits for its end.
  func finish() throws -> (count: Int, perSecond: Double) {
    var line = [CChar](repeating: 0, count: 256)
    let text = fgets(&line, Int32(line.count), output).map { String(cString: $0) } ?? ""
    pclose(output)
    let words = text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    guard words.count == 2, words[1] > 0 else { throw ExitCode(1) }
    return (words[0], Double(words[0]) * 1e9 / Double(words[1]))
  }
}
