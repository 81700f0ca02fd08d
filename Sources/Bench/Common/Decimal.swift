import Glibc

/// Numbers of reports.
enum Decimal {
  /// Fixed places, up to 6.
  static func text(_ value: Double, places: Int = 2) -> String {
    guard value.isFinite else { return "-" }
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let rounded = Int((abs(value) * Double(scale)).rounded())
    let sign = value < 0 && rounded > 0 ? "-" : ""
    if places == 0 { return sign + String(rounded) }
    let rest = String(rounded % scale)
    return "\(sign)\(rounded / scale).\(String(repeating: "0", count: places - rest.count))\(rest)"
  }
}
