// Subscribing and unsubscribing of one session. The order of the checks is part of the contract: key, mode (single
// form of unsubscribe only), symbols, broker. Loop thread only; allocates (control path).

import JSONText
import Market

extension SessionState {
  func subscribe(_ envelope: RequestEnvelope, _ context: SessionContext) throws(RequestError) -> [UInt8] {
    let request = try SubscribeRequest(envelope)
    guard let broker = context.broker else { throw .noAdapter }
    let entries = request.instruments.map { instrument in
      SubscribedEntry(instrument: instrument, outcome: subscribe(instrument, request, context))
    }
    return Replies.subscribed(
      entries, mode: request.mode, broker: broker,
      epochMillis: request.wantsSequence ? context.rules.epochMillis : nil, requestID: envelope.requestID)
  }

  private func subscribe(
    _ requested: RequestedInstrument, _ request: SubscribeRequest, _ context: SessionContext
  ) -> SubscribedEntry.Outcome {
    guard let instrument = context.instrument(requested) else { return .failed(requested.notFoundMessage) }
    let index = context.subscriptions
    let subscriptionsMax = context.rules.subscriptionsMax
    if index.count(client: client) >= subscriptionsMax, !index.contains(client: client, instrument, request.mode) {
      return .failed("Maximum capacity reached: \(subscriptionsMax) subscriptions per client")
    }
    return .active(
      sequence: index.add(
        client: client, instrument, request.mode, flags: request.wantsSequence ? .sequence : []))
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
    guard let instrument = context.instrument(requested) else { return nil }
    let index = context.subscriptions
    switch modes {
    case .invalid: break
    case .one(let mode): index.remove(client: client, instrument, mode)
    case .quoteElseAll:
      if index.remove(client: client, instrument, .quote) { break }
      for mode in Mode.allCases { index.remove(client: client, instrument, mode) }
    }
    return nil
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
