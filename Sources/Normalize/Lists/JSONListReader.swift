// Reads an instrument list that is a JSON array of flat objects: object by object, with one small reader whose memory
// is kept. Cold path; one thread, one pass over the bytes.

import JSONText
import Market

/// What one broker's objects mean.
protocol ListFields {
  /// Members that are read; others are passed over.
  static var names: [StaticString] { get }
  /// The row, or why it is left out.
  static func listed(_ fields: JSONFields) throws(SkipReason) -> ListedRow
}

/// The members of an object that are read, in the order of `ListFields.names`. Valid while the object is.
struct JSONFields {
  private var values: [JSONView?]

  init(count: Int) { values = Array(repeating: nil, count: count) }

  mutating func fill(_ object: JSONView, _ names: [StaticString]) {
    for index in values.indices { values[index] = nil }
    for (key, value) in object.members {
      for index in names.indices where key.isString(names[index]) { values[index] = value }
    }
  }

  /// What stands in a string or a number, empty for anything else. Strings with escapes are never numbers or codes.
  subscript(index: Int) -> UnsafeRawBufferPointer {
    guard let value = values[index] else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    switch value.kind {
    case .string: return value.plainBytes ?? UnsafeRawBufferPointer(start: nil, count: 0)
    case .integer, .real: return value.raw
    default: return UnsafeRawBufferPointer(start: nil, count: 0)
    }
  }

  /// Text of a string or a number, empty for anything else.
  func text(_ index: Int) -> String {
    if let string = values[index]?.string { return string }
    return String(decoding: self[index], as: UTF8.self)
  }
}

final class JSONListReader<Fields: ListFields>: InstrumentReading {
  private var objects = ObjectSplitter()
  private var json = JSONReader(limits: JSONLimits(depthMax: 4, nodesMax: 512))
  private var fields = JSONFields(count: Fields.names.count)
  private let names = Fields.names
  private var builder: MasterBuilder
  private var bytesRead = 0

  init(today: Int32?) { builder = MasterBuilder(today: today) }

  func read(_ bytes: UnsafeRawBufferPointer) throws(InstrumentListError) {
    bytesRead += bytes.count
    guard bytesRead <= InstrumentFormat.listBytesMax else { throw .tooLarge }
    try objects.read(bytes) { (object, number) throws(InstrumentListError) in
      guard number <= InstrumentFormat.rowCountMax else { throw .tooManyRows }
      do throws(SkipReason) {
        guard let object else { throw .malformedRow }
        try take(object)
      } catch {
        builder.skip(error, number: number)
      }
    }
  }

  func finish() throws(InstrumentListError) -> InstrumentMaster {
    try objects.finish()
    return try builder.finish()
  }

  private func take(_ object: UnsafeRawBufferPointer) throws(SkipReason) {
    let root: JSONView
    do { root = try json.read(object) } catch { throw .malformedRow }
    fields.fill(root, names)
    try builder.add(try Fields.listed(fields))
  }
}
