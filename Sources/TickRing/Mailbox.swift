import Synchronization

/// Control messages from any thread to the one that owns the mailbox, in order. Never on the tick path: an empty
/// mailbox costs its owner one relaxed load, a message a short lock.
public final class Mailbox<Message: Sendable>: Sendable {
  private let messages = Mutex<[Message]>([])
  private let isFilled = Atomic<Bool>(false)
  private let waker: Waker

  /// - Parameter waker: wakes the owner.
  public init(waker: Waker) { self.waker = waker }

  public func send(_ message: Message) {
    messages.withLock { $0.append(message) }
    isFilled.store(true, ordering: .releasing)
    waker.wake()
  }

  public var isEmpty: Bool { !isFilled.load(ordering: .acquiring) }

  /// Owner only: everything that has arrived.
  public func takeAll() -> [Message] {
    guard isFilled.exchange(false, ordering: .acquiringAndReleasing) else { return [] }
    return messages.withLock { list in
      let taken = list
      list = []
      return taken
    }
  }
}
