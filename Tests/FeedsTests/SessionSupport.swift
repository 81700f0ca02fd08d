// What tests of single sessions share: messages of the planner in, texts of the broker in, JSON out. No sockets.

import Feeds
import JSONText
import Market
import Normalize
import Testing

/// Credentials of which every field is another text.
let sampleCredentials = FeedCredentials(
  apiKey: "the-key", accessToken: "the-token", clientID: "the-client", feedToken: "the-feed-token")

extension FeedSession {
  /// The frames of a message for socket 0.
  func frames(_ verb: ShardPlanner.Verb, _ mode: Mode, _ instruments: [UInt32]) -> [FeedFrame] {
    frames(for: ShardPlanner.Message(shard: 0, verb: verb, mode: mode, instruments: instruments))
  }

  /// The JSON of a message that is one text frame.
  func text(_ verb: ShardPlanner.Verb, _ mode: Mode, _ instruments: [UInt32]) throws -> JSONValue {
    let frames = frames(verb, mode, instruments)
    try #require(frames.count == 1)
    guard case .text(let bytes) = frames[0] else { throw WrongFrame() }
    return try JSONDocument(bytes).root
  }

  /// The JSON of a message that is one binary frame.
  func binary(_ verb: ShardPlanner.Verb, _ mode: Mode, _ instruments: [UInt32]) throws -> JSONValue {
    let frames = frames(verb, mode, instruments)
    try #require(frames.count == 1)
    guard case .binary(let bytes) = frames[0] else { throw WrongFrame() }
    return try JSONDocument(bytes).root
  }

  func notice(_ text: String) -> FeedNotice { notice(Array(text.utf8)) }
  func notice(_ text: [UInt8]) -> FeedNotice { text.withUnsafeBytes { onText($0) } }
}

/// A frame of the other kind.
struct WrongFrame: Error {}

extension JSONValue {
  /// Names of an object's members, in no order.
  var keys: Set<String> { Set(members.map(\.key)) }
  /// Texts of an array, nil where an element is no text.
  var texts: [String?] { elements.map(\.string) }
}

/// Texts that no broker would send. Nothing may come of them but silence or a short error.
enum HostileText {
  static let all: [[UInt8]] = plain.map { Array($0.utf8) } + binary + [long, deep, wide]

  private static let plain = [
    "", " ", "{", "}", "[", "]", "null", "true", "1e999", #"""#, #"{"a""#, #"{"a":}"#, "[[[[", "pong ", "PONG",
    #"[{"errorCode":"E1"}]"#, #"{"status":["failed"]}"#, #"{"status":{"failed":1}}"#, #"{"status":true,"error":3}"#,
    #"{"errorCode":1002}"#, #"{"errorCode":{},"errorMessage":[]}"#, #"{"type":7,"data":{}}"#, #"{"type":{}}"#,
    #"{"errorCode":null,"status":null,"type":null}"#, #"{"type":"order"}"#, #"{"type":"order","data":null}"#,
  ]
  /// Not UTF-8, and bytes of control.
  private static let binary: [[UInt8]] = [
    [0], [0xFF, 0xFE], [0x7B, 0x22, 0xC3, 0x28, 0x22, 0x7D], [0xED, 0xA0, 0x80],
  ]
  /// A megabyte of what is not JSON.
  private static let long = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
  private static let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1 << 20)
  private static let wide = Array(#"{"a":["#.utf8) + (0..<500_000).flatMap { _ in Array("1,".utf8) } + Array("1]}".utf8)

  /// Every beginning of a text.
  static func beginnings(of text: String) -> [[UInt8]] {
    let bytes = Array(text.utf8)
    return (0..<bytes.count).map { Array(bytes[..<$0]) }
  }

  /// Longest text of an error that may come of any of them, in bytes: 300 letters of a broker and a code before them.
  static let errorBytesMax = 2048
}

/// The session makes nothing of hostile texts.
func expectNothing(of session: some FeedSession, cut text: String, sourceLocation: SourceLocation = #_sourceLocation) {
  for bytes in HostileText.all + HostileText.beginnings(of: text) {
    #expect(
      session.notice(bytes) == .ignored, "\(String(decoding: bytes.prefix(40), as: UTF8.self))",
      sourceLocation: sourceLocation)
  }
}
