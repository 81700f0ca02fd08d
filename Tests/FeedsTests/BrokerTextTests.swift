// A broker's own words end up in the log: however they are made, they must be short.

import Feeds
import JSONText
import Market
import Normalize
import Testing

@Suite struct BrokerTextTests {
  /// One letter to a reader, a megabyte to a log.
  @Test func `a letter with a megabyte of accents is cut too`() {
    let text = "e" + String(repeating: "\u{301}", count: 1 << 19)
    let session = KiteSession(url: "ws://127.0.0.1:1", names: ListingTable([]), tokens: TokenMap([]), feed: 0)
    guard case .error(let words) = session.notice(#"{"type":"error","data":"\#(text)"}"#) else {
      return #expect(Bool(false), "not an error")
    }
    #expect(words.utf8.count <= HostileText.errorBytesMax)
  }
}
