import Sandbox

// Answers and the forms that they share: status, message, and the mark of the paper exchange.

/// Status and body of a response.
struct RestAnswer: Sendable {
  var status: Int
  var body: ResponseJSON
  /// Ask the client to come back after this many seconds.
  var retryAfterSeconds: Int?
  /// Close the connection: the rest of the request is not wanted.
  var closes = false

  init(_ status: Int, _ body: ResponseJSON) {
    self.status = status
    self.body = body
  }

  /// A data answer.
  static func success(_ members: (inout ResponseJSON) -> Void) -> RestAnswer {
    RestAnswer(
      200,
      .object { json in
        json.text("status", "success")
        members(&json)
      })
  }

  /// An order or account answer, marked as the paper exchange's.
  static func analyzed(_ members: (inout ResponseJSON) -> Void) -> RestAnswer {
    success { json in
      members(&json)
      json.text("mode", "analyze")
    }
  }

  static func error(_ status: Int, _ message: String, isAnalyzed: Bool = false) -> RestAnswer {
    RestAnswer(
      status,
      .object { json in
        json.text("status", "error")
        json.text("message", message)
        if isAnalyzed { json.text("mode", "analyze") }
      })
  }

  /// The paper exchange said no.
  static func refused(_ refusal: Refusal) -> RestAnswer {
    RestAnswer(
      refusal.status,
      .object { json in
        json.text("status", "error")
        json.text("message", refusal.message)
        if let order = refusal.orderID { json.text("orderid", order.text) }
        json.text("mode", "analyze")
      })
  }

  static func unavailable(_ reason: EngineUnavailable) -> RestAnswer {
    switch reason {
    case .journalFailed:
      error(
        503,
        "Orders cannot be recorded: the order journal failed. The order may or may not exist; mend the disk, restart "
          + "the gateway and look at the order book.", isAnalyzed: true)
    case .overloaded: error(503, "Too many requests are waiting. Please try again.", isAnalyzed: true)
    case .stopping: error(503, "The gateway is shutting down.", isAnalyzed: true)
    }
  }
}
