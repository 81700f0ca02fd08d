// `subscribe` and `unsubscribe` as values: the parameters after the checks that need no look at the gateway. They point
// into the message, which the session keeps until it is answered. Pure; the reader's thread; only errors allocate.

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
  let symbol: JSONView
  let exchange: JSONView
  /// The entry's own mode, of use when unsubscribing.
  let mode: JSONView?

  /// Nil when either name is missing or empty: such an entry is skipped without a word.
  init?(symbol: JSONView?, exchange: JSONView?, mode: JSONView?) {
    guard let symbol, let exchange, symbol.isTruthy, exchange.isTruthy else { return nil }
    self.symbol = symbol
    self.exchange = exchange
    self.mode = mode
  }

  fileprivate init?(entry: JSONView) {
    var symbol: JSONView?
    var exchange: JSONView?
    var mode: JSONView?
    for (key, value) in entry.members {
      if key.isString("symbol") {
        symbol = value
      } else if key.isString("exchange") {
        exchange = value
      } else if key.isString("mode") {
        mode = value
      }
    }
    self.init(symbol: symbol, exchange: exchange, mode: mode)
  }

  /// The names that the entry stands for when its symbol has a star; nil for a plain name.
  func pattern() throws(SymbolPatternError) -> SymbolPattern? {
    guard let bytes = symbol.plainBytes, bytes.contains(UInt8(ascii: "*")) else { return nil }
    guard bytes.count <= SymbolPattern.bytesMax else { throw .tooLong }
    return try SymbolPattern("\(exchange.string ?? ""):\(String(decoding: bytes, as: UTF8.self))")
  }
}

/// The instruments that a request names, in its order: read entry by entry as they are asked for.
struct RequestedInstruments: Sequence, IteratorProtocol {
  /// Entries of the array form, those that will be skipped counted; 1 for the single form.
  let count: Int
  /// Bytes of the message that name them.
  let textBytes: Int
  private var single: RequestedInstrument?
  private var entries: JSONView.Elements?

  init(single: RequestedInstrument) {
    self.single = single
    count = 1
    textBytes = single.symbol.raw.count + single.exchange.raw.count
  }

  /// The array form. Nil when the request has no array, or an empty one.
  /// - Parameter entriesMax: bounds the work that one message can ask for.
  init?(list envelope: RequestEnvelope, entriesMax: Int) throws(RequestError) {
    guard let symbols = envelope.symbols, symbols.isTruthy else { return nil }
    guard symbols.kind == .array else { throw .badEntries }
    var count = 0
    for entry in symbols.elements {
      guard entry.kind == .object else { throw .badEntries }
      count += 1
    }
    guard count <= entriesMax else {
      throw RequestError(
        code: .invalidParameters, message: "Too many symbols: \(count) in one message, at most \(entriesMax)")
    }
    self.count = count
    textBytes = symbols.raw.count
    entries = symbols.elements
  }

  mutating func next() -> RequestedInstrument? {
    while let entry = entries?.next() {
      if let instrument = RequestedInstrument(entry: entry) { return instrument }
    }
    defer { single = nil }
    return single
  }
}

struct SubscribeRequest {
  let instruments: RequestedInstruments
  let mode: Mode
  let options: SubscribeOptions

  init(_ envelope: RequestEnvelope, entriesMax: Int) throws(RequestError) {
    do {
      mode = try envelope.mode.map { value throws(ModeError) in try Mode(parameter: value) } ?? .quote
    } catch {
      throw RequestError(code: .invalidMode, message: error.message)
    }
    if let list = try RequestedInstruments(list: envelope, entriesMax: entriesMax) {
      instruments = list
    } else {
      let single = RequestedInstrument(symbol: envelope.symbol, exchange: envelope.exchange, mode: nil)
      guard let single else {
        throw RequestError(code: .invalidParameters, message: "At least one symbol must be specified")
      }
      instruments = RequestedInstruments(single: single)
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

  let instruments: RequestedInstruments
  /// For entries without a mode of their own.
  private let common: Modes

  init(_ envelope: RequestEnvelope, entriesMax: Int) throws(RequestError) {
    if let list = try RequestedInstruments(list: envelope, entriesMax: entriesMax) {
      instruments = list
      common = Self.modes(envelope.mode.flatMap { $0.isNull ? nil : $0 })
      return
    }
    switch envelope.mode.map({ Self.modes($0) }) {
    case .invalid(let error): throw RequestError(code: .invalidMode, message: error.message)
    case .some(let given): common = given
    case nil: common = .one(.quote)
    }
    guard let single = RequestedInstrument(symbol: envelope.symbol, exchange: envelope.exchange, mode: nil) else {
      throw RequestError(
        code: .invalidParameters, message: "Either symbols or unsubscribe_all is required")
    }
    instruments = RequestedInstruments(single: single)
  }

  func modes(of instrument: RequestedInstrument) -> Modes { instrument.mode.map { Self.modes($0) } ?? common }

  private static func modes(_ value: JSONView?) -> Modes {
    guard let value else { return .quoteElseAll }
    do throws(ModeError) {
      return .one(try Mode(parameter: value))
    } catch {
      return .invalid(error)
    }
  }
}
