// Lines of captured frames: both layouts, sessions, names, and lines that are no good.

import Market
import Normalize
import Testing

@Suite struct FrameTranscriptTests {
  private static let ltp = "00010008000001010000000a"

  private func read(_ transcript: inout FrameTranscript, _ line: String) -> [String] {
    Array(line.utf8).withUnsafeBytes { transcript.read($0) }.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func `a line of one frame repeats its labels`() {
    var transcript = FrameTranscript(.zerodha)
    let line = #"{"id":7,"session":"s","seq":0,"broker":"x","note":[{}],"frame_hex":"\#(Self.ltp)"}"#
    let wanted = #"{"id":7,"session":"s","seq":0,"expect":[{"kind":"ltp","token":"257","seg":1,"ltp":0.1}]}"#
    #expect(read(&transcript, line) == [wanted])
    #expect(read(&transcript, line.uppercased().replacing("FRAME_HEX", with: "frame_hex")).count == 1)
  }

  @Test func `a line of several frames gives an object for each`() {
    var transcript = FrameTranscript(.zerodha)
    let line =
      #"{"id":"a","frames":[{"hex":"\#(Self.ltp)"},{"hex":"00"},{"text":"{\"type\":\"order\"}"},{"hex":"ffff"}]}"#
    #expect(
      read(&transcript, line) == [
        #"{"id":"a","frame":0,"updates":[{"kind":"ltp","token":"257","seg":1,"ltp":0.1}]}"#,
        #"{"id":"a","frame":1,"updates":[],"control":"heartbeat"}"#,
        #"{"id":"a","frame":2,"updates":[],"control":"order"}"#,
        #"{"id":"a","frame":3,"updates":[],"reject":"frame"}"#,
      ])
    #expect(read(&transcript, #"{"frames":[]}"#).isEmpty)
  }

  @Test func `a text frame is a text frame`() {
    var transcript = FrameTranscript(.angel)
    #expect(read(&transcript, #"{"frame_text":"pong"}"#) == [#"{"expect":[],"event":{"type":"pong"}}"#])
  }

  @Test func `the connection says how packets are laid out`() {
    var transcript = FrameTranscript(.dhan)
    let rows = "9a99999999b9ca400500000002000000"
    let packet = "1c002901350500000100000000".dropLast(2) + rows
    let line = #"{"context":{"connection":"depth200"},"frame_hex":"\#(packet)"}"#
    let wanted =
      #"{"kind":"depth200","token":"1333","seg":1,"side":"buy","levels":[{"price":13683.2,"quantity":5,"orders":2}]}"#
    #expect(read(&transcript, line) == [#"{"expect":[\#(wanted)]}"#])
    #expect(read(&transcript, #"{"frame_hex":"\#(packet)"}"#) != [#"{"expect":[\#(wanted)]}"#])
  }

  @Test func `instruments of a list get their names`() {
    let key = InstrumentKey(.nfo, "NIFTY30DEC25FUT")
    let instrument = Instrument(key: key, name: "NIFTY", tickSize: Price.scale / 20, kind: .future)
    let row = MasterRow(instrument: instrument, brokerExchange: "NFO", token: "257", segment: 1, feedToken: "257")
    let unfed = MasterRow(instrument: instrument, brokerExchange: "NFO", token: "9", segment: 1, feedToken: "")
    var transcript = FrameTranscript(.zerodha, instruments: InspectedInstruments(rows: [unfed, row]))
    let name = #""exchange":"NFO","symbol":"NIFTY30DEC25FUT""#
    #expect(
      read(&transcript, #"{"frame_hex":"\#(Self.ltp)"}"#)
        == [#"{"expect":[{"kind":"ltp","token":"257","seg":1,"ltp":0.1,\#(name)}]}"#])
    #expect(!read(&transcript, #"{"frame_hex":"00010008000002010000000a"}"#)[0].contains("symbol"))
  }

  @Test func `lines that are no good are named, and the others go on`() {
    var transcript = FrameTranscript(.upstox)
    let lines: [(String, String)] = [
      ("{", "not JSON: byte 1"), ("[]", "not a JSON object"),
      ("{}", "no frame: expected frame_hex, frame_text or frames"),
      (#"{"frame_hex":"abc"}"#, "bad frame_hex"), (#"{"frame_hex":"zz"}"#, "bad frame_hex"),
      (#"{"frame_hex":"é"}"#, "bad frame_hex"), (#"{"frame_hex":12}"#, "bad frame_hex"),
      (#"{"frame_text":null}"#, "bad frame_text"), (#"{"frames":{}}"#, "bad frames"),
      (#"{"frames":[{}]}"#, "bad frames"), (#"{"frames":[7]}"#, "bad frames"),
      (String(repeating: "[", count: 1000), "not JSON: not UTF-8, too deep or too large"),
    ]
    for (index, (line, error)) in lines.enumerated() {
      #expect(read(&transcript, line) == [#"{"line":\#(index + 1),"error":"\#(error)"}"#])
    }
    #expect(transcript.badLineCount == lines.count)
    #expect(read(&transcript, #"{"frame_hex":""}"#) == [#"{"expect":[]}"#])
    #expect(read(&transcript, " \r").isEmpty && read(&transcript, "").isEmpty)
    let oversized = String(decoding: transcript.skipOversizedLine(), as: UTF8.self)
    #expect(oversized == #"{"line":\#(lines.count + 4),"error":"longer than \#(FrameTranscript.lineBytesMax) bytes"}"#)
    #expect(transcript.badLineCount == lines.count + 1)
  }

  @Test func `sessions are bounded`() {
    var transcript = FrameTranscript(.upstox)
    for number in 0..<FrameTranscript.sessionsMax {
      #expect(read(&transcript, #"{"session":\#(number),"frame_hex":""}"#).count == 1)
    }
    #expect(read(&transcript, #"{"session":"more","frame_hex":""}"#)[0].contains("more than 1024 sessions"))
    #expect(read(&transcript, #"{"session":5,"frame_hex":""}"#) == [#"{"session":5,"expect":[]}"#])
    #expect(read(&transcript, #"{"session":null,"frame_hex":""}"#) == [#"{"session":null,"expect":[]}"#])
  }
}
