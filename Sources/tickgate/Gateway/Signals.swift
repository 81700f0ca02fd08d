import UnixSignals

/// SIGTERM and SIGINT as something to wait for.
enum Signals {
  static func waitForStop() async {
    for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { return }
  }
}
