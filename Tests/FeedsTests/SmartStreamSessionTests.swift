// Angel One's words: what is asked for, how a connection is opened, what texts of the broker mean.

import Feeds
import JSONText
import Market
import Normalize
import Testing

@Suite struct SmartStreamSessionTests {
  private static let listings = [
    FeedListing(instrument: 0, segment: 1, token: "2885"), FeedListing(instrument: 1, segment: 5, token: "234230"),
    FeedListing(instrument: 2, segment: 1, token: "10626"), FeedListing(instrument: 3, segment: 13, token: "1234"),
  ]

  private func session(books: Bool = false) -> SmartStreamSession {
    SmartStreamSession(
      url: SmartStreamSession.standardURL, names: ListingTable(Self.listings),
      tokens: TokenMap(Self.listings, withSegment: true), feed: 0, instrumentCount: 4, wantsBooks: books)
  }

  @Test(arguments: [(Mode.ltp, 1), (.quote, 2), (.depth, 3)] as [(Mode, Int64)])
  func `a subscription names its mode and lists tokens by exchange`(mode: Mode, number: Int64) throws {
    let root = try session().text(.subscribe, mode, [0, 1, 2, 3])
    #expect(root.keys == ["correlationID", "action", "params"])
    #expect(root["action"]?.integer == 1)
    let params = try #require(root["params"])
    #expect(params.keys == ["mode", "tokenList"])
    #expect(params["mode"]?.integer == number)
    let list = try #require(params["tokenList"]).elements
    #expect(list.map { $0["exchangeType"]?.integer } == [1, 5, 13])
    #expect(list.map { $0["tokens"]?.texts } == [["2885", "10626"], ["234230"], ["1234"]])
    #expect(list.allSatisfy { $0.keys == ["exchangeType", "tokens"] })
  }

  @Test func `the end of a subscription has action 0 and the mode that ends`() throws {
    let root = try session().text(.unsubscribe, .depth, [1])
    #expect(root["action"]?.integer == 0)
    #expect(root["params"]?["mode"]?.integer == 3)
    #expect(root["params"]?["tokenList"]?.elements.first?["tokens"]?.texts == ["234230"])
  }

  @Test(arguments: Mode.allCases)
  func `books are mode 4, whatever is wanted of them`(mode: Mode) throws {
    let session = session(books: true)
    let begin = try session.text(.subscribe, mode, [0])
    let end = try session.text(.unsubscribe, mode, [0])
    #expect(begin["params"]?["mode"]?.integer == 4 && begin["action"]?.integer == 1)
    #expect(end["params"]?["mode"]?.integer == 4 && end["action"]?.integer == 0)
  }

  @Test func `there is no message that changes a mode`() {
    #expect(session().frames(.change, .depth, [0]).isEmpty)
  }

  @Test func `every message has a name of its own of at most ten letters`() throws {
    let session = session()
    var names: Set<String> = []
    for _ in 0..<2000 {
      let name = try #require(try session.text(.subscribe, .ltp, [0])["correlationID"]?.string)
      #expect((1...10).contains(name.utf8.count))
      #expect(names.insert(name).inserted, "\(name) twice")
    }
  }

  @Test func `the upgrade shows all four credentials in its fields, and none in its address`() throws {
    let endpoint = try session().endpoint(FeedAccess(sampleCredentials))
    #expect(endpoint.host == "smartapisocket.angelone.in" && endpoint.port == 443 && endpoint.isSecure)
    #expect(endpoint.target == "/smart-stream")
    let fields = Dictionary(uniqueKeysWithValues: endpoint.fields.map { ($0.name.lowercased(), $0.value) })
    let wanted = [
      "authorization": "the-token", "x-api-key": "the-key", "x-client-code": "the-client",
      "x-feed-token": "the-feed-token",
    ]
    #expect(fields == wanted)
  }

  @Test func `a sign of life is the text ping`() {
    #expect(session().heartbeat == .text(Array("ping".utf8)))
  }

  @Test func `an answer to a ping, errors and everything else are told apart`() {
    let session = session()
    #expect(session.notice("pong") == .heartbeat)
    let error = #"{"correlationID":"tg1","errorCode":"E1002","errorMessage":"Subscription limit exceeded"}"#
    #expect(session.notice(error) == .error("E1002: Subscription limit exceeded"))
    #expect(session.notice(#"{"errorCode":"E1001"}"#) == .error("E1001: "))
    #expect(session.notice(#"{"correlationID":"tg1","errorMessage":"no code"}"#) == .ignored)
    #expect(session.notice("hello") == .ignored)
  }

  @Test func `hostile texts come to nothing`() {
    expectNothing(of: session(), cut: #"{"correlationID":"tg1","errorCode":"E1002","errorMessage":"limit"}"#)
  }

  @Test func `an error of a megabyte is cut`() throws {
    let text = String(repeating: "x", count: 1 << 20)
    let notice = session().notice(#"{"errorCode":"\#(text)","errorMessage":"\#(text)"}"#)
    guard case .error(let words) = notice else { return #expect(Bool(false), "not an error") }
    #expect(words.utf8.count <= HostileText.errorBytesMax)
  }
}
