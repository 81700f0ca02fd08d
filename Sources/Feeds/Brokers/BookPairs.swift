// Sides of books that come one by one, as Dhan sends them: bids and asks of one moment are two packets of a message, and
// go on as one update. The first update of a subscription is a whole book, whatever it brings: a side of an earlier
// connection beside it would be a wrong one. Feed loop only; mapped memory, a byte per instrument.

import CLinux
import Market

package struct BookPairs: ~Copyable {
  private let count: Int
  /// Whether a book has been taken since its subscription, by instrument.
  private let isBegun: UnsafeMutableRawPointer
  /// The sides of one moment.
  private let pair: UnsafeMutablePointer<DeepBook>
  private var isEmpty = true

  /// - Parameter count: instruments, ids 0..<count.
  package init(count: Int) {
    self.count = max(count, 1)
    guard let memory = tg_map(self.count) else { fatalError("no memory for \(count) books") }
    isBegun = memory
    pair = .allocate(capacity: 1)
    pair.initialize(to: DeepBook())
  }

  deinit {
    tg_unmap(isBegun, count)
    pair.deallocate()
  }

  /// A new subscription of an instrument.
  package mutating func forget(_ instrument: UInt32) {
    if Int(instrument) < count { isBegun.storeBytes(of: false, toByteOffset: Int(instrument), as: Bool.self) }
  }

  /// A new connection.
  package mutating func forgetAll() {
    isBegun.initializeMemory(as: Bool.self, repeating: false, count: count)
    isEmpty = true
  }

  /// Whether the pair has to be taken before a side is put: it is of another instrument, or has that side already.
  package func isDone(before side: UnsafePointer<DeepBook>) -> Bool {
    !isEmpty
      && (pair.pointee.instrument != side.pointee.instrument || pair.pointee.sides & side.pointee.sides != 0)
  }

  package mutating func put(_ side: UnsafePointer<DeepBook>) {
    let sides = BookSides(rawValue: side.pointee.sides)
    if isEmpty {
      isEmpty = false
      pair.pointee.sides = 0
      pair.pointee.instrument = side.pointee.instrument
      pair.pointee.feed = side.pointee.feed
      pair.pointee.capacity = side.pointee.capacity
      pair.pointee.receivedTime = side.pointee.receivedTime
      pair.pointee.exchangeTime = side.pointee.exchangeTime
      pair.pointee.bidLevels = 0
      pair.pointee.askLevels = 0
    }
    pair.pointee.sides |= side.pointee.sides
    if sides.contains(.bids) {
      pair.pointee.bidLevels = side.pointee.bidLevels
      for level in 0..<Int(side.pointee.bidLevels) { pair.pointee.bids[level] = side.pointee.bids[level] }
    }
    if sides.contains(.asks) {
      pair.pointee.askLevels = side.pointee.askLevels
      for level in 0..<Int(side.pointee.askLevels) { pair.pointee.asks[level] = side.pointee.asks[level] }
    }
  }

  /// What has been put, nil for nothing. Valid until the next `put`.
  package mutating func take() -> UnsafeMutablePointer<DeepBook>? {
    if isEmpty { return nil }
    isEmpty = true
    let place = Int(pair.pointee.instrument)
    guard place < count else { return nil }
    if !isBegun.load(fromByteOffset: place, as: Bool.self) {
      isBegun.storeBytes(of: true, toByteOffset: place, as: Bool.self)
      pair.pointee.sides = BookSides([.bids, .asks]).rawValue
    }
    return pair
  }
}
