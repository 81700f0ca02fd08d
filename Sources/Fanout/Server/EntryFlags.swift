// What a subscriber asked for beside the values themselves, as bits of its entry in the list of an instrument and mode,
// where the tick path finds them without another look-up. A plain value; any thread.

/// Bits 24...31 of an entry; the client's number is below them.
package struct EntryFlags: OptionSet, BitwiseCopyable, Sendable, Hashable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Every message carries its sequence number.
  package static let sequence = EntryFlags(rawValue: 1 << 31)

  /// The bits of an entry that may be flags.
  package static let bits: UInt32 = 0xFF00_0000
}
