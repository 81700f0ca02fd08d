import Sandbox
import Synchronization

// What the journal thread writes to: the sandbox's journal files, or whatever a test puts in their place.

/// A durable log of records. Called by one thread at a time; may block on the disk.
public protocol RecordLog: Sendable {
  /// The state found at opening. Called once.
  func takeLedger() -> Ledger
  /// Returns when the records are on disk, all or nothing. After a throw nothing more is appended.
  func append(_ records: [Record]) throws
  /// Begins anew behind a snapshot of `ledger`, which holds exactly what was appended so far.
  func rotate(to ledger: Ledger) throws
  /// Whether the log has grown enough for a new snapshot.
  var needsRotation: Bool { get }
  /// Lets others have the log; nothing is called afterwards.
  func close()
}

/// The journal files of the sandbox. The lock is never contended: it only tells the compiler who owns the writer.
public final class FileRecordLog: RecordLog {
  /// Nil when closed.
  private let writer: Mutex<JournalWriter?>
  /// Bytes of an interrupted last write that opening dropped; they were never acknowledged.
  public let droppedBytes: Int

  /// Opens the journal in `directory` and keeps other processes out of it.
  public init(directory: String, settings: JournalWriter.Settings = JournalWriter.Settings()) throws(JournalError) {
    let opened = try JournalWriter(directory: directory, settings: settings)
    droppedBytes = opened.droppedBytes
    writer = Mutex(opened)
  }

  public func takeLedger() -> Ledger { writer.withLock { $0?.takeLedger() ?? Ledger() } }

  public func append(_ records: [Record]) throws {
    try writer.withLock { (writer: inout JournalWriter?) throws(JournalError) in try writer?.append(records) }
  }

  public func rotate(to ledger: Ledger) throws {
    try writer.withLock { (writer: inout JournalWriter?) throws(JournalError) in try writer?.rotate(to: ledger) }
  }

  public var needsRotation: Bool { writer.withLock { $0?.needsRotation ?? false } }

  public func close() { writer.withLock { $0 = nil } }
}
