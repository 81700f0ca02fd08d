// `subscribe` and `unsubscribe` as values: the parameters after the checks that need no look at the gateway.
// Pure; any thread; allocates (control path).

import JSONText
import Market

/// An error frame: the code that programs look at and the text for people.
struct RequestError: Error, Equatable {
  enum Code: String {
    case invalidJSON = "INVALID_JSON"
    case serverError = "SERVER_ERROR"
    case invalidAction = "INVALID_ACTION"
    case notAuthenticated = "NOT_AUTHENTICATED"
    case authentication = "AUTHENTICATION_ERROR"
    case broker = "BROKER_ERROR"
    case invalidMode = "INVALID_MODE"
    case invalidParameters = "INVALID_PARAMETERS"
  }

  let code: Code
  let message: String

  static let notJSON = RequestError(code: .invalidJSON, message: "Invalid JSON message")
  static let notAnObject = RequestError(code: .serverError, message: "Message must be a JSON object")
  static let badEntries = RequestError(code: .serverError, message: "symbols must be an array of objects")
  static let notAuthenticated = RequestError(code: .notAuthenticated, message: "You must authenticate first")
  static let noAdapter = RequestError(code: .broker, message: "Broker adapter not found")
}

/// One instrument as a client names it.
struct RequestedInstrument {
  let symbol: JSONValue
  let exchange: JSONValue
  /// The entry's own mode, of use when unsubscribing.
  let mode: JSONValue?

  /// Nil when either name is missing or empty: such an entry is skipped without a word.
  init?(symbol: JSONValue?, exchange: JSONValue?, mode: JSONValue?) {
    guard let symbol, let exchange, symbol.isTruthy, exchange.isTruthy else { return nil }
    self.symbol = symbol
    self.exchange = exchange
    self.mode = mode
  }

  private init?(entry: JSONValue) {
    var symbol: JSONValue?
    var exchange: JSONValue?
    var mode: JSONValue?
    for (key, value) in entry.members {
      switch key {
      case "symbol": symbol = value
      case "exchange": exchange = value
      case "mode": mode = value
      default: break
      }
    }
    self.init(symbol: symbol, exchange: exchange, mode: mode)
  }

  /// The array form: every entry that names an instrument. Nil when the request has no array, or an empty one.
  static func list(_ envelope: RequestEnvelope) throws(RequestError) -> [RequestedInstrument]? {
    guard let symbols = envelope.symbols, symbols.isTruthy else { return nil }
    guard symbols.kind == .array else { throw .badEntries }
    let entries = symbols.elements
    guard entries.allSatisfy({ $0.kind == .object }) else { throw .badEntries }
    return entries.compactMap { RequestedInstrument(entry: $0) }
  }

  /// The names that the entry stands for when its symbol has a star; nil for a plain name.
  func pattern() throws(SymbolPatternError) -> SymbolPattern? {
    guard let symbol = symbol.string, SymbolPattern.isPattern(symbol) else { return nil }
    return try SymbolPattern("\(exchange.string ?? ""):\(symbol)")
  }

  /// Text of the entry's error when the registry does not know it.
  var notFoundMessage: String { "Symbol \(symbol.displayText) not found for exchange \(exchange.displayText)" }
}

struct SubscribeRequest {
  let instruments: [RequestedInstrument]
  let mode: Mode
  let options: SubscribeOptions

  init(_ envelope: RequestEnvelope) throws(RequestError) {
    do {
      mode = try envelope.mode.map { value throws(ModeError) in try Mode(parameter: value) } ?? .quote
    } catch {
      throw RequestError(code: .invalidMode, message: error.message)
    }
    if let list = try RequestedInstrument.list(envelope) {
      instruments = list
    } else {
      let single = RequestedInstrument(symbol: envelope.symbol, exchange: envelope.exchange, mode: nil)
      guard let single else {
        throw RequestError(code: .invalidParameters, message: "At least one symbol must be specified")
      }
      instruments = [single]
    }
    options = try SubscribeOptions(envelope)
  }
}

struct UnsubscribeRequest {
  /// Which subscriptions of an instrument an entry ends.
  enum Modes {
    case one(Mode)
    /// No mode was given: Quote if there is one, else all of the instrument.
    case quoteElseAll
    case invalid(ModeError)
  }

  let entries: [(instrument: RequestedInstrument, modes: Modes)]

  init(_ envelope: RequestEnvelope) throws(RequestError) {
    if let list = try RequestedInstrument.list(envelope) {
      let common = envelope.mode.flatMap { $0.isNull ? nil : $0 }
      entries = list.map { ($0, Self.modes($0.mode ?? common)) }
      return
    }
    let modes: Modes
    switch envelope.mode.map({ Self.modes($0) }) {
    case .invalid(let error): throw RequestError(code: .invalidMode, message: error.message)
    case .some(let given): modes = given
    case nil: modes = .one(.quote)
    }
    guard let single = RequestedInstrument(symbol: envelope.symbol, exchange: envelope.exchange, mode: nil) else {
      throw RequestError(
        code: .invalidParameters, message: "Either symbols or unsubscribe_all is required")
    }
    entries = [(single, modes)]
  }

  private static func modes(_ value: JSONValue?) -> Modes {
    guard let value else { return .quoteElseAll }
    do throws(ModeError) {
      return .one(try Mode(parameter: value))
    } catch {
      return .invalid(error)
    }
  }
}
