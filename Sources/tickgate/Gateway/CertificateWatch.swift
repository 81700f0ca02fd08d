// Looks after the certificate of the WebSocket server while it runs: a renewed one is taken without a restart and
// without a signal. A task of the cooperative pool; two stat calls per look.

import Logging
import Reactor
import ServiceLifecycle

/// Has a changed certificate or key read again. New connections get the new one; a bad file keeps the old in use.
struct CertificateWatch: Service {
  let context: TLSServerContext
  let log: Logger

  /// Time between two looks.
  static let periodSeconds = 10

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        try await Task.sleep(for: .seconds(Self.periodSeconds))
        look()
      }
    }
  }

  private func look() {
    do {
      guard try context.reloadIfChanged() else { return }
      log.notice("new certificate in use", metadata: ["file": "\(context.certificate)"])
    } catch {
      log.error("the changed certificate cannot be used, the old one stays", metadata: ["cause": "\(error)"])
    }
  }
}
