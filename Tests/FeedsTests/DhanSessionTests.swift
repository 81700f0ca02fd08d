// Dhan's words on the market feed: what is asked for, how a connection is opened, what texts of the broker mean.

import Feeds
import JSONText
import Market
import Normalize
import Testing

@Suite struct DhanSessionTests {
  /// Every segment that packets have a number for.
  private static let segments: [(number: UInt8, name: String)] = [
    (0, "IDX_I"), (1, "NSE_EQ"), (2, "NSE_FNO"), (3, "NSE_CURRENCY"), (4, "BSE_EQ"), (5, "MCX_COMM"),
    (7, "BSE_CURRENCY"), (8, "BSE_FNO"),
  ]
  private static let listings = segments.enumerated().map {
    FeedListing(instrument: UInt32($0.offset), segment: $0.element.number, token: "\(1333 + $0.offset)")
  }

  private func session() -> DhanSession {
    DhanSession(
      url: DhanSession.standardURL, names: ListingTable(Self.listings),
      tokens: TokenMap(Self.listings, withSegment: true), feed: 0, instrumentCount: Self.listings.count)
  }

  @Test(
    arguments: [
      (ShardPlanner.Verb.subscribe, Mode.ltp, 15), (.unsubscribe, .ltp, 16), (.subscribe, .quote, 17),
      (.unsubscribe, .quote, 18), (.subscribe, .depth, 21), (.unsubscribe, .depth, 22),
    ] as [(ShardPlanner.Verb, Mode, Int64)])
  func `a request has the code of its mode, and its instruments as a list`(
    verb: ShardPlanner.Verb, mode: Mode, code: Int64
  ) throws {
    let root = try session().text(verb, mode, Self.listings.map(\.instrument))
    #expect(root.keys == ["RequestCode", "InstrumentCount", "InstrumentList"])
    #expect(root["RequestCode"]?.integer == code)
    #expect(root["InstrumentCount"]?.integer == Int64(Self.listings.count))
    let list = try #require(root["InstrumentList"]).elements
    #expect(list.allSatisfy { $0.keys == ["ExchangeSegment", "SecurityId"] })
    #expect(list.map { $0["ExchangeSegment"]?.string } == Self.segments.map(\.name))
    #expect(list.map { $0["SecurityId"]?.string } == Self.listings.map(\.token))
  }

  @Test func `there is no message that changes a mode`() {
    #expect(session().frames(.change, .depth, [0]).isEmpty)
  }

  @Test func `the address carries the credentials, encoded`() throws {
    let credentials = FeedCredentials(accessToken: "a+b/c=&d", clientID: "10 00")
    let endpoint = try session().endpoint(FeedAccess(credentials))
    #expect(endpoint.host == "api-feed.dhan.co" && endpoint.port == 443 && endpoint.isSecure)
    #expect(endpoint.target == "/?version=2&token=a%2Bb%2Fc%3D%26d&clientId=10%2000&authType=2")
    #expect(endpoint.fields.isEmpty)
  }

  @Test func `there is no heartbeat but the pings of WebSocket`() {
    #expect(session().heartbeat == nil)
  }

  @Test func `texts mean nothing`() {
    #expect(session().notice("Markets Open") == .ignored)
    expectNothing(of: session(), cut: #"{"status":"failed","errorCode":"805","errorMessage":"x"}"#)
  }
}
