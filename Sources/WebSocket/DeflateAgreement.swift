// What two sides settle about permessage-deflate (RFC 7692 §7.1) in the opening handshake, for either role.
// A plain value; any thread. Cold path; the functions over text allocate.
//
// Neither side of a connection of ours keeps compression state between messages: a server always demands it, a client
// offers it and refuses an answer without it. So nothing is held per connection, and a payload that was compressed once
// can be sent to everyone. What remains to be settled is how far back a payload may refer.

/// The agreement to compress messages on their own.
public struct DeflateAgreement: Sendable, Equatable, BitwiseCopyable {
  /// Range of the window sizes that the protocol knows, as powers of two.
  public static let windowBitsRange = 8...15

  /// What we send may refer back at most two to this power bytes.
  public let windowBits: Int
  /// A server only: the client asked for a bound, so the answer states one.
  private let isWindowAsked: Bool

  /// Whether a payload of this many bytes (uncompressed) that was compressed with `deflaterWindowBits` can be sent. If
  /// not, the message goes out uncompressed, which the extension always allows. A message that is no longer than the
  /// window cannot refer back any further, whatever it was compressed with.
  @inlinable @inline(__always)
  public func accepts(payloadCount: Int, deflaterWindowBits: Int) -> Bool {
    deflaterWindowBits <= windowBits || payloadCount <= 1 &<< windowBits
  }

  // MARK: Text

  private static let name = "permessage-deflate"
  private static let noContextTakeover = "server_no_context_takeover; client_no_context_takeover"

  /// What a client of ours offers. Naming its own window without a value lets the server bound it.
  static let offer = "\(name); \(noContextTakeover); client_max_window_bits"

  /// What a server of ours answers.
  var answer: String {
    "\(Self.name); \(Self.noContextTakeover)" + (isWindowAsked ? "; server_max_window_bits=\(windowBits)" : "")
  }

  // MARK: Server

  /// The first offer that a server can take; those with unknown, repeated or impossible parameters are passed over.
  /// Any window is honoured, 8 bits included, for which zlib has no compressor: see `accepts`.
  init?(acceptingFirstOf list: ExtensionList) {
    for entry in list.entries where entry.name == Self.name {
      guard let parameters = Parameters(entry), parameters.serverWindow != .withoutValue else { continue }
      windowBits = parameters.serverWindow.bits ?? Self.windowBitsRange.upperBound
      isWindowAsked = parameters.serverWindow != .absent
      return
    }
    return nil
  }

  // MARK: Client

  /// What a server's answer to `offer` agrees to; nil when it is not an answer to it.
  init?(answer entry: ExtensionList.Entry) {
    guard entry.name == Self.name, let parameters = Parameters(entry), parameters.isServerWithoutContext,
      parameters.serverWindow != .withoutValue, parameters.clientWindow != .withoutValue
    else { return nil }
    windowBits = parameters.clientWindow.bits ?? Self.windowBitsRange.upperBound
    isWindowAsked = false
  }

  /// The four parameters that the extension knows.
  private struct Parameters {
    enum Window: Equatable {
      case absent
      case withoutValue
      case bits(Int)

      var bits: Int? { if case .bits(let bits) = self { bits } else { nil } }

      /// Nil for anything but a number of the range in its shortest form.
      init?(_ text: String?) {
        guard let text else {
          self = .withoutValue
          return
        }
        guard let bits = DeflateAgreement.windowBitsRange.first(where: { String($0) == text }) else { return nil }
        self = .bits(bits)
      }
    }

    var isServerWithoutContext = false
    var isClientWithoutContext = false
    var serverWindow = Window.absent
    var clientWindow = Window.absent

    /// Nil when a parameter is unknown, repeated, or has a value that it must not have.
    init?(_ entry: ExtensionList.Entry) {
      for (name, value) in entry.parameters {
        switch name {
        case "server_no_context_takeover":
          guard !isServerWithoutContext, value == nil else { return nil }
          isServerWithoutContext = true
        case "client_no_context_takeover":
          guard !isClientWithoutContext, value == nil else { return nil }
          isClientWithoutContext = true
        case "server_max_window_bits":
          guard serverWindow == .absent, let window = Window(value) else { return nil }
          serverWindow = window
        case "client_max_window_bits":
          guard clientWindow == .absent, let window = Window(value) else { return nil }
          clientWindow = window
        default: return nil
        }
      }
    }
  }
}
