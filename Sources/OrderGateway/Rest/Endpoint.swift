import Market
import Sandbox

// What an endpoint is: a row of a table. A new one adds a row and a function that answers.

/// What the answering functions use.
struct RestDependencies: Sendable {
  let engine: EngineService
  let quotes: QuoteReader
  let registry: InstrumentRegistry
  /// Reported as the broker by `ping`.
  let brokerName: String
}

/// One path below `/api/v1/`.
struct Endpoint: Sendable {
  /// How validation errors are told.
  enum ErrorForm: Sendable {
    /// The message is text.
    case text
    /// The message is text, and the answer is marked as the paper exchange's.
    case analyzedText
    /// The message is an object.
    case object
  }

  /// Which rate limit counts.
  enum Rate: Sendable { case order, general }

  typealias Respond = @Sendable (FieldValues, Principal, RestDependencies) async -> RestAnswer

  let path: String
  let errorForm: ErrorForm
  let rate: Rate
  let schema: Schema
  let respond: Respond

  init(_ path: String, _ errorForm: ErrorForm, _ rate: Rate, _ schema: Schema, _ respond: @escaping Respond) {
    self.path = path
    self.errorForm = errorForm
    self.rate = rate
    self.schema = schema
    self.respond = respond
  }

  func answer(to errors: ValidationErrors) -> RestAnswer {
    switch errorForm {
    case .text: return .error(400, errors.pythonText)
    case .analyzedText: return .error(400, errors.pythonText, isAnalyzed: true)
    case .object:
      return RestAnswer(
        400,
        .object { json in
          json.text("status", "error")
          json.object("message") { message in
            for entry in errors.entries { message.texts(entry.field, entry.texts) }
          }
        })
    }
  }
}

extension Endpoint {
  /// All endpoints that are served.
  static let all: [Endpoint] = [
    Endpoint("ping", .object, .general, Schema([]), ping),
    Endpoint("placeorder", .text, .order, Schema(orderFields, rule: wholeQuantity), placeOrder),
    Endpoint("cancelorder", .analyzedText, .order, Schema([strategy, orderID]), cancelOrder),
    Endpoint("orderstatus", .analyzedText, .general, Schema([strategy, orderID]), orderStatus),
    Endpoint(
      "openposition", .analyzedText, .general,
      Schema([strategy, symbol, .required("exchange", .text), .required("product", .choice(products))]), openPosition),
    Endpoint("orderbook", .object, .general, Schema([]), orderbook),
    Endpoint("tradebook", .object, .general, Schema([]), tradebook),
    Endpoint("positionbook", .object, .general, Schema([]), positionbook),
    Endpoint("holdings", .object, .general, Schema([]), holdings),
    Endpoint("funds", .object, .general, Schema([]), funds),
    Endpoint("quotes", .object, .general, Schema([symbol, exchange]), quotes),
    Endpoint("analyzer", .text, .general, Schema([]), analyzer),
    Endpoint("analyzer/toggle", .text, .general, Schema([.required("mode", .boolean)]), toggleAnalyzer),
  ]

  private static let products = [Product.mis, .cnc, .nrml].map(\.code)
  private static let strategy = Field.required("strategy", .text)
  private static let symbol = Field.required("symbol", .text)
  private static let orderID = Field.required("orderid", .text)
  private static let exchange = Field.required("exchange", .choice(Exchange.allCases.map(\.code)))

  private static let orderFields: [Field] = [
    strategy,
    symbol,
    exchange,
    .required("action", .choice(["BUY", "SELL", "buy", "sell"])),
    .required("quantity", .number(.aboveZero, refusal: "Quantity must be a positive number.")),
    .optional("pricetype", .choice(PriceType.allCases.map(\.code))),
    .optional("product", .choice(products)),
    .optional("price", .number(.zero, refusal: "Price must be a non-negative number.")),
    .optional("trigger_price", .number(.zero, refusal: "Trigger price must be a non-negative number.")),
    .optional("disclosed_quantity", .integer(refusal: "Disclosed quantity must be a non-negative integer.")),
    .optional("underlying_ltp", .ignoredNumber),
  ]

  private static let wholeQuantity: @Sendable (FieldValues) -> (field: String, text: String)? = { values in
    guard let quantity = values.number("quantity"), !quantity.isWhole, values.text("exchange") != Exchange.crypto.code
    else { return nil }
    let text = Price.text(quantity.priceUnits)
    return ("quantity", "Fractional quantity (\(text)) is not allowed for non-crypto exchanges.")
  }
}
