// Upstox's words: what is asked for, how a connection is opened, what texts of the broker mean.

import Feeds
import JSONText
import Market
import Normalize
import Testing

@Suite struct UpstoxSessionTests {
  private static let listings = [
    FeedListing(instrument: 0, token: "NSE_EQ|INE002A01018"), FeedListing(instrument: 1, token: "NSE_INDEX|Nifty 50"),
  ]

  private func session(books: Bool = false) -> UpstoxSession {
    UpstoxSession(
      url: UpstoxSession.standardURL, names: ListingTable(Self.listings), keys: TextTokenMap(Self.listings), feed: 0,
      instrumentCount: 2, wantsBooks: books)
  }

  /// Whole, field by field: the text has nothing else.
  private func check(_ root: JSONValue, method: String, mode: String?, keys: [String]) throws {
    #expect(root.keys == ["guid", "method", "data"])
    #expect(root["method"]?.string == method)
    let data = try #require(root["data"])
    #expect(data.keys == (mode == nil ? ["instrumentKeys"] : ["mode", "instrumentKeys"]))
    #expect(data["mode"]?.string == mode)
    #expect(data["instrumentKeys"]?.texts == keys)
  }

  @Test(arguments: [(Mode.ltp, "ltpc"), (.quote, "full"), (.depth, "full")])
  func `messages are JSON in binary frames, with the mode by its name`(mode: Mode, name: String) throws {
    let session = session()
    let both = ["NSE_EQ|INE002A01018", "NSE_INDEX|Nifty 50"]
    try check(session.binary(.subscribe, mode, [0, 1]), method: "sub", mode: name, keys: both)
    try check(session.binary(.change, mode, [1]), method: "change_mode", mode: name, keys: [both[1]])
    try check(session.binary(.unsubscribe, mode, [1, 0]), method: "unsub", mode: nil, keys: both.reversed())
  }

  @Test(arguments: Mode.allCases)
  func `books are asked for as full_d30, whatever is wanted of them`(mode: Mode) throws {
    let session = session(books: true)
    let keys = ["NSE_EQ|INE002A01018"]
    try check(session.binary(.subscribe, mode, [0]), method: "sub", mode: "full_d30", keys: keys)
    try check(session.binary(.unsubscribe, mode, [0]), method: "unsub", mode: nil, keys: keys)
  }

  @Test func `every message of every socket has a name of its own`() throws {
    var names: Set<String> = []
    for session in [session(), session()] {
      for _ in 0..<500 {
        let name = try #require(try session.binary(.subscribe, .ltp, [0])["guid"]?.string)
        #expect(!name.isEmpty && names.insert(name).inserted, "\(name) twice")
      }
    }
  }

  @Test func `with an address for one connection nothing else is shown`() throws {
    let once = "wss://wsfeeder-api.upstox.com/market-data-feeder/v3/upstox-developer-api/feeds?requestId=r&code=c%2F1"
    let endpoint = try session().endpoint(FeedAccess(sampleCredentials, url: once))
    #expect(endpoint.host == "wsfeeder-api.upstox.com" && endpoint.port == 443 && endpoint.isSecure)
    #expect(endpoint.target == "/market-data-feeder/v3/upstox-developer-api/feeds?requestId=r&code=c%2F1")
    #expect(endpoint.fields.isEmpty)
  }

  @Test func `without one the token is shown as a bearer`() throws {
    let endpoint = try session().endpoint(FeedAccess(sampleCredentials))
    #expect(endpoint.host == "api.upstox.com" && endpoint.target == "/v3/feed/market-data-feed")
    #expect(endpoint.fields.map(\.name) == ["Authorization"] && endpoint.fields.map(\.value) == ["Bearer the-token"])
  }

  @Test func `there is no heartbeat but the pings of WebSocket`() {
    #expect(session().heartbeat == nil)
  }

  @Test func `only a failure is news`() {
    let session = session()
    #expect(session.notice(#"{"status":"failed","method":"sub","error":"too many keys"}"#) == .error("too many keys"))
    #expect(session.notice(#"{"status":"failed","error":{"code":7}}"#) == .error(#"{"code":7}"#))
    #expect(session.notice(#"{"status":"failed"}"#) == .error(""))
    #expect(session.notice(#"{"status":"success","method":"sub"}"#) == .ignored)
    #expect(session.notice("pong") == .ignored)
  }

  @Test func `hostile texts come to nothing`() {
    expectNothing(of: session(), cut: #"{"status":"failed","method":"sub","error":"too many keys"}"#)
  }

  @Test func `an error of a megabyte is cut`() throws {
    let text = String(repeating: "x", count: 1 << 20)
    for value in [#""\#(text)""#, #"["\#(text)"]"#] {
      guard case .error(let words) = session().notice(#"{"status":"failed","error":\#(value)}"#) else {
        return #expect(Bool(false), "not an error")
      }
      #expect(words.utf8.count <= HostileText.errorBytesMax)
    }
  }
}
