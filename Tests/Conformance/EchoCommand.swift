// tickgate-echo: what the Autobahn suite talks to. An echo server, or a client that works through the cases of a fuzzing
// server, over the product's own event loop and WebSocket code; only the limits are raised, since the suite sends
// messages of 16 MiB and 65,536 fragments. Not part of the product; run by scripts/conformance.
// The loop runs on the main thread; cold code, allocates.

import Glibc
import Logging
import Reactor
import TickRing

@main
struct EchoCommand {
  private static let usage = """
    usage: tickgate-echo server --port PORT [--backend uring|epoll]
           tickgate-echo client --port PORT --agent NAME [--backend uring|epoll]
    """
  private static let exitUsage: Int32 = 64
  private static let exitUnavailable: Int32 = 69

  static func main() {
    let arguments = CommandLine.arguments
    var options: [String: String] = [:]
    for place in stride(from: 2, to: arguments.count - 1, by: 2) { options[arguments[place]] = arguments[place + 1] }
    guard arguments.count > 1, arguments.count.isMultiple(of: 2),
      let port = options["--port"].flatMap({ UInt16($0) }),
      let backend = BackendKind(rawValue: options["--backend"] ?? BackendKind.uring.rawValue)
    else { return leave(usage, exitUsage) }
    do {
      switch arguments[1] {
      case "server":
        let listener = try Listener(host: "127.0.0.1", port: port)
        try run(backend, listener) { EchoServer(sockets: $0) }
      case "client":
        guard let agent = options["--agent"] else { return leave(usage, exitUsage) }
        let results = try run(backend, nil) { try EchoClient(sockets: $0, port: port, agent: agent) }
        guard results.isComplete else { return leave("the fuzzing server did not answer", exitUnavailable) }
        print("\(results.caseCount) cases")
      default: leave(usage, exitUsage)
      }
    } catch {
      leave("\(error)", exitUnavailable)
    }
  }

  /// Runs a loop to its end on this thread.
  @discardableResult
  private static func run<Handler: LoopHandler>(
    _ backend: BackendKind, _ listener: Listener?, _ makeHandler: (Sockets) throws -> Handler
  ) throws -> Handler {
    var limits = LoopLimits()
    limits.socketsMax = 64
    let sockets = Sockets(limits: limits)
    let handler = try makeHandler(sockets)
    try LoopRunner.run(
      backend, handler: handler, sockets: sockets, listeners: listener.map { [$0] } ?? [], waker: Waker(),
      log: Logger(label: "echo"))
    return handler
  }

  private static func leave(_ message: String, _ code: Int32) {
    let line = message + "\n"
    _ = line.withCString { write(STDERR_FILENO, $0, line.utf8.count) }
    exit(code)
  }
}
