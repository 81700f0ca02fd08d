// Which backend the loops of a process run on: asked for by a setting, decided by a probe at start. Cold path.

/// What the setting `io.backend` says.
public enum BackendKind: String, Sendable, CaseIterable {
  /// io_uring where it can be had, else epoll.
  case auto
  case uring
  case epoll
}

/// The outcome of a probe.
public struct BackendChoice: Sendable, Equatable {
  /// `uring` or `epoll`.
  public let kind: BackendKind
  /// Why, for the log.
  public let reason: String

  public init(kind: BackendKind, reason: String) {
    self.kind = kind
    self.reason = reason
  }
}

/// Finds out what this kernel, and the container around the process, allow.
public enum BackendProbe {
  /// Sets up a ring with all that a loop needs, enters it once and throws it away. Any thread.
  /// - Throws: the reason why there can be none.
  public static func tryRing() throws(LoopError) {
    var limits = LoopLimits()
    limits.receiveBuffers = 1
    limits.receiveBufferBytes = 512
    try UringBackend(limits: limits).enter()
  }

  /// - Parameter tryRing: throws when there is no ring.
  /// - Throws: what `tryRing` said, when the ring and nothing else was asked for.
  public static func choose(
    _ kind: BackendKind, tryRing: () throws(LoopError) -> Void = BackendProbe.tryRing
  ) throws(LoopError) -> BackendChoice {
    switch kind {
    case .epoll: return BackendChoice(kind: .epoll, reason: "it was asked for")
    case .uring:
      try tryRing()
      return BackendChoice(kind: .uring, reason: "it was asked for")
    case .auto:
      do throws(LoopError) {
        try tryRing()
        return BackendChoice(kind: .uring, reason: "this kernel allows it")
      } catch {
        return BackendChoice(kind: .epoll, reason: error.cause)
      }
    }
  }
}
