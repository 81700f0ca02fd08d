import Logging
import Market
import Sandbox
import Synchronization
import TickRing

// The door to the engine thread: commands go in through a mailbox, answers come back when they are durable. Any
// thread may ask; asking suspends and never blocks. What the thread itself does is in EngineLoop.

/// What the engine thread needs of the rest of the process.
struct EngineSurroundings: Sendable {
  let registry: InstrumentRegistry
  let ring: TickRing
  let lastValues: LastValueTable
  let board: FeedBoard
  let wanted: any WantedSubscriptions
  let calendar: SessionCalendar
  let clock: any WallClock
  let logger: Logger
}

/// Bounds of the engine thread.
struct EngineLimits: Sendable {
  /// How long an order waits for the first price of its instrument, in nanoseconds.
  var quoteWaitNanos: Int64
  /// Orders that wait for a price at one time; further ones are decided at once.
  var quoteWaitsMax: Int
  /// Commands that are not answered yet.
  var commandsPendingMax: Int
}

/// The paper exchange as a thread.
final class EngineService: Sendable {
  let surroundings: EngineSurroundings
  let limits: EngineLimits
  let journal: JournalService
  /// Woken by commands and by `stop`.
  let waker: Waker
  /// Woken by the ring, while the engine needs ticks.
  let ringWaker = Waker()
  let commands: Mailbox<Command>
  let isStopping = Atomic<Bool>(false)
  /// Ticks that the engine did not see because it was lapped, and how often that happened.
  let ticksLost = Atomic<UInt64>(0)
  let laps = Atomic<UInt64>(0)

  private let rules: Rules
  /// Taken by the thread when it starts.
  private let recovered: Mutex<Ledger>
  private let pending = Atomic<Int>(0)
  /// False once the thread takes no more commands. Held while sending, so that none is sent after the last look.
  private let isOpen = Mutex(true)

  init(
    surroundings: EngineSurroundings, rules: Rules, ledger: Ledger, limits: EngineLimits, journal: JournalService
  ) {
    self.surroundings = surroundings
    self.rules = rules
    self.limits = limits
    self.journal = journal
    recovered = Mutex(ledger)
    waker = Waker()
    commands = Mailbox(waker: waker)
    surroundings.ring.register(ringWaker)
  }

  // MARK: Any thread

  /// The answer arrives when everything that the order brought about is on disk.
  func place(_ order: PlaceOrder, user: String) async -> Result<Reply, EngineUnavailable> {
    await answer { .place(order, user: user, $0) }
  }

  func cancel(orderID: String, user: String) async -> Result<Reply, EngineUnavailable> {
    await answer { .cancel(orderID: orderID, user: user, $0) }
  }

  /// Reads the engine between two commands. The result is handed over after everything that it may show is on disk,
  /// unless the journal has failed: then it shows what was in memory.
  func query<T: Sendable>(
    _ body: @escaping @Sendable (borrowing Engine, _ now: Int64) -> T
  ) async -> Result<T, EngineUnavailable> {
    await withPending { (continuation: CheckedContinuation<Result<T, EngineUnavailable>, Never>) in
      let command = Command.query { engine, now in
        let value = body(engine, now)
        return { continuation.resume(returning: .success(value)) }
      }
      if !send(command) { continuation.resume(returning: .failure(.stopping)) }
    }
  }

  private func answer(_ command: (CommandReply) -> Command) async -> Result<Reply, EngineUnavailable> {
    // Refused here, the commands of a broken gateway do not even wake the engine.
    if journal.isBroken { return .failure(.journalFailed) }
    return await withPending { continuation in
      if !send(command(continuation)) { continuation.resume(returning: .failure(.stopping)) }
    }
  }

  private func withPending<T: Sendable>(
    _ body: (CheckedContinuation<Result<T, EngineUnavailable>, Never>) -> Void
  ) async -> Result<T, EngineUnavailable> {
    let count = pending.add(1, ordering: .relaxed).newValue
    defer { pending.subtract(1, ordering: .relaxed) }
    if count > limits.commandsPendingMax { return .failure(.overloaded) }
    return await withCheckedContinuation(body)
  }

  private func send(_ command: Command) -> Bool {
    isOpen.withLock { isOpen in
      if isOpen { commands.send(command) }
      return isOpen
    }
  }

  // MARK: The thread

  /// The thread's body; returns after `stop`.
  func run() {
    let ledger = recovered.withLock { ledger in
      let taken = ledger
      ledger = Ledger()
      return taken
    }
    let engine = Engine(
      registry: surroundings.registry, calendar: surroundings.calendar, rules: rules, ledger: ledger)
    var loop = EngineLoop(service: self, engine: engine)
    loop.run()
  }

  /// Ends the thread: what has arrived is still carried out, what comes later is refused.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    waker.wake()
  }

  /// Engine thread: no command comes after this.
  func close() { isOpen.withLock { $0 = false } }
}
