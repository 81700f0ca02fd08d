import Market

/// Where a session's decoder writes: one tick and one deep book, made once.
final class TickMemory {
  let tick: UnsafeMutablePointer<Tick>
  let book: UnsafeMutablePointer<DeepBook>

  init() {
    tick = .allocate(capacity: 1)
    tick.initialize(to: Tick())
    book = .allocate(capacity: 1)
    book.initialize(to: DeepBook())
  }

  deinit {
    tick.deallocate()
    book.deallocate()
  }
}
