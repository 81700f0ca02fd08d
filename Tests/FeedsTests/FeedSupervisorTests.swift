import Feeds
import Market
import TestSupport
import Testing

private let second: Int64 = 1_000_000_000

private func supervisor(sockets: Int = 1, total: Int = 100, perHour: Int = 60) -> FeedSupervisor {
  var capability = FeedCapability(
    limits: SocketLimits(total: total), socketsMax: sockets, instrumentsPerMessage: 100, messagesPerSecond: 100,
    modeChange: .modeMessage(initial: .quote))
  capability.connectsPerHour = perHour
  return FeedSupervisor(capability: capability, lingerNanos: 0, seed: 1)
}

extension FeedSupervisor {
  fileprivate mutating func sweep(_ now: Int64, inSession: UInt64 = .max, isDay: Bool = true) -> [Action] {
    on(.sweep(inSession: inSession, isDay: isDay), now: now)
  }

  /// Brings socket 0 up and subscribes one instrument.
  fileprivate mutating func bringUp(now: Int64 = 0) {
    _ = on(.want(1, .quote, isIndex: false), now: now)
    _ = on(.start, now: now)
    _ = on(.access(shard: 0, attempt: 1, nil), now: now)
    _ = on(.connected(shard: 0), now: now)
    _ = on(.opened(shard: 0), now: now)
    _ = on(.alive(shard: 0), now: now)
    _ = messages(now: now)
  }
}

@Suite struct FeedSupervisorTests {
  @Test func `the way up`() {
    var feed = supervisor()
    #expect(feed.state == .closed)
    #expect(feed.on(.start, now: 0) == [.ask(shard: 0, attempt: 1, isRefused: false)])
    #expect(feed.state == .connecting)
    #expect(feed.on(.access(shard: 0, attempt: 1, nil), now: 1) == [.connect(shard: 0)])
    #expect(feed.on(.connected(shard: 0), now: 2).isEmpty && feed.state == .authenticating)
    #expect(feed.on(.opened(shard: 0), now: 3).isEmpty && feed.state == .subscribing)
    #expect(feed.on(.alive(shard: 0), now: 4).isEmpty && feed.state == .live && feed.reason == .none)
  }

  @Test func `an answer to an attempt of the past means nothing`() {
    var feed = supervisor()
    _ = feed.on(.start, now: 0)
    #expect(feed.on(.access(shard: 0, attempt: 7, nil), now: 1).isEmpty && feed.state == .connecting)
  }

  @Test func `a connection without any byte is given up`() {
    var feed = supervisor()
    feed.bringUp()
    #expect(feed.sweep(14 * second).isEmpty)
    #expect(feed.sweep(15 * second).contains(.hangUp(shard: 0)))
    #expect(feed.state == .reconnecting && feed.reason == .stall)
    #expect(feed.sweep(15 * second + 1).isEmpty, "not at once")
    #expect(feed.sweep(16 * second) == [.ask(shard: 0, attempt: 2, isRefused: false)])
  }

  /// Else a broker that stays mute would be usable again and again, and nobody would take over.
  @Test func `after a mute connection a new one is live with its first data only`() {
    var feed = supervisor()
    feed.bringUp()
    var now: Int64 = 0
    while !feed.sweep(now).contains(.hangUp(shard: 0)), now < 200 * second {
      now += second
      _ = feed.on(.alive(shard: 0), now: now)
    }
    now += second
    #expect(feed.sweep(now) == [.ask(shard: 0, attempt: 2, isRefused: false)])
    _ = feed.on(.access(shard: 0, attempt: 2, nil), now: now)
    _ = feed.on(.connected(shard: 0), now: now)
    _ = feed.on(.opened(shard: 0), now: now)
    _ = feed.sweep(now)
    _ = feed.on(.alive(shard: 0), now: now)
    #expect(feed.state == .stale, "that nothing is subscribed yet proves nothing")
    _ = feed.messages(now: now)
    _ = feed.on(.alive(shard: 0), now: now)
    #expect(feed.state == .stale && feed.reason == .stall)
    var empty = feed
    _ = empty.on(.want(1, nil, isIndex: false), now: now)
    _ = empty.messages(now: now + second)
    _ = empty.sweep(now + 2 * second)
    _ = empty.on(.alive(shard: 0), now: now + 2 * second)
    #expect(empty.state.isUsable, "what carries nothing has nothing to say")
    var closed = feed
    _ = closed.sweep(now, inSession: 0)
    _ = closed.on(.alive(shard: 0), now: now)
    #expect(closed.state.isUsable, "silence is no fault outside of a session")
    _ = feed.on(.payload(shard: 0, ticks: 1), now: now)
    #expect(feed.state == .live && feed.reason == .none)
  }

  /// Data every 250 ms, then none, while heartbeats go on: what users call connected but mute.
  @Test func `a mute feed is quiet, then stale, then connected anew`() {
    var feed = supervisor()
    feed.bringUp()
    var now: Int64 = 0
    for _ in 0..<100 {
      now += second / 4
      _ = feed.on(.payload(shard: 0, ticks: 10), now: now)
    }
    let last = now
    var states: [FeedState] = []
    var hungUpAt: Int64 = 0
    while hungUpAt == 0, now < last + 60 * second {
      now += second / 10
      _ = feed.on(.alive(shard: 0), now: now)
      if feed.sweep(now).contains(.hangUp(shard: 0)) { hungUpAt = now }
      if states.last != feed.state { states.append(feed.state) }
    }
    #expect(states == [.live, .quiet, .stale, .reconnecting] && feed.reason == .stall)
    #expect((10 * second...11 * second).contains(hungUpAt - last), "\(hungUpAt - last) ns")
  }

  @Test func `on a holiday that no calendar knows, snapshots alone make no storm`() {
    var feed = supervisor(perHour: 1000)
    _ = feed.on(.want(1, .quote, isIndex: false), now: 0)
    var actions = feed.on(.start, now: 0)
    var attempts = 0
    var snapshotsAt: [Int64] = []
    for now in stride(from: Int64(0), through: 10 * 3600 * second, by: Int(second / 4)) {
      actions += feed.sweep(now)
      for action in actions {
        guard case .ask(let shard, let attempt, _) = action else { continue }
        attempts += 1
        _ = feed.on(.access(shard: shard, attempt: attempt, nil), now: now)
        _ = feed.on(.connected(shard: shard), now: now)
        _ = feed.on(.opened(shard: shard), now: now)
        _ = feed.on(.alive(shard: shard), now: now)
        // One after the subscription, one after the mode, and one more.
        snapshotsAt = [1, 2, 4].map { now + $0 * second / 4 }
      }
      actions = []
      _ = feed.messages(now: now)
      if snapshotsAt.contains(now) { _ = feed.on(.payload(shard: 0, ticks: 1), now: now) }
      // The peer answers pings.
      if now % (5 * second) == 0 { _ = feed.on(.alive(shard: 0), now: now) }
    }
    #expect(attempts > 20 && attempts < 100, "\(attempts) attempts in ten hours")
  }

  @Test func `outside the session silence is no fault`() {
    var feed = supervisor()
    feed.bringUp()
    for step in 1...40 { _ = feed.on(.payload(shard: 0, ticks: 1), now: Int64(step) * second / 4) }
    for minute in 1...600 {
      let now = Int64(minute) * 60 * second
      for part in 0..<10 {
        _ = feed.on(.alive(shard: 0), now: now + Int64(part) * 6 * second)
        #expect(feed.sweep(now + Int64(part) * 6 * second, inSession: 0, isDay: false).isEmpty)
      }
    }
    #expect(feed.state == .quiet)
  }

  @Test func `a rate that falls to a few percent of what it was is a fault, once`() {
    var feed = supervisor()
    feed.bringUp()
    var now: Int64 = 0
    func run(_ feed: inout FeedSupervisor, seconds: Int, ticks: Int) -> Bool {
      for _ in 0..<seconds * 4 {
        now += second / 4
        _ = feed.on(.payload(shard: 0, ticks: ticks), now: now)
        if feed.sweep(now).contains(.hangUp(shard: 0)) { return true }
      }
      return false
    }
    #expect(!run(&feed, seconds: 120, ticks: 100))
    #expect(run(&feed, seconds: 60, ticks: 2))
    #expect(feed.reason == .stall)
    now += 5 * second
    #expect(feed.sweep(now) == [.ask(shard: 0, attempt: 2, isRefused: false)])
    _ = feed.on(.access(shard: 0, attempt: 2, nil), now: now)
    _ = feed.on(.connected(shard: 0), now: now)
    _ = feed.on(.opened(shard: 0), now: now)
    _ = feed.messages(now: now)
    #expect(!run(&feed, seconds: 600, ticks: 2), "this is how it is now")
  }

  @Test func `a refused login waits for other credentials, however long it takes`() {
    var feed = supervisor()
    _ = feed.on(.start, now: 0)
    _ = feed.on(.access(shard: 0, attempt: 1, nil), now: 1)
    _ = feed.on(.connected(shard: 0), now: 1)
    let actions = feed.on(.refused(shard: 0, status: 403, retryAfterSeconds: nil), now: 2)
    #expect(actions == [.noteRefusal, .hangUp(shard: 0)])
    #expect(feed.state == .authFailed && feed.reason == .auth)
    var asked = 0
    for step in 1...36_000 {
      for action in feed.sweep(Int64(step) * second) {
        switch action {
        case .checkCredentials: break
        case .ask(let shard, let attempt, let isRefused):
          #expect(isRefused)
          asked += 1
          let none = FeedSupervisor.Event.access(shard: shard, attempt: attempt, .noCredentials(""))
          #expect(!feed.on(none, now: Int64(step) * second).contains(.connect(shard: 0)))
        default: Issue.record("\(action)")
        }
      }
    }
    #expect((5...40).contains(asked), "\(asked) questions in ten hours")
    let changed = feed.on(.credentialsChanged(isForced: false), now: 36_001 * second)
    guard case .ask(0, let attempt, true)? = changed.first else { return #expect(Bool(false), "\(changed)") }
    let answered = feed.on(.access(shard: 0, attempt: attempt, nil), now: 36_001 * second)
    #expect(answered == [.connect(shard: 0)] && feed.state == .connecting)
  }

  @Test func `too many attempts are answered by at least the wait that was asked for`() {
    var feed = supervisor()
    _ = feed.on(.start, now: 0)
    _ = feed.on(.access(shard: 0, attempt: 1, nil), now: 0)
    _ = feed.on(.refused(shard: 0, status: 429, retryAfterSeconds: 120), now: 0)
    #expect(feed.state == .reconnecting && feed.reason == .limit)
    #expect(feed.sweep(119 * second).isEmpty)
    #expect(!feed.sweep(121 * second).isEmpty)
  }

  @Test func `the hour's budget of connections holds, day and night`() {
    var feed = supervisor(sockets: 3, total: 1, perHour: 20)
    for instrument in 1...3 as ClosedRange<UInt32> { _ = feed.on(.want(instrument, .ltp, isIndex: false), now: 0) }
    var times: [Int64] = []
    func ask(_ actions: [FeedSupervisor.Action], _ now: Int64) {
      for case .ask(let shard, let attempt, _) in actions {
        times.append(now)
        _ = feed.on(.access(shard: shard, attempt: attempt, .unavailable("")), now: now)
      }
    }
    ask(feed.on(.start, now: 0), 0)
    for tenth in 1...100_000 {
      let now = Int64(tenth) * second / 10
      ask(feed.sweep(now, inSession: 0, isDay: tenth < 50_000), now)
    }
    for time in times { #expect(times.filter { $0 >= time && $0 < time + 3_600 * second }.count <= 20) }
    #expect(times.count >= 40)
  }

  @Test func `one socket of several that is lost makes the feed unusable, one more that opens does not`() {
    var feed = supervisor(sockets: 2, total: 1)
    feed.bringUp()
    _ = feed.on(.want(2, .quote, isIndex: false), now: second)
    _ = feed.messages(now: 2 * second)
    let actions = feed.sweep(2 * second)
    #expect(actions == [.ask(shard: 1, attempt: 2, isRefused: false)] && feed.state == .live)
    _ = feed.on(.access(shard: 1, attempt: 2, nil), now: 2 * second)
    _ = feed.on(.connected(shard: 1), now: 2 * second)
    _ = feed.on(.opened(shard: 1), now: 2 * second)
    _ = feed.on(.alive(shard: 1), now: 2 * second)
    #expect(feed.state == .live && feed.openCount == 2)
    _ = feed.on(.lost(shard: 1, .network), now: 3 * second)
    #expect(feed.state == .reconnecting && feed.reason == .network)
  }

  @Test func `a socket that carries nothing is closed after a while`() {
    var feed = supervisor(sockets: 2, total: 1)
    feed.bringUp()
    _ = feed.on(.want(2, .quote, isIndex: false), now: second)
    _ = feed.sweep(2 * second)
    _ = feed.on(.access(shard: 1, attempt: 2, nil), now: 2 * second)
    _ = feed.on(.opened(shard: 1), now: 2 * second)
    _ = feed.messages(now: 2 * second)
    _ = feed.on(.want(2, nil, isIndex: false), now: 3 * second)
    _ = feed.messages(now: 4 * second)
    var closedAt: Int64 = 0
    for now in 5...60 where closedAt == 0 {
      for shard in 0...1 { _ = feed.on(.payload(shard: shard, ticks: 1), now: Int64(now) * second) }
      if feed.sweep(Int64(now) * second).contains(.hangUp(shard: 1)) { closedAt = Int64(now) }
    }
    #expect((30...40).contains(closedAt) && feed.state == .live)
  }
}
