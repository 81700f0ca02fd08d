// Whole sample frames of all four brokers as readable JSON, compared by the rules that the sample files state: numbers
// within a tolerance, every member there and no other, ticks of Upstox in any order.

import Foundation
import Normalize
import Testing

/// One sample frame.
struct SampleFrame: Sendable, CustomTestStringConvertible {
  var broker: InspectedBroker
  var id: String
  /// The sample as a line of JSON.
  var line: [UInt8]
  var testDescription: String { id }

  static let all: [SampleFrame] =
    InspectedBroker.allCases.flatMap { load($0, $0.rawValue) + load($0, "\($0.rawValue)-examples") }
    + load(.upstox, "upstox-random")

  private static func load(_ broker: InspectedBroker, _ file: String) -> [SampleFrame] {
    guard let data = try? Data(contentsOf: fixture("feeds/\(file).json")),
      let content = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
      let rows = content["vectors"] as? [[String: Any]]
    else { return [] }
    return rows.compactMap { row in
      guard let line = try? JSONSerialization.data(withJSONObject: row) else { return nil }
      return SampleFrame(broker: broker, id: row["id"] as? String ?? "?", line: Array(line))
    }
  }
}

/// JSON with the comparison of the sample files.
enum Sample {
  static func object(_ json: [UInt8]) -> [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(json))) as? [String: Any] ?? [:]
  }

  /// First difference as text; nil when there is none.
  static func difference(_ actual: Any?, _ wanted: Any?, tolerance: Double, at path: String) -> String? {
    switch (actual, wanted) {
    case (nil, nil): return nil
    case (let actual as [String: Any], let wanted as [String: Any]):
      for name in Set(actual.keys).union(wanted.keys).sorted() {
        let found = difference(actual[name], wanted[name], tolerance: tolerance, at: "\(path).\(name)")
        if let found { return found }
      }
      return nil
    case (let actual as [Any], let wanted as [Any]):
      guard actual.count == wanted.count else { return "\(path): \(actual.count) elements, expected \(wanted.count)" }
      for (index, pair) in zip(actual, wanted).enumerated() {
        if let found = difference(pair.0, pair.1, tolerance: tolerance, at: "\(path)[\(index)]") { return found }
      }
      return nil
    case (let actual as String, let wanted as String): return actual == wanted ? nil : "\(path): \(actual), \(wanted)"
    case (let actual as NSNumber, let wanted as NSNumber):
      let allowed = max(tolerance, 1e-9 * max(abs(actual.doubleValue), abs(wanted.doubleValue)))
      return abs(actual.doubleValue - wanted.doubleValue) <= allowed ? nil : "\(path): \(actual), expected \(wanted)"
    default: return "\(path): \(actual ?? "absent"), expected \(wanted ?? "absent")"
    }
  }

  /// Ticks by token, as the order of a map means nothing; levels without empty ones at the end, which short samples of
  /// long packets leave out.
  static func comparable(_ row: [String: Any], _ broker: InspectedBroker) -> [String: Any] {
    var ticks = row["expect"] as? [[String: Any]] ?? []
    if broker == .upstox { ticks.sort { $0["token"] as? String ?? "" < $1["token"] as? String ?? "" } }
    for (index, tick) in ticks.enumerated() {
      guard var levels = tick["levels"] as? [[String: NSNumber]] else { continue }
      while let last = levels.last, last.values.allSatisfy({ $0.doubleValue == 0 }) { levels.removeLast() }
      ticks[index]["levels"] = levels
    }
    var result: [String: Any] = ["expect": ticks]
    for name in ["event", "reject"] { if let value = row[name] { result[name] = value } }
    return result
  }
}

@Suite struct InspectorTests {
  @Test func `the samples are there`() {
    let counts = InspectedBroker.allCases.map { broker in SampleFrame.all.filter { $0.broker == broker }.count }
    #expect(counts == [20, 18, 215, 26])
  }

  @Test(arguments: SampleFrame.all)
  func `sample frames say exactly what is expected`(sample: SampleFrame) {
    var transcript = FrameTranscript(sample.broker)
    let results = sample.line.withUnsafeBytes { transcript.read($0) }
    #expect(results.count == 1 && transcript.badLineCount == 0)
    let wanted = Sample.object(sample.line)
    let actual = Sample.object(results.first ?? [])
    #expect(actual["id"] as? String == sample.id)
    let difference = Sample.difference(
      Sample.comparable(actual, sample.broker), Sample.comparable(wanted, sample.broker),
      tolerance: (wanted["price_tol"] as? NSNumber)?.doubleValue ?? 0, at: sample.id)
    #expect(difference == nil)
  }

  private func inspect(_ broker: InspectedBroker, _ frame: CapturedFrame) -> Inspection {
    broker.inspector().inspect(frame)
  }

  private func ticks(_ inspection: Inspection) -> [String] {
    inspection.ticks.map { String(decoding: $0, as: UTF8.self) }
  }

  private func event(_ inspection: Inspection) -> String? {
    inspection.event.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func `what follows good packets is the tail`() {
    let frame: [UInt8] = [0, 2, 0, 8, 0, 0, 1, 1, 0, 0, 0, 9, 0, 8, 0]
    let inspection = inspect(.zerodha, CapturedFrame(frame))
    #expect(ticks(inspection) == [#"{"kind":"ltp","token":"257","seg":1,"ltp":0.09}"#])
    #expect(inspection.rejection == .tail)
  }

  @Test func `text messages are events`() {
    let texts: [(InspectedBroker, String, String)] = [
      (.zerodha, #"{"type":"error","data":"Invalid token"}"#, #"{"type":"error","data":"Invalid token"}"#),
      (.zerodha, "hello", #"{"type":"ignored"}"#),
      (.angel, "pong", #"{"type":"pong"}"#),
      (
        .angel, #"{"correlationID":"a","errorCode":"E1002","errorMessage":"limit"}"#,
        #"{"type":"error","code":"E1002","message":"limit"}"#
      ),
      (.upstox, #"{"status":"failed","method":"sub","error":5}"#, #"{"type":"error","method":"sub","error":5}"#),
      (.upstox, "[]", #"{"type":"ignored"}"#),
      (.dhan, "{}", #"{"type":"ignored"}"#),
    ]
    for (broker, text, wanted) in texts {
      #expect(event(inspect(broker, CapturedFrame(Array(text.utf8), isText: true))) == wanted)
    }
    #expect(event(inspect(.zerodha, CapturedFrame([0]))) == #"{"type":"heartbeat"}"#)
  }

  @Test func `more than five entries of one side are all shown`() {
    // Ten buy entries: the tick has room for five of them.
    var packet = [UInt8](repeating: 0, count: 379)
    packet[0] = 3
    packet[1] = 1
    packet[2] = UInt8(ascii: "7")
    for entry in 0..<10 {
      packet[147 + entry * 20] = 1
      packet[147 + entry * 20 + 2] = UInt8(entry + 1)
      packet[147 + entry * 20 + 10] = 100
      packet[147 + entry * 20 + 18] = 2
    }
    packet[147 + 7] = 1
    let tick = Sample.object(inspect(.angel, CapturedFrame(packet)).ticks.first ?? [])
    let buy = (tick["depth"] as? [String: [[String: NSNumber]]])?["buy"] ?? []
    #expect(buy.map { $0["quantity"]?.int64Value } == [1 + 1 << 40] + (2...10).map { $0 })
    #expect(buy.allSatisfy { $0["price"] == 1 && $0["orders"] == 2 })
  }

  @Test func `a repeated key is shown once, as the last entry has it`() {
    let price = { (value: Double) in Message().message(1, .ltpc(value)) }
    let frame = Message.frame([("B", price(1)), ("A", price(2)), ("B", price(3)), ("A", Message())])
    let shown = ticks(inspect(.upstox, CapturedFrame(frame)))
    #expect(shown.count == 1 && shown[0].contains(#""token":"B""#) && shown[0].contains(#""ltp":3.0"#))
  }

  @Test func `a message without a trade shows the zeros that it says`() {
    let frame = Message.frame(.market(Message().message(2, .levels(1)).integer(6, 5)))
    let tick = Sample.object(inspect(.upstox, CapturedFrame(frame)).ticks.first ?? [])
    let names = ["atp", "depth", "kind", "oi", "recv_ts_ms", "token", "total_buy_qty", "total_sell_qty", "volume"]
    #expect(tick.keys.sorted() == names)
    #expect((tick["volume"] as? Int, tick["oi"] as? Int) == (5, 0))
  }

  @Test func `an impossible price is told`() {
    let price = { (value: Double) in Message().message(1, .ltpc(value)) }
    let both = inspect(.upstox, CapturedFrame(Message.frame([("A", price(.nan)), ("B", price(1))])))
    #expect(both.ticks.count == 1 && both.rejection == .tail)
    #expect(inspect(.upstox, CapturedFrame(Message.frame(price(-1)))).rejection == .frame)
  }
}
