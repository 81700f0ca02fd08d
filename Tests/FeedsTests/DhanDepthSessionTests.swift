// Dhan's words on the feeds of 20 and 200 levels: what is asked for, how a connection is opened.

import Feeds
import JSONText
import Market
import Normalize
import Testing

@Suite struct DhanDepthSessionTests {
  private static let listings = [
    FeedListing(instrument: 0, segment: 1, token: "1333"), FeedListing(instrument: 1, segment: 2, token: "52175"),
  ]

  private func session(_ levels: DhanConnection, url: String = DhanDepthSession.standardURL20) -> DhanDepthSession {
    DhanDepthSession(
      url: url, levels: levels, names: ListingTable(Self.listings), tokens: TokenMap(Self.listings, withSegment: true),
      feed: 0, instrumentCount: 2)
  }

  private static let codes: [(ShardPlanner.Verb, Int64)] = [(.subscribe, 23), (.unsubscribe, 25)]

  @Test(arguments: codes)
  func `books of 20 levels are asked for as a list`(verb: ShardPlanner.Verb, code: Int64) throws {
    let root = try session(.depth20).text(verb, .depth, [0, 1])
    #expect(root.keys == ["RequestCode", "InstrumentCount", "InstrumentList"])
    #expect(root["RequestCode"]?.integer == code && root["InstrumentCount"]?.integer == 2)
    let list = try #require(root["InstrumentList"]).elements
    #expect(list.allSatisfy { $0.keys == ["ExchangeSegment", "SecurityId"] })
    #expect(list.map { $0["ExchangeSegment"]?.string } == ["NSE_EQ", "NSE_FNO"])
    #expect(list.map { $0["SecurityId"]?.string } == ["1333", "52175"])
  }

  @Test(arguments: codes)
  func `a book of 200 levels is asked for without a list`(verb: ShardPlanner.Verb, code: Int64) throws {
    let root = try session(.depth200).text(verb, .depth, [1])
    #expect(root.keys == ["RequestCode", "ExchangeSegment", "SecurityId"])
    #expect(root["RequestCode"]?.integer == code)
    #expect(root["ExchangeSegment"]?.string == "NSE_FNO" && root["SecurityId"]?.string == "52175")
  }

  @Test(arguments: [DhanConnection.depth20, .depth200])
  func `there is no message that changes a mode`(levels: DhanConnection) {
    #expect(session(levels).frames(.change, .depth, [0]).isEmpty)
  }

  @Test func `the addresses carry the credentials, and no version`() throws {
    let query = "?token=the-token&clientId=the-client&authType=2"
    let small = try session(.depth20).endpoint(FeedAccess(sampleCredentials))
    #expect(small.host == "depth-api-feed.dhan.co" && small.isSecure && small.fields.isEmpty)
    #expect(small.target == "/twentydepth" + query)
    let large = try session(.depth200, url: DhanDepthSession.standardURL200).endpoint(FeedAccess(sampleCredentials))
    #expect(large.host == "full-depth-api.dhan.co" && large.isSecure && large.fields.isEmpty)
    #expect(large.target == "/twohundreddepth" + query)
  }

  @Test(arguments: [DhanConnection.depth20, .depth200])
  func `texts mean nothing`(levels: DhanConnection) {
    expectNothing(of: session(levels), cut: #"{"status":"failed","errorCode":"805"}"#)
  }
}
