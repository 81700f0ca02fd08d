// The distribution of a latency as SVG: percentile to the right on a scale of nines (1 / (1 - p)), time upwards on a
// logarithmic scale. Cold path.

import ArgumentParser
import Glibc
import Histogram

struct LatencyPlot {
  private let title: String
  private let points: [(nines: Double, micros: Double)]

  private static let width = 900.0
  private static let height = 480.0
  private static let left = 90.0
  private static let right = 50.0
  private static let top = 50.0
  private static let bottom = 60.0
  /// 99.999 %.
  private static let ninesMost = 5.0

  init(_ latency: Histogram<UInt64>, title: String) {
    self.title = title
    points = stride(from: 0.0, through: Self.ninesMost, by: 0.02).map { nines in
      let percentile = 100 * (1 - pow(10, -nines))
      return (nines, max(0.1, Double(latency.valueAtPercentile(percentile)) / 1000))
    }
  }

  private var floor10: Double { floor(log10(points.map(\.micros).min() ?? 1)) }
  private var ceiling10: Double { max(floor10 + 1, ceil(log10(points.map(\.micros).max() ?? 10))) }

  private func x(_ nines: Double) -> Double {
    Self.left + nines / Self.ninesMost * (Self.width - Self.left - Self.right)
  }

  private func y(_ micros: Double) -> Double {
    let share = (log10(micros) - floor10) / (ceiling10 - floor10)
    return Self.height - Self.bottom - share * (Self.height - Self.top - Self.bottom)
  }

  var svg: String {
    var lines = [
      #"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \#(Int(Self.width)) \#(Int(Self.height))" "#
        + #"font-family="sans-serif" font-size="13">"#,
      #"<rect width="100%" height="100%" fill="white"/>"#,
      Self.text(Self.width / 2, 28, title, size: 16),
    ]
    for (nines, label) in [(0.0, "0 %"), (1, "90 %"), (2, "99 %"), (3, "99.9 %"), (4, "99.99 %"), (5, "99.999 %")] {
      lines.append(Self.line(x(nines), Self.top, x(nines), Self.height - Self.bottom))
      lines.append(Self.text(x(nines), Self.height - Self.bottom + 20, label))
    }
    for power in Int(floor10)...Int(ceiling10) {
      let micros = pow(10, Double(power))
      lines.append(Self.line(Self.left, y(micros), Self.width - Self.right, y(micros)))
      lines.append(Self.text(Self.left - 10, y(micros) + 4, Self.label(micros), anchor: "end"))
    }
    lines.append(Self.text(Self.width / 2, Self.height - 12, "percentile of deliveries"))
    let path = points.map { "\(Decimal.text(x($0.nines), places: 1)),\(Decimal.text(y($0.micros), places: 1))" }
    lines.append(
      #"<polyline fill="none" stroke="navy" stroke-width="2" points="\#(path.joined(separator: " "))"/>"#)
    lines.append("</svg>")
    return lines.joined(separator: "\n") + "\n"
  }

  func write(to path: String) throws {
    guard let file = fopen(path, "w") else { throw ValidationError("cannot write \(path)") }
    defer { fclose(file) }
    let bytes = Array(svg.utf8)
    fwrite(bytes, 1, bytes.count, file)
  }

  private static func label(_ micros: Double) -> String {
    switch micros {
    case ..<1000: Decimal.text(micros, places: micros < 1 ? 1 : 0) + " \u{B5}s"
    case ..<1_000_000: Decimal.text(micros / 1000, places: 0) + " ms"
    default: Decimal.text(micros / 1_000_000, places: 0) + " s"
    }
  }

  private static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
    #"<line x1="\#(x1)" y1="\#(y1)" x2="\#(x2)" y2="\#(y2)" stroke="silver"/>"#
  }

  private static func text(
    _ x: Double, _ y: Double, _ text: String, size: Int = 13, anchor: String = "middle"
  ) -> String {
    let escaped = text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
    return #"<text x="\#(x)" y="\#(y)" font-size="\#(size)" text-anchor="\#(anchor)">\#(escaped)</text>"#
  }
}
