import ArgumentParser
import Glibc
import JSONText
import Market
import Settings

struct SubCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sub",
    abstract: "Watch symbols in the terminal, e.g. tickgate sub NSE:RELIANCE NSE_INDEX:NIFTY --mode quote.",
    discussion: """
      The API key comes from the environment variable TICKGATE_KEY, or from standard input with --key-stdin. On a \
      terminal the table is redrawn in place; otherwise each update is a line of JSON.
      """)

  @Argument(help: "EXCHANGE:SYMBOL, several of them.")
  var symbols: [String]

  @Option(help: "ltp, quote or depth.")
  var mode = "quote"

  @Option(help: "Host of the gateway.")
  var host = "127.0.0.1"

  @Option(help: "Port of the gateway.")
  var port: UInt16 = 8765

  @Option(help: "Stop after this many updates; 0 for never.")
  var count = 0

  @Flag(help: "Read the key from standard input.")
  var keyStdin = false

  private static let redrawNanos: Int64 = 200_000_000

  func run() throws {
    let key = keyStdin ? readLine(strippingNewline: true) : getenv("TICKGATE_KEY").map { String(cString: $0) }
    guard let key, !key.isEmpty else {
      throw Exit.because("no API key: set TICKGATE_KEY, or give it with --key-stdin", code: Exit.configuration)
    }
    let keys = try symbols.map { text -> (exchange: String, symbol: String) in
      guard let colon = text.firstIndex(of: ":") else {
        throw ValidationError("'\(text)' is not EXCHANGE:SYMBOL")
      }
      return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }
    guard ["ltp", "quote", "depth"].contains(mode.lowercased()) else {
      throw ValidationError("mode is ltp, quote or depth")
    }
    do {
      try watch(keys, apiKey: key)
    } catch let error as BlockingWebSocket.Failure {
      throw Exit.because(error.description, code: Exit.unavailable)
    }
  }

  private func watch(_ keys: [(exchange: String, symbol: String)], apiKey: String) throws {
    let socket = try BlockingWebSocket(host: host, port: port)
    socket.send(Self.authentication(apiKey))
    socket.send(subscription(keys))
    var table = LiveTable()
    for key in keys { table.add("\(key.exchange):\(key.symbol)") }
    let isTerminal = isatty(STDOUT_FILENO) == 1
    let start = SystemClock.monotonicNanos()
    var drawn: Int64 = 0
    while count == 0 || table.updates < count {
      let bytes = try socket.receive()
      let message = try JSONDocument(bytes).root
      try Self.check(message)
      guard message["type"]?.string == "market_data" else { continue }
      table.take(message)
      if !isTerminal {
        print(String(decoding: bytes, as: UTF8.self))
        fflush(nil)
        continue
      }
      let now = SystemClock.monotonicNanos()
      if now - drawn >= Self.redrawNanos {
        drawn = now
        print("\u{1B}[H\u{1B}[J" + table.text(seconds: Double(now - start) / 1e9), terminator: "")
        fflush(nil)
      }
    }
  }

  private static func authentication(_ key: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("action", "authenticate")
    writer.member("api_key", key)
    writer.endObject()
    return writer.bytes
  }

  private func subscription(_ keys: [(exchange: String, symbol: String)]) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("action", "subscribe")
    writer.member("mode", mode.lowercased())
    writer.key("symbols")
    writer.beginArray()
    for key in keys {
      writer.beginObject()
      writer.member("symbol", key.symbol)
      writer.member("exchange", key.exchange)
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    return writer.bytes
  }

  /// Refusals end the command; a symbol that is not known is said, and the others go on.
  private static func check(_ message: JSONValue) throws {
    if message["status"]?.string == "error" {
      throw BlockingWebSocket.Failure(description: message["message"]?.string ?? "refused")
    }
    guard message["type"]?.string == "subscribe" else { return }
    for entry in message["subscriptions"]?.elements ?? [] where entry["status"]?.string == "error" {
      printError("tickgate: \(entry["message"]?.string ?? "not subscribed")")
    }
  }
}
