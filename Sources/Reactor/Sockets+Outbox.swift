// The loop's side of the outbox: what one send may take, and what is left after it.

import Glibc

extension Sockets {
  /// Sets a new mark for the age of what waits, once all before the last one has left. Asked before a send.
  func noteAge(_ state: UnsafeMutablePointer<SocketState>, _ now: Int64) {
    guard state.pointee.bytesSent >= state.pointee.markBytes else { return }
    state.pointee.markBytes = state.pointee.bytesAppended
    state.pointee.markNanos = now
  }

  /// Bytes until the next fence.
  func bytesToFence(_ state: UnsafeMutablePointer<SocketState>) -> Int {
    guard state.pointee.fenceCount > 0 else { return state.pointee.bytesPending }
    return Int(state.pointee.fences[0] - state.pointee.bytesSent)
  }

  /// A vector over the blocks of an outbox, up to a number of bytes.
  func gather(_ outbox: BlockList, bytesMax: Int) -> UnsafeMutablePointer<SendVector> {
    let vector = vectors.take()
    let parts = vector.parts
    var count = 0
    var left = bytesMax
    var block = outbox.head
    while let current = block, count < SendVector.partsMax, left > 0 {
      let bytes = min(Int(current.pointee.end - current.pointee.start), left)
      parts[count] = iovec(iov_base: current.pointee.payload + Int(current.pointee.start), iov_len: bytes)
      count += 1
      left -= bytes
      block = current.pointee.next
    }
    vector.pointee.header.msg_iov = parts
    vector.pointee.header.msg_iovlen = count
    return vector
  }

  /// Takes sent bytes off the front.
  func consume(_ state: UnsafeMutablePointer<SocketState>, _ count: Int) {
    assert(count <= state.pointee.bytesPending)
    state.pointee.bytesPending -= count
    state.pointee.bytesSent += UInt64(count)
    while state.pointee.fenceCount > 0, state.pointee.fences[0] <= state.pointee.bytesSent {
      for place in 0..<3 { state.pointee.fences[place] = state.pointee.fences[place + 1] }
      state.pointee.fenceCount -= 1
    }
    state.pointee.outbox.drop(count, &pool)
    // A block that is sent but still has room is given back as well: idle sockets hold nothing.
    if state.pointee.bytesPending == 0 { state.pointee.outbox.empty(&pool) }
  }

  /// Removes the first entries of the dirty list.
  func dropDirty(_ count: Int) {
    for place in count..<max(count, dirtyCount) { dirty[place - count] = dirty[place] }
    dirtyCount -= count
  }
}
