import Sandbox

// What passes from the engine thread to the journal thread: what happened in one turn of the engine, and who must be
// told once it is durable.

/// Something to do when everything before it is durable.
enum Release: Sendable {
  /// The answer to a command that changes something. It is given only if the group could be made durable.
  case command(CommandReply, Reply)
  /// The answer to a query, made already; it does not depend on this group's fate.
  case query(@Sendable () -> Void)
}

/// All effects of one turn of the engine. Durable as a whole before any part of it is told.
struct Group: Sendable {
  var records: [Record] = []
  var updates: [OrderEvent] = []
  var releases: [Release] = []
  /// State that contains exactly the records of this group and of those before it; set when the log is to be rotated.
  var snapshot: Ledger?

  var isEmpty: Bool { records.isEmpty && updates.isEmpty && releases.isEmpty && snapshot == nil }
}
