import Foundation
import OrderGateway
import Testing

/// Shapes, codes and texts that do not depend on orders.
@Suite struct RestContractTests {
  @Test func `ping answers with and without a slash at the end`() async throws {
    let desk = try await Desk()
    for path in ["ping", "ping/"] {
      let reply = await desk.post(path)
      #expect(reply.status == 200)
      #expect(reply.body == #"{"status":"success","data":{"message":"pong","broker":"tickgate"}}"#)
      #expect(reply.headers["content-type"] == "application/json")
      #expect(reply.headers["x-content-type-options"] == "nosniff")
      #expect(reply.headers["x-frame-options"] == "DENY")
    }
    try await desk.stop()
  }

  @Test func `unknown paths and wrong methods are told as JSON`() async throws {
    let desk = try await Desk()
    let unknown = await desk.post("nosuch")
    #expect(unknown.status == 404)
    #expect(unknown.body == #"{"status":"error","message":"Not found","path":"/api/v1/nosuch"}"#)
    let method = await desk.client.post("ping", "", method: "GET")
    #expect(method.status == 405)
    #expect(method.headers["allow"] == "POST")
    #expect(method.object["status"] as? String == "error")
    try await desk.stop()
  }

  @Test func `hostile bodies are refused with a status and a reason`() async throws {
    let desk = try await Desk { $0.bodyBytesMax = 2048 }
    let bodies: [(String, [UInt8])] = [
      ("empty", []), ("truncated", Array(#"{"apikey":"x""#.utf8)), ("list", Array("[]".utf8)),
      ("text", Array(#""x""#.utf8)), ("null", Array("null".utf8)), ("number", Array("1".utf8)),
      ("UTF-8", [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D]),
      ("deep", Array(String(repeating: #"{"a":"#, count: 400).utf8)), ("binary", [0, 1, 2, 3]),
      ("trailing", Array(#"{} {}"#.utf8)),
    ]
    for (name, body) in bodies {
      let reply = await desk.client.post("placeorder", bytes: body)
      #expect(reply.status == 400, "\(name): \(reply.body)")
      #expect(reply.object["status"] as? String == "error", "\(name)")
      #expect(!reply.message.isEmpty, "\(name)")
    }
    for type in ["text/plain", "application/x-www-form-urlencoded", "", nil] {
      #expect(await desk.client.post("ping", "{}", contentType: type).status == 415)
    }
    let typed = await desk.client.post(
      "ping", #"{"apikey":"\#(desk.key)"}"#, contentType: "Application/JSON; charset=utf-8")
    #expect(typed.status == 200)
    #expect(await desk.post("ping").status == 200)
    try await desk.stop()
  }

  @Test func `a body over the limit is refused, announced or not`() async throws {
    let desk = try await Desk { $0.bodyBytesMax = 2048 }
    let large = await desk.post("funds", #""x":"\#(String(repeating: "a", count: 3000))""#)
    #expect(large.status == 413)
    #expect(large.object["status"] as? String == "error")
    let head =
      "POST /api/v1/funds HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    let chunk = Array("400\r\n".utf8) + [UInt8](repeating: 0x20, count: 1024) + Array("\r\n".utf8)
    let chunked = await desk.client.exchange([Array(head.utf8), chunk, chunk, chunk])
    #expect(chunked.status == 413)
    #expect(chunked.headers["connection"] == "close")
    try await desk.stop()
  }

  @Test func `a request may arrive in any pieces`() async throws {
    let desk = try await Desk()
    let body = #"{"apikey":"\#(desk.key)"}"#
    let request = Array(
      "POST /api/v1/ping HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        .utf8)
    #expect(await desk.client.exchange(request.map { [$0] }).status == 200)
    try await desk.stop()
  }

  @Test func `the three forms of validation errors`() async throws {
    let desk = try await Desk()
    let placed = await desk.post(
      "placeorder", #""strategy":"","symbol":5,"exchange":"NSE","action":"Buy","quantity":"x""#)
    #expect(placed.status == 400)
    #expect(
      placed.body
        == #"{"status":"error","message":"{'symbol': ['Not a valid string.'], "#
        + #"'action': ['Must be one of: BUY, SELL, buy, sell.'], 'quantity': ['Not a valid number.']}"}"#)
    let cancelled = await desk.post("cancelorder", #""strategy":"x""#)
    #expect(cancelled.status == 400)
    #expect(cancelled.message == "{'orderid': ['Missing data for required field.']}")
    #expect(cancelled.object["mode"] as? String == "analyze")
    let funds = await desk.post("funds", #""symbol":"X","it's":1"#)
    #expect(funds.status == 400)
    #expect(
      funds.body == #"{"status":"error","message":{"it's":["Unknown field."],"symbol":["Unknown field."]}}"#)
    let quoted = await desk.post("cancelorder", #""strategy":"x","orderid":"1","it's":1"#)
    #expect(quoted.message == #"{"it's": ['Unknown field.']}"#)
    try await desk.stop()
  }

  @Test(arguments: [
    (#""quantity":0"#, "{'quantity': ['Quantity must be a positive number.']}"),
    (#""quantity":"-1""#, "{'quantity': ['Quantity must be a positive number.']}"),
    (#""quantity":1.5"#, "{'quantity': ['Fractional quantity (1.5) is not allowed for non-crypto exchanges.']}"),
    (#""quantity":true"#, "{'quantity': ['Not a valid number.']}"),
    (#""quantity":"nan""#, "{'quantity': ['Special numeric values (nan or infinity) are not permitted.']}"),
    (#""quantity":null"#, "{'quantity': ['Field may not be null.']}"),
    (#""quantity":1,"price":-1"#, "{'price': ['Price must be a non-negative number.']}"),
    (#""quantity":1,"trigger_price":"-1""#, "{'trigger_price': ['Trigger price must be a non-negative number.']}"),
    (
      #""quantity":1,"disclosed_quantity":-1"#,
      "{'disclosed_quantity': ['Disclosed quantity must be a non-negative integer.']}"
    ),
    (#""quantity":1,"disclosed_quantity":"1.5""#, "{'disclosed_quantity': ['Not a valid integer.']}"),
    (#""quantity":1,"pricetype":"market""#, "{'pricetype': ['Must be one of: MARKET, LIMIT, SL, SL-M.']}"),
    (#""quantity":1,"product":"BO""#, "{'product': ['Must be one of: MIS, CNC, NRML.']}"),
    (#""quantity":1,"price_type":"LIMIT""#, "{'price_type': ['Unknown field.']}"),
  ])
  func `fields of an order`(members: String, message: String) async throws {
    let desk = try await Desk()
    let reply = await desk.post(
      "placeorder", #""strategy":"t","symbol":"TCS","exchange":"NSE","action":"BUY",\#(members)"#)
    #expect(reply.status == 400)
    #expect(reply.message == message)
    #expect(reply.object["mode"] == nil)
    try await desk.stop()
  }

  @Test func `fields are checked before the key`() async throws {
    let desk = try await Desk()
    let both = await desk.client.post("funds", #"{"apikey":"wrong","x":1}"#)
    #expect(both.status == 400)
    let key = await desk.client.post("funds", #"{"apikey":"wrong"}"#)
    #expect(key.status == 403)
    #expect(key.body == #"{"status":"error","message":"Invalid openalgo apikey"}"#)
    let empty = await desk.client.post("funds", #"{"apikey":""}"#)
    #expect(empty.body == #"{"status":"error","message":{"apikey":["Length must be between 1 and 256."]}}"#)
    #expect(await desk.client.post("funds", "{}").body.contains("Missing data for required field."))
    try desk.keys.revoke("asha")
    #expect(await desk.post("funds").status == 403)
    try await desk.stop()
  }

  @Test func `a client over its rate is told to wait, per endpoint`() async throws {
    let desk = try await Desk { $0.ordersPerSecond = 10 }
    var statuses: [Int: Int] = [:]
    var limited: HTTPReply?
    // On a busy machine the first requests may fall out of the window before the eleventh comes: go on until one is
    // refused.
    for _ in 0..<500 where limited == nil {
      let reply = await desk.post("cancelorder", #""strategy":"t","orderid":"1""#)
      statuses[reply.status, default: 0] += 1
      if reply.status == 429 { limited = reply }
    }
    #expect(statuses[404, default: 0] >= 10 && statuses[429] == 1 && statuses.count == 2)
    #expect(limited?.headers["retry-after"] == "1")
    #expect(limited?.message == "Rate limit exceeded: 10 per 1 second")
    #expect(await desk.place("NOPE", "BUY", "1").status == 400)
    try await desk.stop()
  }

  @Test func `the gateway says that it is in analyze mode and stays there`() async throws {
    let desk = try await Desk()
    let mode = await desk.post("analyzer")
    #expect(mode.data["analyze_mode"] as? Bool == true)
    #expect(await desk.post("analyzer/toggle", #""mode":"yes""#).message == "Analyzer mode switched to analyze")
    #expect(await desk.post("analyzer/toggle", #""mode":false"#).status == 400)
    #expect(await desk.post("analyzer/toggle", #""mode":"maybe""#).message == "{'mode': ['Not a valid boolean.']}")
    try await desk.stop()
  }

  @Test func `a port that is taken is named`() async throws {
    let desk = try await Desk()
    let taken = desk.client.port
    let error = await #expect(throws: OrderGatewayError.self) {
      _ = try await Desk { $0.port = taken }
    }
    #expect(error?.description.contains("127.0.0.1:\(taken)") == true)
    try await desk.stop()
  }
}

extension Desk {
  init(_ configure: @escaping (inout OrderGatewayConfiguration) -> Void) async throws {
    var options = Options()
    options.configure = configure
    try await self.init(options)
  }
}
