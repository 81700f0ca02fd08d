// What happens to the bytes of a list on their way from a file or a server: unpacked where they are gzip, hashed, read.
// Nothing but the rows is kept. Cold path; one thread.

import Crypto
import Normalize

/// Takes the bytes of one list.
final class ListIntake {
  private let place: String
  private let reader: any InstrumentReading
  private var gzip: GzipReader?
  /// Until it is known whether the bytes are gzip.
  private var firstBytes: [UInt8]? = []
  private var hash = SHA256()
  private var bytesTaken = 0

  init(_ format: InstrumentFormat, today: Int32, place: String) {
    self.place = place
    reader = format.reader(today: today)
  }

  func take(_ bytes: UnsafeRawBufferPointer) throws(MasterError) {
    bytesTaken += bytes.count
    guard bytesTaken <= MasterSource.bytesMax else { throw .tooLarge(place: place) }
    guard var first = firstBytes else { return try unpack(bytes) }
    first += bytes
    guard first.count >= GzipReader.magic.count else {
      firstBytes = first
      return
    }
    try decide(first)
  }

  /// The list, and a hash of it as it is unpacked.
  func finish() throws(MasterError) -> (master: InstrumentMaster, digest: String) {
    if let first = firstBytes { try decide(first) }
    do {
      try gzip?.finish()
      let master = try reader.finish()
      return (master, hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
    } catch {
      throw translated(error)
    }
  }

  private func decide(_ first: [UInt8]) throws(MasterError) {
    firstBytes = nil
    if first.starts(with: GzipReader.magic) { gzip = GzipReader() }
    // A result, because this closure cannot throw a typed error.
    try first.withUnsafeBytes { bytes in
      Result { () throws(MasterError) in try unpack(bytes) }
    }.get()
  }

  private func unpack(_ bytes: UnsafeRawBufferPointer) throws(MasterError) {
    do {
      if let gzip { try gzip.read(bytes) { try read($0) } } else { try read(bytes) }
    } catch {
      throw translated(error)
    }
  }

  private func read(_ bytes: UnsafeRawBufferPointer) throws {
    hash.update(bufferPointer: bytes)
    try reader.read(bytes)
  }

  private func translated(_ error: any Error) -> MasterError {
    switch error {
    case let error as InstrumentListError: .list(place: place, error)
    case let error as MasterError: error
    default: .gzip(place: place)
    }
  }
}
