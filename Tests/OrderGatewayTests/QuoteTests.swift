import Market
import OrderGateway
import Testing

@Suite struct QuoteTests {
  private func members(_ symbol: String) -> String { #""symbol":"\#(symbol)","exchange":"NSE""# }

  @Test func `a current price is answered at once, without a subscription`() async throws {
    let desk = try await Desk()
    desk.feed.tick(reliance, 1000)
    let reply = await desk.post("quotes", members("RELIANCE"))
    #expect(
      reply.body
        == #"{"status":"success","data":{"ltp":1000.00,"open":1000.00,"high":1001.00,"low":999.00,"#
        + #""prev_close":998.00,"bid":999.50,"ask":1000.50,"volume":12345,"oi":0}}"#)
    #expect(desk.wants.count(reliance) == 0)
    try await desk.stop()
  }

  @Test func `an instrument that nobody watches is subscribed for the time of the request`() async throws {
    var options = Desk.Options()
    options.firstPrice = 800
    let desk = try await Desk(options)
    let reply = await desk.post("quotes", members("SBIN"))
    #expect(reply.status == 200)
    #expect(reply.data["ltp"] as? Double == 800)
    #expect(desk.wants.count(sbin) == 0)
    try await desk.stop()
  }

  @Test func `an old price of the present connection is refreshed, and answered when nothing newer comes`() async throws
  {
    let desk = try await Desk()
    desk.feed.tick(reliance, 1000)
    desk.clock.advance(nanos: 60_000_000_000)
    #expect(await desk.post("quotes", members("RELIANCE")).data["ltp"] as? Double == 1000)
    var options = Desk.Options()
    options.firstPrice = 1010
    let lively = try await Desk(options)
    lively.feed.tick(reliance, 1000)
    lively.clock.advance(nanos: 60_000_000_000)
    #expect(await lively.post("quotes", members("RELIANCE")).data["ltp"] as? Double == 1010)
    try await desk.stop()
    try await lively.stop()
  }

  @Test func `a price from before the feed came up is not answered`() async throws {
    let desk = try await Desk()
    desk.feed.tick(reliance, 1000)
    desk.feed.board.set(.stale, of: 0, now: morning)
    let stale = await desk.post("quotes", members("RELIANCE"))
    #expect(stale.status == 503)
    #expect(stale.message.hasPrefix("No current price of RELIANCE on NSE"))
    desk.clock.advance(nanos: 1)
    desk.feed.board.set(.live, of: 0, now: desk.clock.nowNanos())
    #expect(await desk.post("quotes", members("RELIANCE")).status == 503)
    #expect(desk.wants.count(reliance) == 0)
    try await desk.stop()
  }

  @Test func `unknown symbols and exchanges are refused`() async throws {
    let desk = try await Desk()
    let symbol = await desk.post("quotes", members("NOPE"))
    #expect(symbol.status == 400)
    #expect(
      symbol.message
        == "Symbol 'NOPE' not found for exchange 'NSE'. Please verify the symbol name and ensure master contracts are "
        + "downloaded.")
    #expect(symbol.object["mode"] == nil)
    let exchange = await desk.post("quotes", #""symbol":"TCS","exchange":"nse""#)
    #expect(exchange.status == 400)
    #expect(exchange.body.contains("Must be one of: NSE, NFO, CDS, BSE, BFO, BCD, MCX, NCDEX, NCO, NSE_INDEX"))
    try await desk.stop()
  }
}
