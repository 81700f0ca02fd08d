// What a subscriber's entry in a list says besides the client's number: in what form it wants the bytes, and whether
// they may go at once. Pure; the tick path reads it once per delivery.

/// The top byte of an entry.
package struct EntryFlags: OptionSet, Sendable, BitwiseCopyable {
  package let rawValue: UInt32
  @inline(__always) package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Wants sequence numbers in the text.
  package static var sequence: EntryFlags { EntryFlags(rawValue: 1 << 31) }
  /// Wants binary records.
  package static var binary: EntryFlags { EntryFlags(rawValue: 1 << 30) }
  /// Has agreed to permessage-deflate.
  package static var deflate: EntryFlags { EntryFlags(rawValue: 1 << 29) }
  /// Never sent at once, since it has a rate of its own or something older is owed.
  package static var limited: EntryFlags { EntryFlags(rawValue: 1 << 28) }

  /// The bits of an entry that may be flags; the client's number is below them.
  package static var bits: UInt32 { 0xFF00_0000 }

  /// Forms of a value's bytes: combinations of the first three flags.
  static var forms: Int { 8 }
  static var sequencedForm: Int { 4 }
  static var binaryForm: Int { 2 }
  static var deflatedForm: Int { 1 }

  @inline(__always) static func form(ofEntry entry: UInt32) -> Int { Int(entry >> 29) }
  @inline(__always) static func isLimited(entry: UInt32) -> Bool { entry & limited.rawValue != 0 }
}
