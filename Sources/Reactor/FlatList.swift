/// A list of trivial elements that keeps its memory when it is emptied, so that appending allocates only up to the
/// high-water mark. One thread only.
struct FlatList<Element: BitwiseCopyable>: ~Copyable {
  private var elements: UnsafeMutablePointer<Element>
  private var capacity: Int
  private(set) var count = 0

  init(capacity: Int) {
    precondition(capacity > 0)
    self.capacity = capacity
    elements = .allocate(capacity: capacity)
  }

  deinit { elements.deallocate() }

  subscript(index: Int) -> Element {
    assert(index >= 0 && index < count)
    return elements[index]
  }

  mutating func append(_ element: Element) {
    if count == capacity { grow() }
    (elements + count).initialize(to: element)
    count &+= 1
  }

  /// Removes elements from the front.
  mutating func dropFirst(_ number: Int) {
    assert(number >= 0 && number <= count)
    if number == 0 { return }
    count &-= number
    if count > 0 { elements.update(from: elements + number, count: count) }
  }

  mutating func removeAll() { count = 0 }

  @inline(never)
  private mutating func grow() {
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: 2 * capacity)
    larger.initialize(from: elements, count: count)
    elements.deallocate()
    elements = larger
    capacity *= 2
  }
}
