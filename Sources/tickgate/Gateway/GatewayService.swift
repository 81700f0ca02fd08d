import ServiceLifecycle

/// A part of the gateway that has been started already and is stopped in its turn when the group shuts down.
struct StartedService: Service {
  let name: String
  let stop: @Sendable () -> Void

  func run() async throws {
    try? await gracefulShutdown()
    // Stopping joins a thread; that must not hold up the cooperative pool's other work for long, and nothing else is
    // left to do.
    stop()
  }
}
