// Reads an instrument list in CSV: a header, then a row a line. Columns are found by name, so their order and
// additional ones do not matter. Cold path; one thread, one pass over the bytes.

import Market

/// Columns of one broker's CSV, and what its rows mean.
protocol ListColumns {
  init(header: borrowing CSVRow) throws(InstrumentListError)
  /// Fields that a row must have at least.
  var countMin: Int { get }
  /// The row, or why it is left out.
  func listed(_ row: borrowing CSVRow) throws(SkipReason) -> ListedRow
}

/// Where a header has its columns.
struct ColumnNames {
  private var indexByName: [String: Int] = [:]

  init(_ header: borrowing CSVRow) {
    for index in 0..<header.count { indexByName[header.text(index)] = index }
  }

  /// Index of a column that there must be.
  func index(_ name: String) throws(InstrumentListError) -> Int {
    guard let index = indexByName[name] else { throw .missingColumn(name) }
    return index
  }

  /// Index of a column that there may be.
  func optional(_ name: String) -> Int? { indexByName[name] }
}

final class CSVListReader<Columns: ListColumns>: InstrumentReading {
  private var lines = LineSplitter()
  private var row = CSVRow()
  private var columns: Columns?
  private var builder: MasterBuilder
  private var bytesRead = 0

  init(today: Int32?) { builder = MasterBuilder(today: today) }

  func read(_ bytes: UnsafeRawBufferPointer) throws(InstrumentListError) {
    bytesRead += bytes.count
    guard bytesRead <= InstrumentFormat.listBytesMax else { throw .tooLarge }
    try lines.read(bytes) { (line, number) throws(InstrumentListError) in try take(line, number) }
  }

  func finish() throws(InstrumentListError) -> InstrumentMaster {
    try lines.finish { (line, number) throws(InstrumentListError) in try take(line, number) }
    guard columns != nil else { throw .empty }
    return try builder.finish()
  }

  private func take(_ line: UnsafeRawBufferPointer?, _ number: Int) throws(InstrumentListError) {
    guard let columns else {
      guard let line, row.split(line) else { throw .malformedHeader }
      guard !line.isEmpty else { throw .empty }
      columns = try Columns(header: row)
      return
    }
    if let line, line.isEmpty { return }
    guard number <= InstrumentFormat.rowCountMax else { throw .tooManyRows }
    do throws(SkipReason) {
      guard let line, row.split(line), row.count >= columns.countMin else { throw .malformedRow }
      try builder.add(try columns.listed(row))
    } catch {
      builder.skip(error, number: number)
    }
  }
}
