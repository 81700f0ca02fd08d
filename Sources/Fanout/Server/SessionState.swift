// The 8765 protocol of one connection as a value: a message and the time go in, a reply and perhaps an order to close
// come out. No I/O, no clock. Subscriptions are changed in the index that the context carries, so that the entries of
// one message see each other. Loop thread only; allocates (control path).

import JSONText
import Market
import WebSocket

/// Close codes of our own.
package enum FanoutCloseCode {
  /// No valid key within the time allowed.
  package static let authTimeout: UInt16 = 4401
  /// The key that the connection was opened with was revoked.
  package static let keyRevoked: UInt16 = 4403
}

/// What a message led to. Every message is answered, in order.
package struct SessionReply {
  /// One JSON object.
  package var text: [UInt8]
  /// Must not share a send with anything else: one known client reads it with a single receive.
  package var isAlone = false
  /// A key was refused.
  package var isRefusal = false
  /// JSON objects that follow the text, each a message of its own.
  package var events: [[UInt8]] = []
  /// Records of the binary stream that follow the text.
  package var records: [UInt8] = []
  /// The connection asked for another treatment of its market data.
  package var policy: DeliveryPolicy?
  /// To be done after the reply is sent.
  package var close: Violation?

  init(_ text: [UInt8]) { self.text = text }

  init(_ error: RequestError) { self.init(Replies.error(error)) }
}

package struct SessionState {
  /// The number of this client in the subscription index.
  package let client: UInt32
  /// Whose key was shown; nil while anonymous.
  package private(set) var principal: Principal?
  /// In what form the connection gets its market data; sequence and rate are of single subscriptions.
  package var form: EntryFlags = []
  /// Order events of the user go to this connection.
  package private(set) var wantsOrders = false
  /// So do the states of the feeds.
  package private(set) var wantsFeedStatus = false
  private var failedAttempts = 0
  var patterns = PatternBudget()
  private let authDeadlineNanos: Int64

  /// - Parameter nowNanos: monotonic time at which the connection was upgraded.
  package init(client: UInt32, rules: SessionContext.Rules, nowNanos: Int64) {
    self.client = client
    authDeadlineNanos = nowNanos + rules.authTimeoutNanos
  }

  /// When a key must have been shown at the latest, whatever else was said; nil once it was.
  package var authDueNanos: Int64? { principal == nil ? authDeadlineNanos : nil }

  /// Set when the connection is still anonymous after its time.
  package func overdue(nowNanos: Int64) -> Violation? {
    guard let due = authDueNanos, nowNanos >= due else { return nil }
    return Violation(code: FanoutCloseCode.authTimeout, reason: "auth timeout")
  }

  /// Handles one text or binary message.
  /// - Parameter wallNanos: nanoseconds since the Unix epoch.
  package mutating func onMessage(
    _ message: UnsafeRawBufferPointer, in context: SessionContext, wallNanos: Int64
  ) -> SessionReply {
    // A stranger's large message is not worth the parsing; no action open to strangers needs one.
    if principal == nil, message.count > context.rules.anonymousMessageBytesMax {
      return SessionReply(.notAuthenticated)
    }
    guard let root = try? context.parsing.reader.read(message) else { return SessionReply(.notJSON) }
    guard let envelope = RequestEnvelope(root) else { return SessionReply(.notAnObject) }
    guard let action = envelope.parsedAction else {
      return SessionReply(RequestError(code: .invalidAction, message: "Invalid action: \(envelope.actionText)"))
    }
    do throws(RequestError) {
      return try perform(action, envelope, context, wallNanos)
    } catch {
      return SessionReply(error)
    }
  }

  private mutating func perform(
    _ action: Action, _ envelope: RequestEnvelope, _ context: SessionContext, _ wallNanos: Int64
  ) throws(RequestError) -> SessionReply {
    if action.isProtected, principal == nil { throw .notAuthenticated }
    switch action {
    case .authenticate: return authenticate(envelope.apiKey, context)
    case .subscribe: return try subscribe(envelope, context, wallNanos)
    case .unsubscribe: return SessionReply(try unsubscribe(envelope, context))
    case .unsubscribeAll: return SessionReply(try unsubscribeAll(envelope, context))
    case .subscribeOrders, .unsubscribeOrders:
      wantsOrders = action == .subscribeOrders
      return SessionReply(Replies.orders(isSubscribed: wantsOrders, requestID: envelope.requestID))
    case .subscribeFeedStatus, .unsubscribeFeedStatus:
      wantsFeedStatus = action == .subscribeFeedStatus
      var reply = SessionReply(Replies.feedStatus(isSubscribed: wantsFeedStatus, requestID: envelope.requestID))
      if wantsFeedStatus { reply.events = context.feedStatuses(wallNanos: wallNanos) }
      return reply
    case .brokerInfo: return SessionReply(try brokerInfo(context))
    case .supportedBrokers: return SessionReply(Replies.supportedBrokers(context.rules.supportedBrokers))
    case .ping:
      return SessionReply(
        Replies.pong(
          serverMillis: wallNanos / 1_000_000, timestamp: envelope.timestamp, pingID: envelope.pingID))
    }
  }

  // MARK: Authentication

  private mutating func authenticate(_ key: JSONView?, _ context: SessionContext) -> SessionReply {
    guard let key, key.isTruthy else { return refuse("API key is required", context) }
    guard let text = key.string, let principal = context.keys.principal(forKey: text) else {
      return refuse("Invalid API key", context)
    }
    if let old = self.principal, old.userID != principal.userID {
      // What the old user asked for is not the new one's.
      context.subscriptions.removeAll(client: client)
      wantsOrders = false
      wantsFeedStatus = false
    }
    self.principal = principal
    guard let broker = context.broker else {
      return SessionReply(RequestError(code: .broker, message: "No broker configuration found for user"))
    }
    var reply = SessionReply(Replies.authenticated(userID: principal.userID, broker: broker))
    reply.isAlone = true
    return reply
  }

  /// Wrong keys leave the connection open, a bounded number of times.
  private mutating func refuse(_ message: String, _ context: SessionContext) -> SessionReply {
    failedAttempts += 1
    var reply = SessionReply(RequestError(code: .authentication, message: message))
    reply.isAlone = true
    reply.isRefusal = true
    if failedAttempts >= context.rules.authAttemptsMax {
      reply.close = Violation(code: CloseCode.policyViolation, reason: "too many authentication attempts")
    }
    return reply
  }

  private func brokerInfo(_ context: SessionContext) throws(RequestError) -> [UInt8] {
    guard let broker = context.broker, let principal else {
      throw RequestError(code: .broker, message: "Broker information not available")
    }
    return Replies.brokerInfo(
      broker: broker, adapterStatus: context.adapterStatus, userID: principal.userID)
  }
}
