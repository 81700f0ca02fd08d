import Glibc

// Recovery: the newest snapshot, then the log behind it, group by group. What an interrupted last write left is
// dropped: it was never acknowledged. Damage anywhere else is refused, never skipped.

/// The state that a journal holds.
public struct Recovery: Sendable {
  public var ledger = Ledger()
  /// Number of the snapshot and log that it was read from; 0 when there was none.
  public var generation: UInt64 = 0
  /// Groups replayed from the log.
  public var groupCount = 0
  /// Bytes of an interrupted last write that were left out.
  public var droppedBytes = 0
}

/// Reads a journal without changing it.
public enum JournalReader {
  /// The state in `directory`; empty when there is no journal in it.
  public static func recover(directory path: String) throws(JournalError) -> Recovery {
    let directory = JournalDirectory(path: path)
    let logs = try directory.generations(prefix: "log-", suffix: ".tgj")
    var recovery = Recovery()
    guard let generation = try directory.generations(prefix: "snapshot-", suffix: ".tgs").last else {
      try refuseLogsWithoutSnapshot(logs, directory)
      return recovery
    }
    recovery.generation = generation
    try readSnapshot(directory.snapshot(generation), generation, into: &recovery)
    guard logs.contains(generation) else {
      throw .corrupt(path: directory.log(generation), offset: 0, reason: "the log of the newest snapshot is missing")
    }
    try readLog(directory.log(generation), generation, into: &recovery)
    return recovery
  }

  /// A first start that was interrupted leaves an empty log and no snapshot; anything more means a lost snapshot.
  private static func refuseLogsWithoutSnapshot(
    _ logs: [UInt64], _ directory: JournalDirectory
  ) throws(JournalError) {
    for generation in logs {
      var recovery = Recovery()
      try readLog(directory.log(generation), generation, into: &recovery)
      if recovery.groupCount > 0 {
        throw .corrupt(
          path: directory.snapshot(generation), offset: 0, reason: "the snapshot is missing but its log has records")
      }
    }
  }

  private static func readSnapshot(
    _ path: String, _ generation: UInt64, into recovery: inout Recovery
  ) throws(JournalError) {
    let bytes = try JournalFile.contents(of: path)
    var offset = 0
    var sequence: UInt64 = 0
    var salt: UInt32 = 0
    while true {
      guard let frame = bytes.withUnsafeBytes({ JournalFrame.read($0, at: offset, sequence: sequence, salt: salt) })
      else { throw .corrupt(path: path, offset: offset, reason: "a frame of the snapshot is broken") }
      if frame.kind == .end { return }
      do throws(MalformedBytes) {
        if sequence == 0 {
          salt = try readHeader(frame, bytes, generation)
        } else {
          try apply(frame, bytes, to: &recovery.ledger)
        }
      } catch { throw .corrupt(path: path, offset: offset, reason: error.reason) }
      offset = frame.next
      sequence += 1
    }
  }

  private static func readLog(
    _ path: String, _ generation: UInt64, into recovery: inout Recovery
  ) throws(JournalError) {
    let bytes = try JournalFile.contents(of: path)
    var offset = 0
    var sequence: UInt64 = 0
    var salt: UInt32 = 0
    while let frame = bytes.withUnsafeBytes({ JournalFrame.read($0, at: offset, sequence: sequence, salt: salt) }) {
      do throws(MalformedBytes) {
        if sequence == 0 {
          salt = try readHeader(frame, bytes, generation)
        } else {
          try apply(frame, bytes, to: &recovery.ledger)
          recovery.groupCount += 1
        }
      } catch { throw .corrupt(path: path, offset: offset, reason: error.reason) }
      offset = frame.next
      sequence += 1
    }
    recovery.droppedBytes = try tail(of: bytes, from: offset, sequence: sequence, salt: salt, path: path)
  }

  /// Bytes behind the last good frame that are not zero: the rest of an interrupted write, unless a good frame follows.
  private static func tail(
    of bytes: [UInt8], from offset: Int, sequence: UInt64, salt: UInt32, path: String
  ) throws(JournalError) -> Int {
    guard offset < bytes.count, let last = bytes[offset...].lastIndex(where: { $0 != 0 }) else { return 0 }
    let isFollowed =
      sequence == 0
      ? last >= headerFrameBytes
      : bytes.withUnsafeBytes { JournalFrame.hasFrame($0, from: offset, laterThan: sequence, salt: salt) }
    if isFollowed {
      throw .corrupt(path: path, offset: offset, reason: "a frame is broken, and later ones are not")
    }
    return last + 1 - offset
  }

  /// A file's first frame: salt and generation.
  static let headerFrameBytes = 40

  private static func readHeader(
    _ frame: JournalFrame, _ bytes: [UInt8], _ generation: UInt64
  ) throws(MalformedBytes) -> UInt32 {
    guard frame.kind == .header else { throw MalformedBytes(reason: "the file does not begin with a header") }
    return try read(frame, bytes) { (reader) throws(MalformedBytes) in
      guard try reader.integer(UInt64.self) == generation else {
        throw MalformedBytes(reason: "the file is not of generation \(generation)")
      }
      return try reader.integer(UInt32.self)
    }
  }

  private static func apply(
    _ frame: JournalFrame, _ bytes: [UInt8], to ledger: inout Ledger
  ) throws(MalformedBytes) {
    switch frame.kind {
    case nil: throw MalformedBytes(reason: "a frame was written by a later version of this program")
    case .header, .end: throw MalformedBytes(reason: "the first or last frame of a file stands in the middle")
    case .counters:
      (ledger.lastOrderNumber, ledger.lastTradeNumber) = try read(frame, bytes) { (reader) throws(MalformedBytes) in
        (try reader.integer(UInt64.self), try reader.integer(UInt32.self))
      }
    case .group:
      let records = try payload(frame, bytes) { (part) throws(MalformedBytes) in
        try JournalCodec.decode(part, count: frame.recordCount)
      }
      for record in records where !ledger.apply(record) {
        throw MalformedBytes(reason: "a record of an account that was never opened")
      }
    }
  }

  private static func read<T>(
    _ frame: JournalFrame, _ bytes: [UInt8], _ body: (inout ByteReader) throws(MalformedBytes) -> T
  ) throws(MalformedBytes) -> T {
    try payload(frame, bytes) { (part) throws(MalformedBytes) in
      var reader = ByteReader(part)
      return try body(&reader)
    }
  }

  private static func payload<T>(
    _ frame: JournalFrame, _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(MalformedBytes) -> T
  ) throws(MalformedBytes) -> T {
    let result: Result<T, MalformedBytes> = bytes.withUnsafeBytes { all in
      do throws(MalformedBytes) {
        return .success(try body(UnsafeRawBufferPointer(rebasing: all[frame.payload])))
      } catch { return .failure(error) }
    }
    return try result.get()
  }
}
