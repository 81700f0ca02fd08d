import ArgumentParser
import Brokerage
import Glibc
import Normalize

struct DecodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode",
    abstract: "Say what captured frames of a broker hold: JSON lines in, JSON lines out.",
    discussion: """
      Reads one JSON object per line from standard input. A frame is "frame_hex" (a binary message in hexadecimal) or \
      "frame_text" (a text message); several are "frames": [{"hex": …} or {"text": …}, …], decoded one after the \
      other. Lines of the same "session" share a decoder; without one, each line has its own. \
      "context": {"connection": "depth20" or "depth200"} names Dhan's depth sockets. Other keys are ignored.

      Prints one JSON object per frame: the line's "id", "session" and "seq", then "expect", "event" and "reject" for a \
      single frame, or "frame" (its place), "updates", "control" and "reject" for "frames". A line that cannot be read \
      gives {"line": number, "error": why}, and the others go on; the command then ends with 65. Prices are rupees, \
      times milliseconds since the epoch.

      tickgate decode upstox --instruments complete.json < captured.jsonl
      jq -c '.vectors[]' vectors.json | tickgate decode zerodha
      """)

  @Argument(help: "zerodha, angel, upstox or dhan.")
  var broker: String

  @Option(help: "The broker's instrument list, packed with gzip or not, to add exchange and symbol.")
  var instruments: String?

  func run() throws {
    guard let broker = InspectedBroker(rawValue: broker) else {
      let known = InspectedBroker.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("'\(broker)' is not one of \(known)")
    }
    var transcript = FrameTranscript(broker, instruments: try Self.instruments(of: broker, at: instruments))
    var lines = LineReader(STDIN_FILENO, lineBytesMax: FrameTranscript.lineBytesMax)
    while let line = try lines.next() {
      let results = line.withUnsafeBytes { lines.isOversized ? [transcript.skipOversizedLine()] : transcript.read($0) }
      try Self.print(results)
    }
    if transcript.badLineCount > 0 {
      throw Exit.because("\(transcript.badLineCount) lines could not be read", code: Exit.data)
    }
  }

  private static func instruments(of broker: InspectedBroker, at path: String?) throws -> InspectedInstruments {
    guard let path else { return InspectedInstruments() }
    do {
      guard let list = GzipFile.unpacked(try FileSystem.read(path)) else {
        throw Exit.because("\(path): damaged gzip data", code: Exit.data)
      }
      return InspectedInstruments(rows: try format(of: broker).parse(list).rows)
    } catch let error as InstrumentListError {
      throw Exit.because("\(path): \(error)", code: Exit.data)
    } catch let error as FileSystem.Failure {
      throw Exit.because("\(error)", code: Exit.failure)
    }
  }

  private static func format(of broker: InspectedBroker) -> InstrumentFormat {
    switch broker {
    case .zerodha: .kite
    case .angel: .angel
    case .upstox: .upstox
    case .dhan: .dhan
    }
  }

  /// At once, so that a pipe sees what was asked. A reader that has gone ends the command by SIGPIPE.
  private static func print(_ results: [[UInt8]]) throws {
    var text: [UInt8] = []
    for result in results {
      text += result
      text.append(UInt8(ascii: "\n"))
    }
    var offset = 0
    while offset < text.count {
      let count = text.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress! + offset, text.count - offset) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw Exit.because("standard output: \(String(cString: strerror(errno)))", code: Exit.failure)
      }
      offset += count
    }
  }
}
