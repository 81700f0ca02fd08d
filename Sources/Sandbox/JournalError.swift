import Glibc

// What can go wrong with the journal, as values whose text names the file and what to do about it.

/// A failure of the journal.
public enum JournalError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The directory is used by another process.
  case inUse(path: String)
  /// A system call failed.
  case system(call: String, path: String, errno: Int32)
  /// Damage that is not an interrupted last write.
  case corrupt(path: String, offset: Int, reason: String)
  /// The group is larger than a frame may be; nothing was written.
  case groupTooLarge(bytes: Int, records: Int)
  /// An earlier write failed: what is on disk is unknown until the journal is opened again.
  case poisoned

  public var description: String {
    switch self {
    case .inUse(let path):
      "journal \(path) is used by another process; stop that process or choose another state directory"
    case .system(let call, let path, let code):
      "\(call) failed on \(path): \(String(cString: strerror(code)))"
    case .corrupt(let path, let offset, let reason):
      "journal file \(path) is damaged at byte \(offset): \(reason). Nothing was changed. Restore the directory from a "
        + "backup, or move it away to start with empty accounts"
    case .groupTooLarge(let bytes, let records):
      "a group of \(records) records (\(bytes) bytes) does not fit in a frame of \(JournalFrame.payloadBytesMax) bytes"
    case .poisoned:
      "the journal accepts nothing more after a failed write; restart to recover what is on disk"
    }
  }
}
