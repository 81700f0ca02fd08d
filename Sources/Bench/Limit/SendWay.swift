import ArgumentParser

/// How what is due to a client leaves.
enum SendWay: String, CaseIterable, ExpressibleByArgument {
  /// Copied into the client's own buffer; one SEND per client and batch, all in one submission.
  case copy
  /// Copied into the client's own buffer; one `send()` per client and batch.
  case coalesced
  /// One SENDMSG per client and batch over frames that all clients share.
  case sendmsg
  /// One SEND bundle per client and batch over a buffer ring of the client that points at shared frames.
  case bundle
  /// Like `copy`, with zero-copy SENDs; the buffer is free when the peer has read.
  case zc
  /// One `send()` per client and tick.
  case perMessage = "per-message"

  var usesSharedFrames: Bool { self == .sendmsg || self == .bundle }
}
