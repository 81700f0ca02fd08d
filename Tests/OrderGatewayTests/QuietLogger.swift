import Logging

/// Logs nothing.
let quietLogger = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }
