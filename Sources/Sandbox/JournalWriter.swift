import Glibc

// The journal's files, written by one thread that is not the engine's: it waits for the disk so that the engine need
// not. A group is on disk when `append` returns; only then may its answers leave. One buffer is reused for all groups.

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

  /// Records in one frame: far from what a frame can hold, so that only a defect can exceed it.
  private static let recordsPerFrame = 4096

  private let settings: Settings
  private let directory: JournalDirectory
  /// Open only to be locked.
  private let lock: JournalFile
  private var log: JournalFile
  private var generation: UInt64
  private var salt: UInt32 = 0
  private var sequence: UInt64 = 0
  private var offset = 0
  private var allocated = 0
  private var isPoisoned = false
  private var buffer: [UInt8] = []
  private var recovered: Ledger
  /// Bytes of an interrupted last write that opening dropped; they were never acknowledged.
  public let droppedBytes: Int

  /// Opens the journal in `directory` (created when missing), replays it, and begins a new log behind a new snapshot.
  public init(directory path: String, settings: Settings = Settings()) throws(JournalError) {
    let directory = JournalDirectory(path: path)
    try directory.create()
    let lock = try JournalFile(opening: path, flags: O_RDONLY | O_DIRECTORY)
    try lock.lock()
    let recovery = try JournalReader.recover(directory: path)
    let next = recovery.generation + 1
    let salt = UInt32.random(in: .min ... .max)
    let begun = try Self.prepare(next, recovery.ledger, salt: salt, settings: settings, in: directory)
    try Self.publish(next, in: directory)
    self.settings = settings
    self.directory = directory
    self.lock = lock
    log = begun
    generation = next
    self.salt = salt
    sequence = 1
    offset = JournalReader.headerFrameBytes
    allocated = max(settings.preallocationBytes, JournalReader.headerFrameBytes)
    recovered = recovery.ledger
    droppedBytes = recovery.droppedBytes
  }

  /// Whether the log has grown enough for a new snapshot.
  public var needsRotation: Bool { offset > settings.rotationBytes }

  /// The state that opening found, empty the first time. Call once: the writer keeps no copy.
  public mutating func takeLedger() -> Ledger {
    defer { recovered = Ledger() }
    return recovered
  }

  /// Writes the records as one group and waits until they are on disk. A group of up to 4096 records is there entirely
  /// or not at all after a crash; of a larger one some part from its beginning may be. After a failed write the writer
  /// accepts nothing more: nobody knows what the disk holds.
  public mutating func append(_ records: [Record]) throws(JournalError) {
    if isPoisoned { throw .poisoned }
    if records.isEmpty { return }
    buffer.removeAll(keepingCapacity: true)
    let frameCount = try Self.appendFrames(records, sequence: sequence, salt: salt, to: &buffer)
    do throws(JournalError) {
      try makeRoom(buffer.count)
      try log.write(buffer, at: offset)
      try log.syncData()
    } catch {
      isPoisoned = true
      throw error
    }
    offset += buffer.count
    sequence += frameCount
  }

  /// Appends as many frames as the records need; returns their number.
  private static func appendFrames(
    _ records: [Record], sequence: UInt64, salt: UInt32, to out: inout [UInt8]
  ) throws(JournalError) -> UInt64 {
    var frameCount: UInt64 = 0
    for start in stride(from: 0, to: records.count, by: recordsPerFrame) {
      let part = records[start..<min(start + recordsPerFrame, records.count)]
      let offset = out.count
      JournalFrame.append(.group, sequence: sequence + frameCount, salt: salt, to: &out) { out in
        for record in part { JournalCodec.encode(record, into: &out) }
        return part.count
      }
      if out.count - offset > JournalFrame.payloadBytesMax {
        throw .groupTooLarge(bytes: out.count - offset, records: part.count)
      }
      frameCount += 1
    }
    return frameCount
  }

  /// Writes a snapshot of `ledger`, which holds exactly what was appended so far, and begins a new log. When the
  /// snapshot cannot be written, the present log goes on and rotation may be tried again.
  public mutating func rotate(to ledger: Ledger) throws(JournalError) {
    if isPoisoned { throw .poisoned }
    let salt = UInt32.random(in: .min ... .max)
    let next = try Self.prepare(generation + 1, ledger, salt: salt, settings: settings, in: directory)
    do throws(JournalError) {
      try Self.publish(generation + 1, in: directory)
    } catch {
      // Recovery may begin with either generation now; neither may be appended to.
      isPoisoned = true
      throw error
    }
    log = next
    generation += 1
    self.salt = salt
    sequence = 1
    offset = JournalReader.headerFrameBytes
    allocated = max(settings.preallocationBytes, JournalReader.headerFrameBytes)
  }

  private mutating func makeRoom(_ bytes: Int) throws(JournalError) {
    guard offset + bytes > allocated else { return }
    let growth = max(settings.preallocationBytes, offset + bytes - allocated)
    try log.allocate(from: allocated, bytes: growth)
    allocated += growth
  }

  /// Writes snapshot and empty log of a generation, which recovery does not see yet.
  private static func prepare(
    _ generation: UInt64, _ ledger: Ledger, salt: UInt32, settings: Settings, in directory: JournalDirectory
  ) throws(JournalError) -> JournalFile {
    let unfinished = directory.unfinishedSnapshot(generation)
    try writeSnapshot(ledger, generation: generation, salt: salt, to: unfinished)
    let log = try JournalFile(opening: directory.log(generation), flags: O_RDWR | O_CREAT | O_TRUNC)
    var header: [UInt8] = []
    appendHeader(generation, salt: salt, to: &header)
    try log.allocate(from: 0, bytes: max(settings.preallocationBytes, header.count))
    try log.write(header, at: 0)
    try log.syncAll()
    try directory.sync()
    return log
  }

  /// Makes a prepared generation the one that recovery finds. The rename is the moment: before it recovery begins with
  /// the generation before, whose log is complete; after it with this one, whose log is in place.
  private static func publish(_ generation: UInt64, in directory: JournalDirectory) throws(JournalError) {
    try directory.rename(directory.unfinishedSnapshot(generation), to: directory.snapshot(generation))
    try directory.sync()
    directory.removeAll(but: generation)
  }

  private static func appendHeader(_ generation: UInt64, salt: UInt32, to out: inout [UInt8]) {
    JournalFrame.append(.header, sequence: 0, salt: 0, to: &out) { out in
      out.put(generation)
      out.put(salt)
      return 0
    }
    assert(out.count == JournalReader.headerFrameBytes)
  }

  private static func writeSnapshot(
    _ ledger: Ledger, generation: UInt64, salt: UInt32, to path: String
  ) throws(JournalError) {
    let file = try JournalFile(opening: path, flags: O_RDWR | O_CREAT | O_TRUNC)
    var out: [UInt8] = []
    var offset = 0
    var sequence: UInt64 = 1
    func flush() throws(JournalError) {
      try file.write(out, at: offset)
      offset += out.count
      out.removeAll(keepingCapacity: true)
    }
    appendHeader(generation, salt: salt, to: &out)
    for account in ledger.accounts {
      sequence += try appendFrames(account.records, sequence: sequence, salt: salt, to: &out)
      try flush()
    }
    JournalFrame.append(.counters, sequence: sequence, salt: salt, to: &out) { out in
      out.put(ledger.lastOrderNumber)
      out.put(ledger.lastTradeNumber)
      return 0
    }
    JournalFrame.append(.end, sequence: sequence + 1, salt: salt, to: &out) { _ in 0 }
    try flush()
    try file.syncAll()
  }
}

extension Account {
  /// Records that make this account when they are applied in order.
  fileprivate var records: [Record] {
    var opening = Record(user: user, time: funds.lastReset)
    opening.funds = funds
    func record(_ change: (inout Record) -> Void) -> Record {
      var record = Record(user: user, time: funds.lastReset)
      change(&record)
      return record
    }
    return [opening]
      + orders.map { order in record { $0.order = order } }
      + trades.map { trade in record { $0.trade = trade } }
      + positions.map { position in record { $0.position = position } }
      + holdings.map { holding in record { $0.holding = holding } }
  }
}
