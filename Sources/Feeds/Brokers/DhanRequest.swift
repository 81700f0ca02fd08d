// What the market feed and the feeds of books of Dhan have in common: names of segments, the form of a request, the meaning
// of disconnect codes. Pure; feed loop, cold path.

import JSONText
import Market
import Normalize

enum DhanRequest {
  /// Names of the segments that packets have numbers for.
  private static let segments: [UInt8: String] = [
    0: "IDX_I", 1: "NSE_EQ", 2: "NSE_FNO", 3: "NSE_CURRENCY", 4: "BSE_EQ", 5: "MCX_COMM", 7: "BSE_CURRENCY",
    8: "BSE_FNO",
  ]

  /// What the address of every feed ends with.
  static func query(_ credentials: FeedCredentials) -> [(String, String)] {
    [("token", credentials.accessToken), ("clientId", credentials.clientID), ("authType", "2")]
  }

  /// A request for some instruments.
  static func text(_ code: Int64, _ listings: [FeedListing]) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("RequestCode")
    writer.value(code)
    writer.key("InstrumentCount")
    writer.value(Int64(listings.count))
    writer.key("InstrumentList")
    writer.beginArray()
    for listing in listings {
      writer.beginObject()
      write(listing, to: &writer)
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    return writer.bytes
  }

  /// The flat form of a request for one instrument.
  static func text(_ code: Int64, _ listing: FeedListing) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("RequestCode")
    writer.value(code)
    write(listing, to: &writer)
    writer.endObject()
    return writer.bytes
  }

  private static func write(_ listing: FeedListing, to writer: inout JSONWriter) {
    writer.member("ExchangeSegment", segments[listing.segment] ?? "")
    writer.member("SecurityId", listing.token)
  }

  static func notice(ofDisconnect code: UInt16) -> FeedNotice {
    switch DhanDisconnect(rawValue: code) {
    case .instrumentLimit, .tooManyConnections: .disconnect(.limit, "code \(code)")
    case let known? where known.needsOtherCredentials: .disconnect(.auth, "code \(code)")
    default: .disconnect(.serverClose, "code \(code)")
    }
  }
}
