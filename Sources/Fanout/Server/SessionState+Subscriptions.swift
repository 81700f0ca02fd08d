// Subscribing and unsubscribing of one session. The order of the checks is part of the contract: key, mode (single
// form of unsubscribe only), symbols, broker. Loop thread only; allocates (control path).

import JSONText
import Market

extension SessionState {
  func subscribe(_ envelope: RequestEnvelope, _ context: SessionContext) throws(RequestError) -> SessionReply {
    let request = try SubscribeRequest(envelope)
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
    let entries = request.instruments.map { SubscribedEntry(instrument: $0, outcome: subscriber.subscribe($0)) }
    var reply = SessionReply(
      Replies.subscribed(
        entries, mode: request.mode, broker: broker, options: request.options,
        epochMillis: context.rules.epochMillis, requestID: envelope.requestID))
    reply.policy = request.options.policy
    reply.records = subscriber.records
    return reply
  }

  func unsubscribe(_ envelope: RequestEnvelope, _ context: SessionContext) throws(RequestError) -> [UInt8] {
    let request = try UnsubscribeRequest(envelope)
    guard let broker = context.broker else { throw .noAdapter }
    let entries = request.entries.map { requested, modes in
      UnsubscribedEntry(
        symbol: Array(requested.symbol.raw), exchange: Array(requested.exchange.raw),
        failure: unsubscribe(requested, modes, context))
    }
    return Replies.unsubscribed(entries, broker: broker, requestID: envelope.requestID)
  }

  /// Nil when nothing speaks against it; what was never subscribed is no failure.
  private func unsubscribe(
    _ requested: RequestedInstrument, _ modes: UnsubscribeRequest.Modes, _ context: SessionContext
  ) -> String? {
    if case .invalid(let error) = modes { return error.message }
    if let pattern = try? requested.pattern() {
      for instrument in pattern.matches(in: context.registry, max: context.registry.count).ids {
        unsubscribe(instrument, modes, context)
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
    let entries = context.subscriptions.subscriptions(client: client).map { subscription in
      let key = context.registry[subscription.instrument].key
      return UnsubscribedEntry(
        symbol: Self.quoted(key.symbol), exchange: Self.quoted(key.exchange.code), failure: nil)
    }
    context.subscriptions.removeAll(client: client)
    return Replies.unsubscribed(entries, broker: broker, requestID: envelope.requestID)
  }

  private static func quoted(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    JSONWriter.quote(text, into: &bytes)
    return bytes
  }
}
