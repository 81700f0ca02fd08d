import CLinux
import Market

/// References per (instrument, mode), held by all consumers together. The mode to subscribe upstream is the highest
/// that anyone holds. Flat memory, touched only where something was ever wanted. Feed loop only.
public struct WantBook: ~Copyable {
  private let counts: UnsafeMutableRawPointer
  private let bytes: Int
  public let count: Int
  /// Releases of something that nobody held: a fault of a consumer, counted and otherwise ignored.
  public private(set) var unbalanced: UInt64 = 0

  /// - Parameter count: instruments, ids 0..<count.
  public init(count: Int) {
    self.count = count
    bytes = max(count, 1) * Self.rowBytes
    guard let memory = tg_map(bytes) else { fatalError("no memory for \(count) reference counts") }
    counts = memory
  }

  deinit { tg_unmap(counts, bytes) }

  private static let rowBytes = 16

  private func row(_ instrument: UInt32) -> UnsafeMutablePointer<UInt32> {
    (counts + Int(instrument) * Self.rowBytes).assumingMemoryBound(to: UInt32.self)
  }

  /// The highest mode that is held, nil for none.
  public func mode(of instrument: UInt32) -> Mode? {
    let row = row(instrument)
    for mode in Mode.allCases.reversed() where row[mode.index] > 0 { return mode }
    return nil
  }

  public func references(_ instrument: UInt32, _ mode: Mode) -> UInt32 { row(instrument)[mode.index] }

  /// - Returns: whether the highest mode may have changed.
  public mutating func apply(_ want: Want) -> Bool {
    guard Int(want.instrument) < count else {
      unbalanced += 1
      return false
    }
    let cell = row(want.instrument) + want.mode.index
    if want.delta >= 0 {
      cell.pointee += UInt32(want.delta)
    } else if cell.pointee >= UInt32(want.delta.magnitude) {
      cell.pointee -= UInt32(want.delta.magnitude)
    } else {
      unbalanced += 1
      return false
    }
    return true
  }
}
