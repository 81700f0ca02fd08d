// The small tables behind the delivery: rates, admission, what paced clients leave behind, rows of subscriptions.

import Fanout
import Market
import Reactor
import TestSupport
import Testing

@Suite struct ServerBookkeepingTests {
  // MARK: ClientRates

  @Test func `a rate's next round is due an interval after the last`() {
    var rates = ClientRates()
    #expect(rates.number(intervalNanos: 100, used: 0) == 1)
    #expect(rates.number(intervalNanos: 30, used: 0b10) == 2)
    #expect(rates.number(intervalNanos: 100, used: 0b110) == 1)
    #expect(rates.due(1000) == 0b110 && rates.next(after: 1000) == .max)
    rates.served(0b10, 1000)
    #expect(rates.due(1000) == 0b100 && rates.next(after: 1000) == 1100)
    rates.served(0b100, 1010)
    #expect(rates.due(1039) == 0 && rates.next(after: 1039) == 1040)
    #expect(rates.due(1040) == 0b100 && rates.due(1100) == 0b110)
    // What has no rate is no business of the rates.
    rates.served(1, 5000)
    #expect(rates.due(1100) == 0b110)
  }

  @Test func `a place is taken over only when no subscription has its rate`() {
    var rates = ClientRates()
    for place in 1...3 { #expect(rates.number(intervalNanos: Int64(place), used: 0b1110) == UInt8(place)) }
    #expect(rates.number(intervalNanos: 4, used: 0b1110) == nil)
    rates.served(0b1110, 100)
    #expect(rates.number(intervalNanos: 4, used: 0b1010) == 2)
    #expect(rates.due(100) == 0b100)
    #expect(rates.number(intervalNanos: 2, used: 0b1110) == nil)
  }

  // MARK: Admission

  @Test func `the loop with the fewest connections is next`() {
    let admission = Admission(loops: 3, clientsMax: 100, perHostMax: 100)
    for expected in [0, 1, 2, 0, 1, 2] {
      #expect(admission.leastLoaded() == expected)
      admission.add(loop: admission.leastLoaded())
    }
    admission.remove(loop: 1)
    #expect(admission.leastLoaded() == 1)
  }

  @Test func `limits count all loops and each host, and what leaves makes room`() throws {
    let admission = Admission(loops: 2, clientsMax: 3, perHostMax: 2)
    let one = HostKey(try #require(SocketAddress(host: "192.0.2.1", port: 1)))
    let same = HostKey(try #require(SocketAddress(host: "192.0.2.1", port: 2)))
    let other = HostKey(try #require(SocketAddress(host: "192.0.2.2", port: 1)))
    #expect(one == same && one != other)
    for loop in [0, 1] {
      admission.add(loop: loop)
      #expect(admission.enter(host: one) == nil)
    }
    admission.add(loop: 0)
    #expect(admission.enter(host: same) == "too many connections from this address")
    #expect(admission.enter(host: other) == nil)
    admission.add(loop: 1)
    #expect(admission.enter(host: nil) == "too many connections")
    admission.remove(loop: 1)
    admission.leave(host: one)
    #expect(admission.enter(host: same) == nil)
    // More leave than came: nothing breaks.
    for _ in 0..<5 { admission.leave(host: other) }
    #expect(admission.enter(host: other) == nil && admission.enter(host: other) == nil)
    #expect(admission.enter(host: other) != nil)
  }

  // MARK: PacedSubscriptions

  @Test func `what a key left is there once, for its time`() {
    let paced = PacedSubscriptions()
    paced.keep([(instrument: 4, mode: .ltp), (instrument: 5, mode: .depth)], keyID: 1, nowNanos: 100, forNanos: 50)
    paced.keep([(instrument: 6, mode: .ltp)], keyID: 2, nowNanos: 100, forNanos: 50)
    #expect(paced.take(keyID: 3, nowNanos: 120).isEmpty)
    #expect(paced.take(keyID: 1, nowNanos: 149).map(\.instrument) == [4, 5])
    #expect(paced.take(keyID: 1, nowNanos: 149).isEmpty)
    #expect(paced.take(keyID: 2, nowNanos: 150).isEmpty)
  }

  @Test func `beyond the bound the key whose time ends first is forgotten`() {
    let paced = PacedSubscriptions()
    for key in 0..<PacedSubscriptions.keysMax {
      paced.keep([(instrument: 1, mode: .ltp)], keyID: Int64(key), nowNanos: 0, forNanos: 1000 - Int64(key % 100))
    }
    paced.keep([(instrument: 2, mode: .ltp)], keyID: 99, nowNanos: 0, forNanos: 2000)
    paced.keep([(instrument: 2, mode: .ltp)], keyID: -1, nowNanos: 0, forNanos: 2000)
    let left = (-1..<Int64(PacedSubscriptions.keysMax)).filter { !paced.take(keyID: $0, nowNanos: 1).isEmpty }
    #expect(left.count == PacedSubscriptions.keysMax)
    #expect(left.contains(-1) && left.contains(99))
  }

  // MARK: ClientSubscriptions

  @Test func `the parts of a row do not disturb each other`() {
    let seed = SeededGenerator.chosenSeed()
    var random = SeededGenerator(seed: seed)
    var row = ClientSubscription(key: 7, place: 0)
    var place: UInt32 = 0
    var rate: UInt8 = 0
    var isOwed = false
    var isSnapshot = false
    for _ in 0..<10_000 {
      switch Int.random(in: 0..<5, using: &random) {
      case 0:
        place = UInt32.random(in: 0..<(1 << 28), using: &random)
        row.place = place
      case 1:
        rate = UInt8.random(in: 0...3, using: &random)
        row.rate = rate
      case 2:
        isOwed.toggle()
        row.isOwed = isOwed
      case 3:
        isSnapshot.toggle()
        row.isSnapshot = isSnapshot
      default:
        row.clearOwed()
        isOwed = false
        isSnapshot = false
      }
      let isSame =
        row.key == 7 && row.place == place && row.rate == rate && row.isOwed == isOwed && row.isSnapshot == isSnapshot
      guard isSame else {
        Issue.record("seed \(seed)")
        return
      }
    }
  }

  private struct ModelRow: Equatable {
    var rate: UInt8 = 0
    var isOwed = false
    var isSnapshot = false
  }

  @Test func `the counts of what is owed agree with the rows after any changes`() throws {
    let seed = SeededGenerator.chosenSeed()
    var random = SeededGenerator(seed: seed)
    var table = ClientSubscriptions()
    defer { table.release() }
    var model: [UInt32: ModelRow] = [:]
    for step in 0..<20_000 {
      let key = UInt32.random(in: 0..<200, using: &random)
      guard let row = table.find(key) else {
        _ = table.insert(key, place: key)
        model[key] = ModelRow()
        continue
      }
      switch Int.random(in: 0..<8, using: &random) {
      case 0:
        table.remove(row)
        model[key] = nil
      case 1, 2:
        let isNew = table.owe(row)
        #expect(isNew == (model[key]?.isOwed == false))
        model[key]?.isOwed = true
      case 3:
        table.settle(row)
        model[key]?.isOwed = false
        model[key]?.isSnapshot = false
      default:
        let rate = UInt8.random(in: 0...3, using: &random)
        let wantsSnapshot = Bool.random(using: &random)
        table.change(row, rate: rate, wantsSnapshot: wantsSnapshot)
        model[key]?.rate = rate
        if wantsSnapshot {
          model[key]?.isOwed = true
          model[key]?.isSnapshot = true
        }
      }
      let owed = model.values.filter(\.isOwed)
      try #require(table.owedCount == owed.count, "seed \(seed), step \(step)")
      try #require(
        table.owedMask == owed.reduce(0) { $0 | 1 << ($1.isSnapshot ? 0 : $1.rate) }, "seed \(seed), step \(step)")
    }
    #expect(table.keys == model.keys.sorted(), "seed \(seed)")
    for (key, expected) in model {
      let found = table.find(key)
      let row = try #require(found).pointee
      #expect(ModelRow(rate: row.rate, isOwed: row.isOwed, isSnapshot: row.isSnapshot) == expected, "seed \(seed)")
      #expect(row.place == key, "seed \(seed)")
    }
  }

  @Test func `walking the rows from where the last walk ended visits each in turn`() throws {
    var table = ClientSubscriptions()
    defer { table.release() }
    let none = table.nextRow()
    #expect(none == nil)
    for key in 0..<20 { _ = table.insert(UInt32(key), place: 0) }
    for start in 0..<3 {
      for _ in 0..<start * 7 { _ = table.nextRow() }
      var seen: Set<UInt32> = []
      for _ in 0..<table.capacity {
        let row = table.nextRow()
        let key = try #require(row).pointee.key
        if key != ClientSubscription.emptyKey { seen.insert(key) }
      }
      #expect(seen == Set(0..<20))
    }
  }
}
