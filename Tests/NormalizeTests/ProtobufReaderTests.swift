// The reader of the wire format against hand-made bytes: every wire type, every way to be malformed.

import Normalize
import TestSupport
import Testing

@Suite struct ProtobufReaderTests {
  private struct Field: Equatable {
    var tag: UInt32
    var scalar: UInt64
    var bytes: [UInt8] = []
  }

  /// All fields, and whether the message was well-formed.
  private func read(_ message: [UInt8]) -> (fields: [Field], isWellFormed: Bool) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: message.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: message)
    var reader = ProtobufReader(UnsafeRawBufferPointer(copy))
    var fields: [Field] = []
    while true {
      switch reader.next() {
      case .field:
        let hasBytes = reader.tag & 7 == ProtobufWire.lengthDelimited
        fields.append(Field(tag: reader.tag, scalar: reader.scalar, bytes: hasBytes ? Array(reader.bytes) : []))
      case .end: return (fields, true)
      case .malformed: return (fields, false)
      }
    }
  }

  @Test func `every wire type is read with its value`() {
    let message = Message().integer(1, 300).double(2, 1.5).text(3, "abc").raw([0x25, 1, 2, 3, 4]).integer(1, -1)
    let (fields, isWellFormed) = read(message.bytes)
    #expect(isWellFormed)
    #expect(
      fields == [
        Field(tag: 8, scalar: 300), Field(tag: 17, scalar: (1.5).bitPattern),
        Field(tag: 26, scalar: 3, bytes: Array("abc".utf8)), Field(tag: 0x25, scalar: 0x0403_0201),
        Field(tag: 8, scalar: .max),
      ])
  }

  @Test func `no bytes are a message without fields`() {
    #expect(read([]).isWellFormed)
    var reader = ProtobufReader(UnsafeRawBufferPointer(start: nil, count: 0))
    #expect(reader.next() == .end)
  }

  @Test(arguments: [
    ([0x0B] as [UInt8], "start of a group"), ([0x0C], "end of a group"), ([0x0E], "wire type 6"),
    ([0x0F], "wire type 7"), ([0x00, 0x01], "field number 0"), ([0x02, 0x00], "field number 0 with a length"),
    ([0x08], "no value"), ([0x08, 0x80], "half a varint"), ([0x80], "half a tag"),
    ([0x11, 1, 2, 3, 4, 5, 6, 7], "fixed64"),
    ([0x15, 1, 2, 3], "fixed32"), ([0x12], "no length"), ([0x12, 0x02, 0x41], "length beyond the message"),
    ([0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], "length of 2^32 - 1"),
    ([0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], "length below zero"),
    ([0x08] + [UInt8](repeating: 0xFF, count: 10) + [0x01], "varint of eleven bytes"),
    ([0x88, 0x80, 0x80, 0x80, 0x80, 0x00, 0x01], "tag of six bytes"),
    ([0xF8, 0xFF, 0xFF, 0xFF, 0x1F, 0x01], "tag beyond 32 bits"),
  ])
  func `malformed bytes are refused`(message: [UInt8], what: String) {
    #expect(!read(message).isWellFormed, "\(what)")
    // What came before is there, and memory beyond is not looked at.
    let (fields, isWellFormed) = read([0x08, 0x05] + message)
    #expect(fields == [Field(tag: 8, scalar: 5)] && !isWellFormed, "\(what)")
  }

  @Test func `long forms of small numbers are read, and bits beyond 64 dropped`() {
    let (fields, isWellFormed) = read(
      [0x88, 0x80, 0x80, 0x80, 0x00, 0x05] + [0x08, 0x85, 0x80, 0x00] + [0x08] + [UInt8](repeating: 0xFF, count: 9) + [
        0x7F
      ])
    #expect(isWellFormed)
    #expect(fields == [Field(tag: 8, scalar: 5), Field(tag: 8, scalar: 5), Field(tag: 8, scalar: .max)])
  }

  @Test func `entering a message ends where it ends`() {
    let inner = Message().integer(1, 1).integer(2, 2)
    let message = Message().message(1, inner).integer(3, 3).bytes
    message.withUnsafeBytes { bytes in
      var reader = ProtobufReader(bytes)
      #expect(reader.next() == .field)
      let end = reader.end
      reader.enter()
      #expect(reader.next() == .field && reader.scalar == 1)
      #expect(reader.next() == .field && reader.scalar == 2)
      #expect(reader.next() == .end)
      reader.leave(to: end)
      #expect(reader.next() == .field && reader.tag == 24 && reader.scalar == 3)
      #expect(reader.next() == .end)
    }
  }

  @Test func `a field of an entered message may not reach beyond it`() {
    // The inner message is two bytes, and claims a text of three inside.
    let message: [UInt8] = [0x0A, 0x02, 0x0A, 0x03, 0x41, 0x42, 0x43]
    message.withUnsafeBytes { bytes in
      var reader = ProtobufReader(bytes)
      #expect(reader.next() == .field)
      reader.enter()
      #expect(reader.next() == .malformed)
    }
  }

  @Test func `a message cut anywhere gives its leading fields only`() {
    let message = Message().integer(1, 300).double(2, 1.5).text(3, "abc").raw([0x25, 1, 2, 3, 4]).bytes
    let whole = read(message).fields
    let ends: Set = [0, 3, 12, 17, 22]
    for length in 0...message.count {
      let (fields, isWellFormed) = read(Array(message[..<length]))
      #expect(isWellFormed == ends.contains(length), "cut at \(length)")
      #expect(whole.starts(with: fields), "cut at \(length)")
    }
  }

  @Test func `random bytes end, and never beyond the message`() {
    var generator = SeededGenerator()
    for round in 0..<20_000 {
      let message = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator) & (round % 2 == 0 ? 0xFF : 0x1F)
      }
      let bytesInFields = read(message).fields.reduce(0) { $0 + $1.bytes.count }
      #expect(bytesInFields <= message.count, "seed \(generator.seed), round \(round)")
    }
  }

  @Test func `only UTF-8 is text`() {
    func isText(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { ProtobufReader.isUTF8($0) } }
    #expect(isText([]) && isText(Array("NSE_INDEX|Nifty 50".utf8)) && isText(Array("Nifty é €".utf8)))
    #expect(!isText([0xFF]) && !isText([0xC0, 0x80]) && !isText([0xED, 0xA0, 0x80]))
    #expect(!isText(Array("NSE_EQ|INE002".utf8) + [0x80]) && !isText(Array("1234567".utf8) + [0xC3]))
  }
}
