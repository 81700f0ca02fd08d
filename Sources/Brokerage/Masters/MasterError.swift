// What can go wrong with instrument masters, as values whose text says what happened and what stays in force. Cold
// path. Addresses are shown without user, password and query, so that no secret gets into a log.

import Normalize

/// A failure of fetching, reading or storing an instrument list.
public enum MasterError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A file could not be read.
  case file(path: String, reason: String)
  /// Not an https address (http is for this host only).
  case badAddress(String)
  /// No answer, or one that broke off.
  case network(address: String, reason: String)
  case status(address: String, code: Int)
  /// The server wants the login of the day.
  case loginNeeded(address: String, code: Int)
  case tookTooLong(place: String, seconds: Int)
  /// More bytes than `MasterSource.bytesMax`, before they are unpacked.
  case tooLarge(place: String)
  /// Damaged gzip data.
  case gzip(place: String)
  case list(place: String, InstrumentListError)
  /// The list is worse than the last good one, which stays.
  case refused(broker: String, place: String, reasons: [MasterRefusal])
  /// The database refused; the text is SQLite's.
  case database(path: String, reason: String)

  public var description: String {
    switch self {
    case .file(let path, let reason): "\(path): \(reason)"
    case .badAddress(let address): "\(address) is no https address (http is taken for this host only)"
    case .network(let address, let reason): "\(address): \(reason)"
    case .status(let address, let code): "\(address) answered with status \(code)"
    case .loginNeeded(let address, let code):
      "\(address) answered with status \(code): it wants today's login of the broker"
    case .tookTooLong(let place, let seconds): "\(place): not complete after \(seconds) seconds"
    case .tooLarge(let place): "\(place): more than \(MasterSource.bytesMax) bytes"
    case .gzip(let place): "\(place): damaged or incomplete gzip data"
    case .list(let place, let error): "\(place): \(error)"
    case .refused(let broker, let place, let reasons):
      "the instrument list of \(broker) from \(place) is refused, the last good one stays: "
        + reasons.map(\.description).joined(separator: "; ")
    case .database(let path, let reason): "instrument database \(path): \(reason)"
    }
  }
}
