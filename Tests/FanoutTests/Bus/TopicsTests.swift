import Fanout
import Market
import Testing

@Suite struct TopicsTests {
  private static let registry = InstrumentRegistry([
    instrument(.nse, "RELIANCE"), instrument(.nseIndex, "NIFTY", kind: .index), instrument(.nse, "M&M"),
    instrument(.nse, "TCS:20"), instrument(.crypto, "SOL_INR"), instrument(.nse, "BAJAJ-AUTO"),
    instrument(.nfo, "BANKNIFTY29DEC26FUT"), instrument(.globalIndex, "DOW", kind: .index),
  ])
  private static let names = [
    "NSE_RELIANCE", "NSE_INDEX_NIFTY", "NSE_M&M", "NSE_TCS:20", "CRYPTO_SOL_INR", "NSE_BAJAJ-AUTO",
    "NFO_BANKNIFTY29DEC26FUT", "GLOBAL_INDEX_DOW",
  ]

  @Test func `every instrument has its topic in every mode and is found again by it`() throws {
    for (id, name) in Self.names.enumerated() {
      for (mode, suffix) in [(Mode.ltp, "LTP"), (.quote, "QUOTE"), (.depth, "DEPTH")] {
        let topic = Topics.text(Self.registry[UInt32(id)].key, mode)
        #expect(topic == "\(name)_\(suffix)")
        let parsed = try #require(Topics.parse(topic, in: Self.registry))
        #expect(parsed.instrument == UInt32(id) && parsed.mode == mode)
      }
    }
  }

  @Test func `the mode of a foreign topic may be in any case`() {
    #expect(Topics.parse("NSE_RELIANCE_quote", in: Self.registry)?.mode == .quote)
    #expect(Topics.mode(of: "X_Y_Depth") == .depth)
  }

  @Test(arguments: [
    "", "_", "__", "LTP", "NSE_LTP", "NSE__LTP", "NSE_RELIANCE", "NSE_RELIANCE_FULL", "nse_RELIANCE_LTP",
    "NSE_INDEX_RELIANCE_LTP", "DEBUG_MARKET_DATA", "NSE_RELIANCE_LTP_", "XNSE_RELIANCE_LTP", "NSE_INDEX_LTP",
  ])
  func `what is no topic of an instrument is not parsed`(text: String) {
    #expect(Topics.parse(text, in: Self.registry) == nil)
  }

  @Test func `the topic of a feed's state has its name as it is and is no instrument's`() {
    #expect(Topics.status(ofFeed: "zerodha") == "STATUS_zerodha_FEED")
    #expect(Topics.status(ofFeed: "My_Feed") == "STATUS_My_Feed_FEED")
    #expect(Topics.want(ofSubscription: "STATUS_zerodha_FEED", in: Self.registry) == nil)
  }

  @Test func `a subscription to one instrument is a want, anything else a filter`() {
    func want(_ topic: String) -> Want? { Topics.want(ofSubscription: topic, in: Self.registry) }
    #expect(want("NSE_RELIANCE_LTP") == Want(0, .ltp, delta: 1))
    #expect(want("NSE_INDEX_NIFTY_QUOTE") == Want(1, .quote, delta: 1))
    #expect(want("CRYPTO_SOL_INR_DEPTH") == Want(4, .depth, delta: 1))
    #expect(want("NSE_RELIANCE_") == Want(0, .depth, delta: 1))
    for filter in [
      "", "NSE_", "NSE_INDEX_", "NSE_REL", "NSE_RELIANCE", "NSE_RELIANCE_L", "NSE_ZZZ_LTP", "NSE_RELIANCE_ltp",
    ] {
      #expect(want(filter) == nil, "\(filter)")
    }
  }

  @Test func `wants are balanced whatever the peers send`() {
    var book = SubscriptionBook(registry: Self.registry)
    var wants: [Want] = []
    func send(_ first: UInt8, _ topic: [UInt8]) -> Bool {
      ([first] + topic).withUnsafeBytes { book.onFrame($0, wants: &wants) }
    }
    let topic = Array("NSE_RELIANCE_LTP".utf8)
    #expect(send(1, topic) && send(1, Array("".utf8)) && send(1, [0xFF, 0xFE]))
    #expect(wants == [Want(0, .ltp, delta: 1)] && book.heldCount == 1 && book.topicCount == 3)
    #expect(!send(2, topic) && !UnsafeRawBufferPointer(start: nil, count: 0).withFrame(&book, &wants))
    #expect(send(0, topic) && send(0, topic))
    #expect(wants == [Want(0, .ltp, delta: 1), Want(0, .ltp, delta: -1)])
    #expect(send(0, []) && send(0, [0xFF, 0xFE]) && book.isEmpty)
    #expect(send(1, Array("NSE_M&M_".utf8)) && book.releaseAll() == [Want(2, .depth, delta: -1)] && book.isEmpty)
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func withFrame(_ book: inout SubscriptionBook, _ wants: inout [Want]) -> Bool {
    book.onFrame(self, wants: &wants)
  }
}
