import Feeds
import Testing

@Suite struct FeedEndpointTests {
  @Test func `addresses are read, secrets encoded, nonsense refused`() throws {
    let endpoint = try FeedEndpoint(url: "ws://127.0.0.1:7700", query: [("api_key", "a&b"), ("access_token", "t/1")])
    #expect(endpoint.host == "127.0.0.1" && endpoint.port == 7700 && !endpoint.isSecure)
    #expect(endpoint.target == "/?api_key=a%26b&access_token=t%2F1")
    let secure = try FeedEndpoint(url: "wss://ws.kite.trade/x?y=1", query: [("z", "2")])
    #expect(secure.port == 443 && secure.isSecure && secure.target == "/x?y=1&z=2")
    #expect(try FeedEndpoint(url: "ws://[::1]:90/").host == "[::1]")
    for bad in ["http://x", "ws://", "ws://:80", "ws://h:0", "ws://h:99999", "ws://u@h", "x"] {
      #expect(throws: FeedEndpoint.Invalid.self) { try FeedEndpoint(url: bad) }
    }
  }
}
