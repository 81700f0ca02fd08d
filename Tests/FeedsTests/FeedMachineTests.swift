import Feeds
import Market
import TestSupport
import Testing

private let second: Int64 = 1_000_000_000

@Suite struct FeedMachineTests {
  private func opened() -> FeedMachine {
    var machine = FeedMachine(seed: 1)
    #expect(machine.on(.start, now: 0) == [.open])
    #expect(machine.on(.connected, now: 1).isEmpty)
    #expect(machine.on(.opened, now: 2) == [.replay])
    return machine
  }

  @Test func `the way up ends live with the first sign of life`() {
    var machine = opened()
    #expect(machine.state == .subscribing)
    #expect(machine.on(.alive, now: 3).isEmpty)
    #expect(machine.state == .live && machine.reason == nil)
  }

  @Test func `a mute but living feed is quiet, and live again with data`() {
    var machine = opened()
    _ = machine.on(.payload, now: 3)
    _ = machine.on(.alive, now: 6 * second)
    _ = machine.on(.sweep, now: 6 * second)
    #expect(machine.state == .quiet)
    _ = machine.on(.alive, now: 7 * second)
    #expect(machine.state == .quiet, "a heartbeat is no data")
    _ = machine.on(.payload, now: 8 * second)
    #expect(machine.state == .live)
  }

  @Test func `a connection without any byte is given up and retried`() {
    var machine = opened()
    _ = machine.on(.payload, now: 3)
    #expect(machine.on(.sweep, now: 9 * second).isEmpty)
    #expect(machine.on(.sweep, now: 11 * second) == [.hangUp])
    #expect(machine.state == .reconnecting && machine.reason == .stall)
    #expect(machine.on(.sweep, now: 11 * second + 100).isEmpty, "not at once")
    #expect(machine.on(.sweep, now: 12 * second) == [.open])
  }

  @Test func `a refused login waits for other credentials however long it takes`() {
    var machine = FeedMachine(seed: 1)
    _ = machine.on(.start, now: 0)
    _ = machine.on(.connected, now: 1)
    #expect(machine.on(.refused(status: 403, retryAfterSeconds: nil), now: 2) == [.hangUp])
    #expect(machine.state == .authFailed && machine.reason == .auth)
    for minute in 1..<600 {
      let actions = machine.on(.sweep, now: Int64(minute) * 60 * second)
      #expect(actions == [.checkCredentials])
    }
    #expect(machine.on(.credentialsChanged, now: 601 * 60 * second) == [.hangUp, .open])
  }

  @Test func `too many attempts are answered by at least the wait that was asked for`() {
    var machine = FeedMachine(seed: 1)
    _ = machine.on(.start, now: 0)
    _ = machine.on(.refused(status: 429, retryAfterSeconds: 120), now: 0)
    #expect(machine.reason == .limit)
    #expect(machine.on(.sweep, now: 119 * second).isEmpty)
    #expect(machine.on(.sweep, now: 121 * second) == [.open])
  }

  @Test func `the wait doubles up to a minute and starts over after data`() {
    var machine = FeedMachine(seed: 7)
    var now: Int64 = 0
    _ = machine.on(.start, now: now)
    var waits: [Int64] = []
    for _ in 0..<12 {
      let lostAt = now
      _ = machine.on(.lost(.network), now: now)
      while machine.on(.sweep, now: now) != [.open] { now += second / 20 }
      waits.append(now - lostAt)
    }
    #expect(waits[0] <= second && waits[11] >= 30 * second)
    #expect(waits.allSatisfy { $0 <= 60 * second + second / 20 })
    _ = machine.on(.connected, now: now)
    _ = machine.on(.opened, now: now)
    _ = machine.on(.payload, now: now)
    _ = machine.on(.lost(.network), now: now)
    #expect(machine.on(.sweep, now: now + second) == [.open])
  }

  /// Whatever happens in whatever order: never two attempts without a hang-up or loss between them, no attempt after
  /// a refused login until credentials changed, every opened connection replays, and stop ends it.
  @Test func `random histories keep the promises`() {
    let seed = SeededGenerator.chosenSeed()
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<2000 {
      var machine = FeedMachine(seed: generator.next())
      var now: Int64 = 0
      var isConnecting = false
      for _ in 0..<60 {
        now += Int64.random(in: 0..<20 * second, using: &generator)
        let events: [FeedMachine.Event] = [
          .start, .connected, .opened, .refused(status: 403, retryAfterSeconds: nil),
          .refused(status: 500, retryAfterSeconds: 3), .alive, .payload, .lost(.network), .sweep, .sweep,
          .credentialsMissing, .credentialsChanged,
        ]
        let event = events[Int.random(in: 0..<events.count, using: &generator)]
        let before = machine.state
        let actions = machine.on(event, now: now)
        if actions.contains(.hangUp) { isConnecting = false }
        if actions.contains(.open) {
          #expect(!isConnecting, "seed \(seed): two attempts at once after \(event) in \(before)")
          if before == .authFailed { #expect(event == .credentialsChanged, "seed \(seed)") }
          isConnecting = true
        }
        if event == .opened, before == .authenticating || before == .connecting {
          #expect(actions == [.replay], "seed \(seed)")
        }
      }
      _ = machine.on(.stop, now: now)
      #expect(machine.state == .closed)
      #expect(machine.on(.sweep, now: now + 3600 * second).isEmpty)
    }
  }
}
