import Foundation
import Market
import Sandbox
import Testing

// The journal on disk: what was appended is there after a kill at any moment, what was being written is gone as a
// whole, and damage anywhere else is refused. A kill is simulated by cutting a copy of the log.

@Suite struct JournalTests {
  private static let settings = {
    var settings = JournalWriter.Settings()
    settings.preallocationBytes = 4096
    return settings
  }()

  /// Groups as an engine makes them, and the ledgers before the first and after each.
  private static func history(_ count: Int) -> (groups: [[Record]], ledgers: [Ledger]) {
    let desk = Desk()
    var groups: [[Record]] = []
    var ledgers = [desk.engine.ledger]
    var known = 0
    for index in 0..<count {
      desk.user = index % 3 == 0 ? "ravi" : "asha"
      desk.place(.buy, Int64(index + 1), quote: "100")
      if index % 2 == 0 { desk.place(.sell, 2, at: "101") }
      if index % 5 == 4 { desk.tick("SBIN", "102") }
      groups.append(Array(desk.log.records[known...]))
      known = desk.log.records.count
      ledgers.append(desk.engine.ledger)
    }
    return (groups, ledgers)
  }

  private func files(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
  }

  /// A journal with these groups; returns the path of its log.
  private func write(_ groups: [[Record]], to directory: String) throws -> String {
    var writer = try JournalWriter(directory: directory, settings: Self.settings)
    for group in groups { try writer.append(group) }
    return directory + "/log-1.tgj"
  }

  /// Offsets behind each frame of a log, the header's first.
  private func frameEnds(_ log: [UInt8]) -> [Int] {
    var ends: [Int] = []
    var offset = 0
    while offset + 24 <= log.count, Array(log[offset..<offset + 4]) == Array("TGJF".utf8) {
      offset += (24 + Int(word(log, offset + 4)) + 7) / 8 * 8
      ends.append(offset)
    }
    return ends
  }

  @Test func `The first opening makes an empty journal`() throws {
    try Fixtures.withTemporaryDirectory { directory in
      var writer = try JournalWriter(directory: directory, settings: Self.settings)
      let ledger = writer.takeLedger()
      let dropped = writer.droppedBytes
      #expect(ledger == Ledger() && dropped == 0)
      #expect(try files(directory) == ["log-1.tgj", "snapshot-1.tgs"])
    }
  }

  @Test func `What was appended is there after opening again, many times over`() throws {
    let (groups, ledgers) = Self.history(12)
    try Fixtures.withTemporaryDirectory { directory in
      for index in 0..<groups.count {
        var writer = try JournalWriter(directory: directory, settings: Self.settings)
        let ledger = writer.takeLedger()
        #expect(ledger == ledgers[index])
        try writer.append(groups[index])
      }
      let recovery = try JournalReader.recover(directory: directory)
      #expect(recovery.ledger == ledgers.last)
      #expect(recovery.groupCount == 1 && recovery.generation == 12)
      #expect(try files(directory) == ["log-12.tgj", "snapshot-12.tgs"])
    }
  }

  @Test func `Cut off at any byte, the log holds exactly the groups that were whole`() throws {
    let (groups, ledgers) = Self.history(8)
    try Fixtures.withTemporaryDirectory { directory in
      let log = try write(groups, to: directory)
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: log)))
      let ends = frameEnds(bytes)
      try #require(ends.count == groups.count + 1)
      // Backwards, so that each cut only shortens the file. The zeroes behind the last group need no cutting.
      for length in (0...ends.last!).reversed() {
        truncate(log, length)
        let recovery = try JournalReader.recover(directory: directory)
        let whole = max(0, ends.filter { $0 <= length }.count - 1)
        if recovery.groupCount != whole || recovery.ledger != ledgers[whole] {
          // Padding belongs to a frame but nothing is lost with it.
          let isPadding = recovery.groupCount == whole + 1 && ends[whole + 1] - length < 8
          #expect(isPadding && recovery.ledger == ledgers[whole + 1], "cut at byte \(length)")
        }
      }
    }
  }

  @Test func `A group of which the disk got only a later part is dropped`() throws {
    let (groups, ledgers) = Self.history(6)
    try Fixtures.withTemporaryDirectory { directory in
      let log = try write(groups, to: directory)
      var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: log)))
      let ends = frameEnds(bytes)
      let start = ends[ends.count - 2]
      for hole in [start..<start + 8, start..<start + 64, start + 40..<start + 48] {
        var torn = bytes
        torn.replaceSubrange(hole, with: [UInt8](repeating: 0, count: hole.count))
        try Data(torn).write(to: URL(fileURLWithPath: log))
        let recovery = try JournalReader.recover(directory: directory)
        #expect(recovery.ledger == ledgers[5])
        #expect(recovery.droppedBytes > 0)
      }
      bytes.append(contentsOf: [1, 2, 3])
      try Data(bytes).write(to: URL(fileURLWithPath: log))
      let recovery = try JournalReader.recover(directory: directory)
      #expect(recovery.ledger == ledgers[6] && recovery.droppedBytes > 0)
    }
  }

  @Test func `A changed byte before the last group is refused with file and offset`() throws {
    let (groups, _) = Self.history(4)
    try Fixtures.withTemporaryDirectory { directory in
      let log = try write(groups, to: directory)
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: log)))
      let ends = frameEnds(bytes)
      for offset in 0..<ends[ends.count - 2] {
        let frame = ends.firstIndex { $0 > offset }!
        let start = frame == 0 ? 0 : ends[frame - 1]
        var changed = bytes
        changed[offset] ^= 0x10
        try Data(changed).write(to: URL(fileURLWithPath: log))
        do {
          let recovery = try JournalReader.recover(directory: directory)
          // Only padding, which nothing depends on, may change unnoticed.
          #expect(recovery.groupCount == 4 && ends[frame] - offset < 8, "byte \(offset)")
        } catch let error as JournalError {
          guard case .corrupt(let path, let at, _) = error else { throw error }
          #expect(path == log && at == start, "byte \(offset)")
          #expect(error.description.contains("\(log) is damaged at byte \(start)"))
        }
      }
      // Opening refuses as well, and leaves everything as it was.
      var changed = bytes
      changed[ends[0] + 30] ^= 1
      try Data(changed).write(to: URL(fileURLWithPath: log))
      let before = try files(directory)
      #expect(throws: JournalError.self) { _ = try JournalWriter(directory: directory).droppedBytes }
      #expect(try files(directory) == before)
    }
  }

  @Test func `A damaged or missing snapshot is refused`() throws {
    let (groups, _) = Self.history(4)
    try Fixtures.withTemporaryDirectory { directory in
      _ = try write(groups, to: directory)
      do { _ = try JournalWriter(directory: directory, settings: Self.settings).droppedBytes }
      let path = directory + "/snapshot-2.tgs"
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      for offset in stride(from: 0, to: bytes.count, by: 7) {
        try Data(bytes[..<offset]).write(to: URL(fileURLWithPath: path))
        #expect(throws: JournalError.self, "cut at \(offset)") {
          _ = try JournalReader.recover(directory: directory)
        }
      }
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      #expect(try JournalReader.recover(directory: directory).groupCount == 0)
      unlink(directory + "/log-2.tgj")
      #expect(throws: JournalError.self) { _ = try JournalReader.recover(directory: directory) }
    }
    try Fixtures.withTemporaryDirectory { directory in
      _ = try write(groups, to: directory)
      unlink(directory + "/snapshot-1.tgs")
      #expect(throws: JournalError.self) { _ = try JournalReader.recover(directory: directory) }
    }
  }

  @Test func `A rotation that was interrupted at any point loses nothing`() throws {
    let (groups, ledgers) = Self.history(6)
    try Fixtures.withTemporaryDirectory { directory in
      let log = try write(groups, to: directory)
      // The new generation before it was published: an unfinished snapshot and a log that nothing refers to.
      try Data([1, 2, 3]).write(to: URL(fileURLWithPath: directory + "/snapshot-2.tmp"))
      try Data([UInt8](try Data(contentsOf: URL(fileURLWithPath: log)))[..<20])
        .write(to: URL(fileURLWithPath: directory + "/log-2.tgj"))
      #expect(try JournalReader.recover(directory: directory).ledger == ledgers.last)
      do { _ = try JournalWriter(directory: directory, settings: Self.settings).droppedBytes }
      #expect(try files(directory) == ["log-2.tgj", "snapshot-2.tgs"])
      // And after it was published, before the old one was removed.
      try Data([9]).write(to: URL(fileURLWithPath: directory + "/log-1.tgj"))
      try Data([9]).write(to: URL(fileURLWithPath: directory + "/snapshot-1.tgs"))
      #expect(try JournalReader.recover(directory: directory).ledger == ledgers.last)
    }
    try Fixtures.withTemporaryDirectory { directory in
      // The very first start, interrupted.
      do { _ = try JournalWriter(directory: directory, settings: Self.settings).droppedBytes }
      unlink(directory + "/snapshot-1.tgs")
      #expect(try JournalReader.recover(directory: directory).ledger == Ledger())
    }
  }

  @Test func `The log rotates when it has grown, and goes on behind the snapshot`() throws {
    let (groups, ledgers) = Self.history(30)
    var settings = Self.settings
    settings.rotationBytes = 3000
    try Fixtures.withTemporaryDirectory { directory in
      var rotations = 0
      do {
        var writer = try JournalWriter(directory: directory, settings: settings)
        for (index, group) in groups.enumerated() {
          try writer.append(group)
          if writer.needsRotation {
            try writer.rotate(to: ledgers[index + 1])
            rotations += 1
          }
        }
      }
      #expect(rotations > 1)
      let recovery = try JournalReader.recover(directory: directory)
      #expect(recovery.ledger == ledgers.last)
      #expect(recovery.generation == UInt64(rotations + 1))
    }
  }

  @Test func `Counters survive a snapshot that forgot their orders`() throws {
    let desk = Desk()
    desk.place(.buy, 1, quote: "100")
    desk.place(.sell, 1)
    desk.now = clock(10, 0, day: 18)
    let ledger = desk.engine.checkpoint(now: desk.now)
    #expect(ledger.account("asha")?.orders.isEmpty == true)
    try Fixtures.withTemporaryDirectory { directory in
      do {
        var writer = try JournalWriter(directory: directory, settings: Self.settings)
        try writer.rotate(to: ledger)
      }
      let recovered = try JournalReader.recover(directory: directory).ledger
      #expect(recovered == ledger)
      let again = Desk(ledger: recovered)
      again.place(.buy, 1, quote: "100")
      #expect(again.orders[0].orderID.text == "26081700000003")
      #expect(again.trades[0].tradeID.hasSuffix("-00000003"))
    }
  }

  @Test func `A second process is kept out`() throws {
    try Fixtures.withTemporaryDirectory { directory in
      let writer = try JournalWriter(directory: directory, settings: Self.settings)
      #expect(throws: JournalError.inUse(path: directory)) {
        _ = try JournalWriter(directory: directory, settings: Self.settings).droppedBytes
      }
      #expect(writer.droppedBytes == 0)
    }
  }

  @Test func `A directory that cannot be made is named`() {
    #expect(throws: JournalError.system(call: "mkdir", path: "/nowhere/at/all", errno: ENOENT)) {
      _ = try JournalWriter(directory: "/nowhere/at/all").droppedBytes
    }
  }

  @Test func `A group too large for a frame is refused whole, and the journal goes on`() throws {
    let (groups, _) = Self.history(1)
    try Fixtures.withTemporaryDirectory { directory in
      do {
        var writer = try JournalWriter(directory: directory, settings: Self.settings)
        var large = groups[0][0]
        large.order?.rejectionReason = String(repeating: "x", count: 60_000)
        do throws(JournalError) {
          try writer.append([Record](repeating: large, count: 300))
          Issue.record("the group was accepted")
        } catch {
          guard case .groupTooLarge(let bytes, 300) = error else { throw error }
          #expect(bytes > 18_000_000)
        }
        try writer.append([])
        try writer.append(groups[0])
      }
      #expect(try JournalReader.recover(directory: directory).groupCount == 1)
    }
  }

  @Test func `A group of very many records is written in several frames`() throws {
    let (groups, ledgers) = Self.history(3)
    try Fixtures.withTemporaryDirectory { directory in
      do {
        var writer = try JournalWriter(directory: directory, settings: Self.settings)
        try writer.append(groups[0] + [Record](repeating: Record(user: "ravi", time: 0), count: 10_000) + groups[1])
        try writer.append(groups[2])
      }
      let recovery = try JournalReader.recover(directory: directory)
      #expect(recovery.ledger == ledgers.last && recovery.groupCount == 4)
    }
  }

  @Test func `Each log has a salt of its own`() throws {
    try Fixtures.withTemporaryDirectory { directory in
      var writer = try JournalWriter(directory: directory, settings: Self.settings)
      let first = try Data(contentsOf: URL(fileURLWithPath: directory + "/log-1.tgj"))
      try writer.rotate(to: Ledger())
      let second = try Data(contentsOf: URL(fileURLWithPath: directory + "/log-2.tgj"))
      #expect(first[32..<36] != second[32..<36])
    }
  }

  @Test func `Frames carry a Castagnoli checksum that is seeded by the log`() throws {
    let (groups, _) = Self.history(2)
    try Fixtures.withTemporaryDirectory { directory in
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: try write(groups, to: directory))))
      let ends = frameEnds(bytes)
      for (index, end) in ends.enumerated() {
        let start = index == 0 ? 0 : ends[index - 1]
        let head = bitwiseChecksum(bytes[start..<start + 20], seed: index == 0 ? 0 : word(bytes, 32))
        let payload = bytes[start + 24..<start + 24 + Int(word(bytes, start + 4))]
        #expect(word(bytes, start + 20) == bitwiseChecksum(payload, seed: head) && end > start)
      }
      #expect(bitwiseChecksum(ArraySlice("123456789".utf8), seed: 0) == 0xE306_9283)
    }
  }

  /// The checksum in its plainest form, to check the tables against.
  private func bitwiseChecksum(_ bytes: ArraySlice<UInt8>, seed: UInt32) -> UInt32 {
    var value = ~seed
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? (value >> 1) ^ 0x82F6_3B78 : value >> 1 }
    }
    return ~value
  }

  /// A little-endian number of four bytes.
  private func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
    var value: UInt32 = 0
    for index in 0..<4 { value |= UInt32(bytes[offset + index]) << UInt32(8 * index) }
    return value
  }
}
