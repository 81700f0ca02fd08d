// The journal's files, written by one thread that is not the engine's: it waits for the disk so that the engine
// need not. A group is on disk when `append` returns; only then may its answers leave.

/// What can go wrong with the journal; the text names the file and what to do.
public enum JournalError: Error, Sendable, Equatable {
  /// The directory is used by another process.
  case inUse(path: String)
  /// A system call failed. After a failed write nothing more may be appended.
  case system(call: String, path: String, errno: Int32)
  /// Damage that is not an interrupted last write.
  case corrupt(path: String, offset: Int, reason: String)
  /// A group that is larger than a frame may be.
  case groupTooLarge(bytes: Int)
  /// An earlier write failed: what is on disk is unknown until the journal is opened again.
  case poisoned
}

/// Appends groups of records and rotates snapshots.
public struct JournalWriter: ~Copyable {
  /// Sizes of the journal, in bytes.
  public struct Settings: Sendable {
    /// A log longer than this asks for rotation.
    public var rotationBytes = 64 << 20
    /// The file grows by this much at a time.
    public var preallocationBytes = 4 << 20

    public init() {}
  }

  /// Whether the log has grown enough for a new snapshot.
  public var needsRotation: Bool { false }

  /// Bytes of an interrupted last write that opening dropped; they were never acknowledged.
  public private(set) var droppedBytes = 0

  /// Opens the journal in `directory` (created when missing), replays it, and begins a new log behind a new snapshot.
  public init(directory: String, settings: Settings = Settings()) throws(JournalError) {}

  /// The state that opening found, empty the first time. Call once: the writer keeps no copy.
  public mutating func takeLedger() -> Ledger { Ledger() }

  /// Writes the records as one group, all or nothing, and waits until they are on disk.
  public mutating func append(_ records: [Record]) throws(JournalError) {}

  /// Writes a snapshot of `ledger`, which holds exactly what was appended so far, and begins a new log.
  public mutating func rotate(to ledger: Ledger) throws(JournalError) {}
}
