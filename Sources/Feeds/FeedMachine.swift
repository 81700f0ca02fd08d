// Life of one broker connection as a value: events and the time go in, actions come out. No I/O, no clock.
//
//   connecting → authenticating → subscribing → live ⇄ quiet, any of them → reconnecting → connecting;
//   a refused login → authFailed, which waits for other credentials instead of trying again.

import Market

public struct FeedTimeouts: Sendable {
  /// From the attempt to the open WebSocket.
  public var openNanos: Int64 = 10_000_000_000
  /// Without any byte: the connection is dead. Kite sends a heartbeat about every second.
  public var silenceNanos: Int64 = 10_000_000_000
  /// Without market data: the feed is quiet (which is no fault by itself).
  public var quietNanos: Int64 = 5_000_000_000
  /// Between two looks at the credentials after a refused login.
  public var credentialsNanos: Int64 = 5_000_000_000
  /// Least wait after the broker said that there were too many attempts.
  public var limitNanos: Int64 = 30_000_000_000

  public init() {}
}

public struct FeedMachine: Sendable {
  public enum Event: Sendable, Equatable {
    case start
    /// TCP is up.
    case connected
    /// The WebSocket is open.
    case opened
    /// The upgrade was answered with another status.
    case refused(status: Int, retryAfterSeconds: Int?)
    /// Bytes that show that the peer lives.
    case alive
    /// Market data.
    case payload
    case lost(FeedReason)
    case sweep
    /// Nothing to log in with.
    case credentialsMissing
    /// Credentials may have changed.
    case credentialsChanged
    case stop
  }

  public enum Action: Sendable, Equatable {
    /// Ask for credentials and connect.
    case open
    case hangUp
    /// Send every wanted subscription again.
    case replay
    /// Compare the credentials with those that were refused; answer with `credentialsChanged` if they differ.
    case checkCredentials
  }

  public private(set) var state = FeedState.closed
  public private(set) var reason: FeedReason?
  public let timeouts: FeedTimeouts
  private var backoff: Backoff
  private var since: Int64 = 0
  private var lastAlive: Int64 = 0
  private var lastPayload: Int64 = 0
  private var retryAt: Int64 = .max

  public init(timeouts: FeedTimeouts = FeedTimeouts(), seed: UInt64) {
    self.timeouts = timeouts
    backoff = Backoff(seed: seed)
  }

  /// - Parameter now: monotonic nanoseconds.
  public mutating func on(_ event: Event, now: Int64) -> [Action] {
    switch event {
    case .start: return state == .closed ? open(now) : []
    case .stop:
      let wasUp = state != .closed
      enter(.closed, nil, now)
      return wasUp ? [.hangUp] : []
    case .connected:
      if state == .connecting { enter(.authenticating, nil, now) }
      return []
    case .opened:
      guard state == .authenticating || state == .connecting else { return [] }
      enter(.subscribing, nil, now)
      lastAlive = now
      lastPayload = now
      return [.replay]
    case .refused(let status, let retryAfter): return refuse(status, retryAfter, now)
    case .alive, .payload: return receive(isPayload: event == .payload, now)
    case .lost(let cause): return isUp ? retry(cause, now) : []
    case .credentialsMissing:
      guard state == .connecting else { return [] }
      enter(.authFailed, .auth, now)
      return [.hangUp]
    case .credentialsChanged: return state == .closed ? [] : [.hangUp] + open(now)
    case .sweep: return sweep(now)
    }
  }

  private var isUp: Bool {
    switch state {
    case .connecting, .authenticating, .subscribing, .live, .quiet, .stale: true
    case .reconnecting, .authFailed, .closed: false
    }
  }

  private mutating func enter(_ next: FeedState, _ cause: FeedReason?, _ now: Int64) {
    state = next
    reason = cause
    since = now
  }

  private mutating func open(_ now: Int64) -> [Action] {
    enter(.connecting, reason, now)
    return [.open]
  }

  private mutating func retry(_ cause: FeedReason, atLeast least: Int64 = 0, _ now: Int64) -> [Action] {
    enter(.reconnecting, cause, now)
    retryAt = now + max(least, backoff.next())
    return [.hangUp]
  }

  private mutating func refuse(_ status: Int, _ retryAfter: Int?, _ now: Int64) -> [Action] {
    guard isUp else { return [] }
    switch status {
    case 401, 403:
      enter(.authFailed, .auth, now)
      return [.hangUp]
    case 429:
      let asked = Int64(retryAfter ?? 0) * 1_000_000_000
      return retry(.limit, atLeast: max(asked, timeouts.limitNanos), now)
    default: return retry(.serverClose, atLeast: Int64(retryAfter ?? 0) * 1_000_000_000, now)
    }
  }

  private mutating func receive(isPayload: Bool, _ now: Int64) -> [Action] {
    lastAlive = now
    if isPayload { lastPayload = now }
    switch state {
    case .subscribing:
      backoff.reset()
      enter(.live, nil, now)
    case .quiet where isPayload: enter(.live, nil, now)
    default: break
    }
    return []
  }

  private mutating func sweep(_ now: Int64) -> [Action] {
    switch state {
    case .connecting, .authenticating:
      return now - since >= timeouts.openNanos ? retry(.network, now) : []
    case .subscribing, .live, .quiet, .stale:
      if now - lastAlive >= timeouts.silenceNanos { return retry(.stall, now) }
      if state == .live, now - lastPayload >= timeouts.quietNanos { enter(.quiet, nil, now) }
      return []
    case .reconnecting: return now >= retryAt ? open(now) : []
    case .authFailed:
      guard now - since >= timeouts.credentialsNanos else { return [] }
      since = now
      return [.checkCredentials]
    case .closed: return []
    }
  }
}
