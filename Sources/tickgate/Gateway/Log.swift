import Logging
import Settings

extension Logger.Level {
  init(_ settings: Settings) { self = Self(rawValue: settings.string(.logLevel)) ?? .info }
}

/// The log of the process: one line per event on standard error.
enum Log {
  static func start(_ settings: Settings) -> Logger {
    LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
    var log = Logger(label: "tickgate")
    log.logLevel = Logger.Level(settings)
    return log
  }
}
