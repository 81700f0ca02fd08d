// Dhan says with a number why it ends a connection: what each number does to a feed, over real sockets.

import Feeds
import Market
import Normalize
import Testing

@Suite struct DhanDisconnectTests {
  /// How a number is packed.
  enum Form: String, CaseIterable {
    /// On the market feed: ten bytes, the number at 8.
    case market
    /// On the feeds of books, as the published client reads it: twelve bytes, the number at 8.
    case short
    /// On the feeds of books, as it is documented: fourteen bytes, the number at 12.
    case long

    func packet(_ code: UInt16) -> [UInt8] {
      let number = [UInt8(truncatingIfNeeded: code), UInt8(code >> 8)]
      return switch self {
      case .market: [50, 10, 0, 1, 1, 0, 0, 0] + number
      case .short: [12, 0, 50, 1, 1, 0, 0, 0] + number + [0, 0]
      case .long: [14, 0, 50, 1, 1, 0, 0, 0, 9, 9, 9, 9] + number
      }
    }
  }

  private static let codes = UInt16(800)...814

  private static func moment(after code: UInt16) -> FeedMoment {
    switch code {
    case 804, 805: FeedMoment(.reconnecting, .limit)
    case 806...810: FeedMoment(.authFailed, .auth)
    default: FeedMoment(.reconnecting, .serverClose)
    }
  }

  private static func definition(_ name: String, url: String, _ form: Form) -> FeedDefinition {
    // Books alone have sockets that are opened only when somebody wants one.
    FeedDefinition(name: name, listings: [], capability: .dhan) { feed in
      let (names, tokens) = (ListingTable([]), TokenMap([]))
      guard form != .market else {
        return DhanSession(url: url, names: names, tokens: tokens, feed: feed, instrumentCount: 1)
      }
      return DhanDepthSession(
        url: url, levels: form == .short ? .depth20 : .depth200, names: names, tokens: tokens, feed: feed,
        instrumentCount: 1)
    }
  }

  /// A feed for every number, all at once.
  @Test(arguments: Form.allCases)
  func `every documented number has its meaning`(form: Form) async throws {
    let rig = try ScriptedRig(
      [],
      script: { connection in
        let code = connection.target.split(separator: "?").first.flatMap { UInt16($0.dropFirst()) } ?? 0
        connection.send(.binary, form.packet(code))
        connection.waitForEnd()
      },
      define: { url in
        Self.codes.map { Self.definition("\(form.rawValue)-\($0)", url: "\(url)/\($0)", form) }
      })
    for code in Self.codes {
      let name = "\(form.rawValue)-\(code)"
      #expect(await rig.run { rig.trail(of: name).contains { $0.reason != .none } })
      #expect(rig.trail(of: name).first { $0.reason != .none } == Self.moment(after: code), "\(code)")
      #expect(rig.lines(of: name).contains { $0.contains("code \(code)") }, "\(rig.lines(of: name))")
    }
  }
}
