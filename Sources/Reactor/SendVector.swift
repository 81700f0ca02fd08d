import Glibc

/// A message header with its vector, in memory that outlives the call: the kernel reads it when it sends.
@usableFromInline struct SendVector {
  static let partsMax = 64

  var header = msghdr()
  var parts: InlineArray<64, iovec> = .init(repeating: iovec(iov_base: nil, iov_len: 0))
}

/// Vectors in use and spare. Loop thread only; grows to the most sends that were ever under way at once.
struct SendVectorPool: ~Copyable {
  private var spare: [UnsafeMutablePointer<SendVector>] = []

  mutating func take() -> UnsafeMutablePointer<SendVector> {
    if let vector = spare.popLast() { return vector }
    let vector = UnsafeMutablePointer<SendVector>.allocate(capacity: 1)
    vector.initialize(to: SendVector())
    return vector
  }

  mutating func give(_ vector: UnsafeMutablePointer<SendVector>) { spare.append(vector) }

  deinit { for vector in spare { vector.deallocate() } }
}

extension UnsafeMutablePointer<SendVector> {
  var parts: UnsafeMutablePointer<iovec> {
    (UnsafeMutableRawPointer(self) + MemoryLayout<SendVector>.offset(of: \.parts)!).assumingMemoryBound(to: iovec.self)
  }
}
