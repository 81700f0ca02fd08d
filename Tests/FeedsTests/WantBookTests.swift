import Feeds
import Market
import Testing

@Suite struct WantBookTests {
  @Test func `references count and the highest mode rules`() {
    var book = WantBook(count: 10)
    let first = book.apply(Want(3, .ltp, delta: 1))
    #expect(first && book.mode(of: 3) == .ltp)
    _ = book.apply(Want(3, .depth, delta: 1))
    _ = book.apply(Want(3, .ltp, delta: 1))
    let (mode, references) = (book.mode(of: 3), book.references(3, .ltp))
    #expect(mode == .depth && references == 2)
    _ = book.apply(Want(3, .depth, delta: -1))
    let lowered = book.mode(of: 3)
    #expect(lowered == .ltp)
    _ = book.apply(Want(3, .ltp, delta: -1))
    _ = book.apply(Want(3, .ltp, delta: -1))
    let ended = book.mode(of: 3)
    #expect(ended == nil)
    let (extra, unknown) = (book.apply(Want(3, .ltp, delta: -1)), book.apply(Want(10, .ltp, delta: 1)))
    #expect(!extra && !unknown)
    let unbalanced = book.unbalanced
    #expect(unbalanced == 2)
  }
}
