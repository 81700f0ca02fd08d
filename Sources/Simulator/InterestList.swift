// Which instruments somebody is subscribed to, and by how many connections. Loop thread only; memory is allocated
// once.

/// A set with counts that can be picked from by position.
struct InterestList {
  /// Instruments with a count above zero, in no order.
  private(set) var active: [UInt32] = []
  private var counts: [UInt32]
  private var places: [UInt32]

  init(instruments: Int) {
    counts = Array(repeating: 0, count: instruments)
    places = Array(repeating: 0, count: instruments)
    active.reserveCapacity(instruments)
  }

  mutating func add(_ instrument: UInt32) {
    counts[Int(instrument)] += 1
    guard counts[Int(instrument)] == 1 else { return }
    places[Int(instrument)] = UInt32(active.count)
    active.append(instrument)
  }

  mutating func remove(_ instrument: UInt32) {
    precondition(counts[Int(instrument)] > 0, "interest is balanced")
    counts[Int(instrument)] -= 1
    guard counts[Int(instrument)] == 0 else { return }
    // The last one takes its place.
    let place = Int(places[Int(instrument)])
    let moved = active.removeLast()
    guard moved != instrument else { return }
    active[place] = moved
    places[Int(moved)] = UInt32(place)
  }
}
