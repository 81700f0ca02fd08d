// What a subscribe request may ask for beyond the OpenAlgo contract. Everything is off unless asked for. Pure; any
// thread; control path.

import JSONText

struct SubscribeOptions {
  /// Sequence numbers in the acknowledgement and in every message.
  var wantsSequence = false
  /// The last value at once, flagged.
  var wantsSnapshot = false
  /// How far each instrument is on its way to be subscribed at the broker, in the acknowledgement.
  var wantsState = false
  /// Least time between two messages of one instrument; nil for no limit.
  var intervalNanos: Int64?
  /// `max_rate` as it was written.
  private(set) var rateText: JSONView?
  /// For the connection, from here on.
  var policy: DeliveryPolicy?

  /// Updates per second that may be asked for.
  static let rateRange = 0.01...1000.0

  init(_ envelope: RequestEnvelope) throws(RequestError) {
    wantsSequence = envelope.seq?.bool == true
    wantsSnapshot = envelope.snapshot?.bool == true
    wantsState = envelope.state?.bool == true
    if let value = envelope.maxRate, !value.isNull {
      guard value.kind == .integer || value.kind == .real, let rate = value.double, Self.rateRange.contains(rate) else {
        throw Self.invalid("max_rate", value, "a number of updates per second from 0.01 to 1000")
      }
      intervalNanos = Int64(1e9 / rate)
      rateText = value
    }
    if let value = envelope.policy, !value.isNull {
      guard let policy = value.string.flatMap({ DeliveryPolicy(name: $0) }) else {
        throw Self.invalid("policy", value, "every, conflate, disconnect or paced")
      }
      self.policy = policy
    }
  }

  private static func invalid(_ name: String, _ value: JSONView, _ expected: String) -> RequestError {
    RequestError(code: .invalidParameters, message: "Invalid \(name) \(value.displayText); expected \(expected)")
  }

  static let tooManyRates = RequestError(
    code: .invalidParameters,
    message: "A connection has at most \(ClientRates.countMax) different values of max_rate")
}
