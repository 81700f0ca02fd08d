// Subscribing and unsubscribing of one session. The order of the checks is part of the contract: key, mode (single
// form of unsubscribe only), symbols, broker. Loop thread only; allocates (control path).

import JSONText
import Market

extension SessionState {
  func subscribe(_ envelope: RequestEnvelope, _ context: SessionContext) throws(RequestError) -> [UInt8] {
    let request = try SubscribeRequest(envelope, entriesMax: context.rules.entriesMax)
    guard let broker = context.broker else { throw .noAdapter }
    var reply = SubscribeReply(
      request, subscriptionsMax: context.rules.subscriptionsMax, broker: broker,
      epochMillis: request.flags.contains(.sequence) ? context.rules.epochMillis : nil)
    for instrument in request.instruments {
      reply.add(instrument, subscribe(instrument, request, context))
    }
    return reply.finish(requestID: envelope.requestID)
  }

  private func subscribe(
    _ requested: RequestedInstrument, _ request: SubscribeRequest, _ context: SessionContext
  ) -> SubscribeOutcome {
    guard let instrument = context.instrument(requested) else { return .unknown }
    let index = context.subscriptions
    if index.count(client: client) >= context.rules.subscriptionsMax,
      !index.contains(client: client, instrument, request.mode)
    {
      return .full
    }
    return .active(sequence: index.add(client: client, instrument, request.mode, flags: request.flags))
  }

  func unsubscribe(_ envelope: RequestEnvelope, _ context: SessionContext) throws(RequestError) -> [UInt8] {
    let request = try UnsubscribeRequest(envelope, entriesMax: context.rules.entriesMax)
    guard let broker = context.broker else { throw .noAdapter }
    var reply = UnsubscribeReply(
      count: request.instruments.count, textBytes: request.instruments.textBytes, broker: broker)
    for instrument in request.instruments {
      reply.add(instrument, failure: unsubscribe(instrument, request.modes(of: instrument), context))
    }
    return reply.finish(requestID: envelope.requestID)
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
