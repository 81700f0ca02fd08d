import Dispatch
import Glibc

/// SIGTERM and SIGINT as something to wait for.
enum Signals {
  static func waitForStop() async {
    let stream = AsyncStream<Void> { continuation in
      let sources = [SIGTERM, SIGINT].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { continuation.yield(()) }
        source.resume()
        return source
      }
      continuation.onTermination = { _ in for source in sources { source.cancel() } }
    }
    for await _ in stream { return }
  }
}
