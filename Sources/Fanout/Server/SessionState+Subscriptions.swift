// Subscribing and unsubscribing of one session. The order of the checks is part of the contract: key, mode (single
// form of unsubscribe only), symbols, broker. Loop thread only; allocates (control path).

import JSONText
import Market

extension SessionState {
  mutating func subscribe(
    _ envelope: RequestEnvelope, _ context: SessionContext, _ wallNanos: Int64
  ) throws(RequestError) -> SessionReply {
    let request = try SubscribeRequest(envelope, entriesMax: context.rules.entriesMax)
    guard let broker = context.broker else { throw .noAdapter }
    var subscriber = Subscriber(
      client: client, mode: request.mode, flags: form, wantsSnapshot: request.options.wantsSnapshot, context: context)
    if request.options.wantsSequence, !form.contains(.binary) { subscriber.flags.insert(.sequence) }
    if let intervalNanos = request.options.intervalNanos {
      guard let rate = context.subscriptions.rate(client: client, intervalNanos: intervalNanos) else {
        throw SubscribeOptions.tooManyRates
      }
      subscriber.rate = rate
      subscriber.flags.insert(.limited)
    }
    var text = SubscribeReply(
      request, subscriptionsMax: context.rules.subscriptionsMax, broker: broker,
      epochMillis: context.rules.epochMillis)
    subscriber.patterns = patterns
    subscriber.patterns.begin(wallNanos)
    for instrument in request.instruments { text.add(instrument, subscriber.subscribe(instrument)) }
    patterns = subscriber.patterns
    var reply = SessionReply(text.finish(requestID: envelope.requestID))
    reply.policy = request.options.policy
    reply.records = subscriber.records
    return reply
  }

  func unsubscribe(_ envelope: RequestEnvelope, _ context: SessionContext) throws(RequestError) -> [UInt8] {
    let request = try UnsubscribeRequest(envelope, entriesMax: context.rules.entriesMax)
    guard let broker = context.broker else { throw .noAdapter }
    var reply = UnsubscribeReply(
      count: request.instruments.count, textBytes: request.instruments.textBytes, broker: broker)
    var patterns = PatternBudget()
    for instrument in request.instruments {
      reply.add(instrument, failure: unsubscribe(instrument, request.modes(of: instrument), context, &patterns))
    }
    return reply.finish(requestID: envelope.requestID)
  }

  /// Nil when nothing speaks against it; what was never subscribed is no failure.
  private func unsubscribe(
    _ requested: RequestedInstrument, _ modes: UnsubscribeRequest.Modes, _ context: SessionContext,
    _ patterns: inout PatternBudget
  ) -> String? {
    if case .invalid(let error) = modes { return error.message }
    if let pattern = try? requested.pattern() {
      guard patterns.take() else { return PatternBudget.exhausted }
      // Compared with what the client has, not with all that there is.
      for instrument in Set(context.subscriptions.subscriptions(client: client).map(\.instrument)) {
        // Patterns stand for instruments, not for their books.
        guard context.registry.deep[instrument] == nil else { continue }
        let key = context.registry[instrument].key
        if key.exchange == pattern.exchange, pattern.matches(key.symbol) { unsubscribe(instrument, modes, context) }
      }
    } else if let instrument = context.instrument(requested) {
      unsubscribe(instrument, modes, context)
    }
    return nil
  }

  private func unsubscribe(_ instrument: UInt32, _ modes: UnsubscribeRequest.Modes, _ context: SessionContext) {
    let index = context.subscriptions
    switch modes {
    case .invalid: break
    case .one(let mode): index.remove(client: client, instrument, mode)
    case .quoteElseAll:
      if index.remove(client: client, instrument, .quote) { break }
      for mode in Mode.allCases { index.remove(client: client, instrument, mode) }
    }
  }

  func unsubscribeAll(_ envelope: RequestEnvelope, _ context: SessionContext) throws(RequestError) -> [UInt8] {
    guard let broker = context.broker else { throw .noAdapter }
    let subscriptions = context.subscriptions.subscriptions(client: client)
    var reply = UnsubscribeReply(
      count: subscriptions.count, textBytes: subscriptions.count * Self.nameBytes, broker: broker)
    for subscription in subscriptions { reply.add(context.registry[subscription.instrument].key) }
    context.subscriptions.removeAll(client: client)
    return reply.finish(requestID: envelope.requestID)
  }

  /// Room to make for a name that is not at hand.
  private static let nameBytes = 32
}
