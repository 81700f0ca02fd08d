// The subscription index against a plain model, and its memory.

import Fanout
import Market
import TestSupport
import Testing
import TickRing

@Suite struct ServerSubscriptionIndexTests {
  private static func index(instruments: Int, clients: Int) -> SubscriptionIndex {
    SubscriptionIndex(
      instrumentCount: instruments, clientsMax: clients, lastValues: LastValueTable(count: instruments))
  }

  @Test func `only the first and the last subscriber of an instrument and mode are told upstream`() {
    let index = Self.index(instruments: 4, clients: 8)
    for client in 0..<5 { index.add(client: UInt32(client), 2, .quote, flags: []) }
    index.add(client: 0, 2, .quote, flags: .sequence)
    index.add(client: 0, 2, .depth, flags: [])
    #expect(index.takeWants() == [Want(2, .quote, delta: 1), Want(2, .depth, delta: 1)])
    for client in 0..<4 { #expect(index.remove(client: UInt32(client), 2, .quote)) }
    #expect(!index.remove(client: 0, 2, .quote))
    #expect(index.takeWants().isEmpty && index.subscribers(2, .quote) == [4])
    index.removeAll(client: 4)
    index.removeAll(client: 0)
    #expect(index.takeWants() == [Want(2, .quote, delta: -1), Want(2, .depth, delta: -1)])
    #expect(index.count == 0)
  }

  @Test func `a new subscriber is past what is known already`() {
    let values = LastValueTable(count: 2)
    var sequencer = TickSequencer(ring: TickRing(capacity: 16), lastValues: values)
    let index = SubscriptionIndex(instrumentCount: 2, clientsMax: 2, lastValues: values)
    #expect(index.add(client: 0, 1, .ltp, flags: .sequence) == 0)
    for mode in [Mode.ltp, .quote] {
      var tick = exampleTick(1, mode)
      sequencer.submit(&tick, publishedNanos: 1)
    }
    // The loop has not handed these two to the first subscriber, so the second gets them as well.
    #expect(index.add(client: 1, 1, .ltp, flags: .sequence) == 0)
    #expect(index.add(client: 1, 1, .quote, flags: .sequence) == 1)
    #expect(index.add(client: 1, 1, .depth, flags: .sequence) == 0)
  }

  @Test func `random changes agree with a plain model`() {
    let seed = SeededGenerator.chosenSeed()
    var random = SeededGenerator(seed: seed)
    let instruments = 40
    let clients = 30
    let index = Self.index(instruments: instruments, clients: clients)
    var model: [Set<Int>] = Array(repeating: [], count: clients)
    var wanted: [Int: Int] = [:]
    for step in 0..<60_000 {
      let client = Int.random(in: 0..<clients, using: &random)
      let key = Int.random(in: 0..<(instruments * 3), using: &random)
      let mode = Mode.allCases[key % 3]
      switch Int.random(in: 0..<100, using: &random) {
      case 0:
        index.removeAll(client: UInt32(client))
        model[client] = []
      case 1..<55:
        index.add(client: UInt32(client), UInt32(key / 3), mode, flags: step % 2 == 0 ? .sequence : [])
        model[client].insert(key)
      default:
        let was = model[client].remove(key) != nil
        #expect(index.remove(client: UInt32(client), UInt32(key / 3), mode) == was, "seed \(seed)")
      }
      for want in index.takeWants() {
        wanted[Int(want.instrument) * 3 + want.mode.index, default: 0] += Int(want.delta)
      }
      guard step % 997 == 0 else { continue }
      #expect(index.count == model.reduce(0) { $0 + $1.count }, "seed \(seed)")
      for client in 0..<clients {
        let keys = index.subscriptions(client: UInt32(client)).map { Int($0.instrument) * 3 + $0.mode.index }
        #expect(keys == model[client].sorted(), "seed \(seed)")
      }
      for key in 0..<(instruments * 3) {
        let expected = (0..<clients).filter { model[$0].contains(key) }.map { UInt32($0) }
        #expect(index.subscribers(UInt32(key / 3), Mode.allCases[key % 3]).sorted() == expected, "seed \(seed)")
        #expect(wanted[key, default: 0] == (expected.isEmpty ? 0 : 1), "seed \(seed)")
      }
    }
  }

  @Test func `flags and client numbers share an entry without touching each other`() {
    let client = UInt32(SubscriptionIndex.clientsMax - 1)
    let index = Self.index(instruments: 1, clients: SubscriptionIndex.clientsMax)
    for flags in [EntryFlags.sequence, EntryFlags(rawValue: EntryFlags.bits), []] {
      index.add(client: client, 0, .ltp, flags: flags)
      index.add(client: 0, 0, .ltp, flags: flags)
      #expect(index.subscribers(0, .ltp).sorted() == [0, client])
      #expect(index.flags(client: client, 0, .ltp) == flags && index.flags(client: 0, 0, .ltp) == flags)
    }
    index.remove(client: client, 0, .ltp)
    #expect(index.flags(client: client, 0, .ltp) == nil && index.count == 1)
  }

  @Test func `what grew gives its memory back when it shrinks`() {
    let index = Self.index(instruments: 10, clients: 5000)
    let empty = index.memoryBytes
    for client in 0..<5000 { index.add(client: UInt32(client), 3, .ltp, flags: []) }
    let full = index.memoryBytes
    for client in 0..<4990 { index.removeAll(client: UInt32(client)) }
    #expect(index.subscribers(3, .ltp).sorted() == (4990..<5000).map { UInt32($0) })
    #expect(index.memoryBytes < empty + (full - empty) / 50)
    for client in 4990..<5000 { index.removeAll(client: UInt32(client)) }
    #expect(index.memoryBytes == empty && index.count == 0)
  }

  @Test(arguments: [(250, 4000), (1000, 1000), (10_000, 100)])
  func `a million subscriptions take at most 24 MB`(clients: Int, each: Int) {
    let instruments = 20_000
    let index = Self.index(instruments: instruments, clients: clients)
    for client in 0..<clients {
      for number in 0..<each {
        let key = (client * 7919 + number) % (instruments * 3)
        index.add(client: UInt32(client), UInt32(key / 3), Mode.allCases[key % 3], flags: [])
      }
    }
    #expect(index.count == 1_000_000)
    #expect(index.memoryBytes <= 24_000_000, "\(index.memoryBytes)")
  }
}
