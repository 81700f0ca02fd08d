// Long lists, in pieces as a network delivers them. TICKGATE_ROWS=150000 measures in release:
// `TICKGATE_ROWS=150000 swift test -c release --filter InstrumentListsTests`.

import Foundation
import Glibc
import Market
import Normalize
import TestSupport
import Testing

@Suite(.serialized) struct InstrumentListsTests {
  @Test(arguments: InstrumentFormat.allCases)
  func `a long list is read whole from pieces`(format: InstrumentFormat) throws {
    let rows = getenv("TICKGATE_ROWS").flatMap { Int(String(cString: $0)) } ?? 3000
    let text = InstrumentLists.text(format.rawValue, rows: rows)
    let clock = ContinuousClock()
    let start = clock.now
    let reader = format.reader(today: day(2035, 12, 1))
    for at in stride(from: 0, to: text.count, by: 16_384) {
      try text.withUnsafeBytes {
        try reader.read(UnsafeRawBufferPointer(rebasing: $0[at..<min(at + 16_384, text.count)]))
      }
    }
    let master = try reader.finish()
    if getenv("TICKGATE_ROWS") != nil {
      print("\(format): \(rows) rows, \(text.count) bytes in \(clock.now - start), \(memoryText())")
    }
    #expect(master.readCount == rows && master.brokenCount == 0)
    #expect(master.rows.count > rows * 9 / 10, "\(master.skipped)")
    #expect(Set(master.instruments.map(\.exchange.code)).isSuperset(of: ["NSE", "BSE", "NFO", "BFO", "MCX"]))
    for row in master.rows where row.instrument.kind != .equity && row.instrument.kind != .index {
      let parts = SymbolText(row.instrument.symbol)
      #expect(parts?.underlying == row.instrument.name && parts?.expiryDay == row.instrument.expiryDay)
      #expect(parts?.strike == row.instrument.strike && parts?.kind == row.instrument.kind)
    }
  }

  @Test(arguments: InstrumentFormat.allCases)
  func `an oversized row costs itself only, however it is cut`(format: InstrumentFormat) throws {
    let list = String(decoding: InstrumentLists.text(format.rawValue, rows: 40), as: UTF8.self)
    let whole = try format.parse(Array(list.utf8))
    let filler = String(repeating: "A", count: 40_000)
    let isCSV = format == .kite || format == .dhan
    let long = isCSV ? "\n\(filler)\n" : ",{\"symbol\":\"\(filler)\"},"
    let half = list[..<(try #require(list.range(of: isCSV ? "\n" : "},", options: .backwards))).lowerBound]
    let rest = list[half.endIndex...].drop { $0 != "\n" && $0 != "," }.dropFirst()
    let text = Array((half + (isCSV ? "" : "}") + long + rest).utf8)
    for size in [text.count, 20_000, 4096, 1000, 77] {
      let reader = format.reader()
      for at in stride(from: 0, to: text.count, by: size) {
        try text.withUnsafeBytes {
          try reader.read(UnsafeRawBufferPointer(rebasing: $0[at..<min(at + size, text.count)]))
        }
      }
      let master = try reader.finish()
      #expect(master.rows == whole.rows && master.skipped[.malformedRow] == 1, "\(size)")
    }
  }

  /// Largest and present memory of the process.
  private func memoryText() -> String {
    guard let file = fopen("/proc/self/status", "r") else { return "" }
    defer { fclose(file) }
    var text = ""
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), file) != nil {
      let read = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      if read.hasPrefix("VmHWM") || read.hasPrefix("VmRSS") { text += read.split(separator: "\n").joined() + " " }
    }
    return text
  }
}
