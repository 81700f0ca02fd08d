// Whether a connection may be opened: the two query items of the Kite ticker's URL. Pure.

/// The credentials that the simulated exchange asks for.
public struct KiteAuthorization: Sendable, Equatable {
  /// Nil accepts any that is not empty.
  public var apiKey: String?
  /// Nil accepts any that is not empty.
  public var accessToken: String?

  public init(apiKey: String? = nil, accessToken: String? = nil) {
    self.apiKey = apiKey
    self.accessToken = accessToken
  }

  /// Judges a request target such as `/?api_key=k&access_token=t`. The path does not matter; of repeated items the
  /// first counts.
  public func accepts(target: String) -> Bool {
    let target = RequestTarget(target)
    return Self.matches(target["api_key"], wanted: apiKey) && Self.matches(target["access_token"], wanted: accessToken)
  }

  private static func matches(_ given: String?, wanted: String?) -> Bool {
    guard let given, !given.isEmpty else { return false }
    return wanted == nil || given == wanted
  }
}
