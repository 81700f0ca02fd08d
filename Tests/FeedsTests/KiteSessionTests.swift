import Feeds
import JSONText
import Market
import Normalize
import Testing

@Suite struct KiteSessionTests {
  private func session(_ listings: [FeedListing] = []) -> KiteSession {
    KiteSession(
      url: "ws://127.0.0.1:1", names: ListingTable(listings), tokens: TokenMap(listings, withSegment: false), feed: 0)
  }

  @Test func `messages carry tokens as numbers`() throws {
    let session = session([FeedListing(instrument: 3, token: "408065"), FeedListing(instrument: 4, token: "884737")])
    func text(_ verb: ShardPlanner.Verb, _ mode: Mode, _ instruments: [UInt32]) -> [FeedFrame] {
      session.frames(for: ShardPlanner.Message(shard: 0, verb: verb, mode: mode, instruments: instruments))
    }
    func frame(_ text: String) -> [FeedFrame] { [.text(Array(text.utf8))] }
    #expect(text(.subscribe, .quote, [3, 4]) == frame(#"{"a":"subscribe","v":[408065,884737]}"#))
    #expect(text(.unsubscribe, .depth, [4]) == frame(#"{"a":"unsubscribe","v":[884737]}"#))
    #expect(text(.change, .depth, [3, 4]) == frame(#"{"a":"mode","v":["full",[408065,884737]]}"#))
    #expect(text(.change, .ltp, [3]) == frame(#"{"a":"mode","v":["ltp",[408065]]}"#))
  }

  @Test func `text frames of the broker are told apart`() {
    let session = session()
    func notice(_ text: String) -> FeedNotice { Array(text.utf8).withUnsafeBytes { session.onText($0) } }
    #expect(notice(#"{"type":"error","data":"no"}"#) == .error("no"))
    #expect(notice(#"{"type":"message","data":"hi"}"#) == .message("hi"))
    #expect(notice(#"{"type":"order","data":{"a":1}}"#) == .order(Array(#"{"a":1}"#.utf8)))
    #expect(notice(#"{"type":"order","data":3}"#) == .ignored)
    #expect(notice(#"{"type":"instruments_meta","data":{}}"#) == .ignored)
    #expect(notice("not json") == .ignored)
    #expect(notice("[]") == .ignored)
  }
}
