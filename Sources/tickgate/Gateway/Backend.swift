import Logging
import Reactor
import Settings

extension BackendKind {
  /// Decides once for all loops of the process, and says in the log which backend it is and why.
  /// - Throws: `LoopError` when the setting asks for a ring that cannot be had.
  init(_ settings: Settings, log: Logger) throws {
    let choice = try BackendProbe.choose(BackendKind(rawValue: settings.string(.ioBackend)) ?? .auto)
    log.info("sockets are served by \(choice.kind == .uring ? "io_uring" : "epoll"): \(choice.reason)")
    self = choice.kind
  }
}
