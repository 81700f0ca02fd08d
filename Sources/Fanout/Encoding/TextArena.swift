// Memory for rendered text that lives as long as its owner: chunks that only grow. Owned by one thread. Every text is
// followed by zeroed slack, so that it may be copied in whole blocks.

struct TextArena: ~Copyable {
  private static let chunkBytes = 64 * 1024

  private var chunks: [UnsafeMutableRawPointer] = []
  private var usedBytes = 0

  deinit {
    for chunk in chunks { chunk.deallocate() }
  }

  /// Keeps a copy of `text`; the pointer stays valid until the arena ends.
  mutating func store(_ text: [UInt8]) -> UnsafeMutableRawPointer {
    let room = text.count + TextCursor.slackBytes
    if chunks.isEmpty || usedBytes + room > Self.chunkBytes {
      chunks.append(.allocate(byteCount: max(room, Self.chunkBytes), alignment: 16))
      usedBytes = 0
    }
    let memory = chunks[chunks.count - 1] + usedBytes
    usedBytes += room
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: room)
    memory.copyMemory(from: text, byteCount: text.count)
    return memory
  }
}
