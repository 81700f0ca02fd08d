// One ZeroMQ context and its sockets, confined to the thread that made them. A thin skin: every call maps to one of the
// library's, errors become `BusError`. No allocation of ours per message.

import CZMQ
import Glibc

/// The library's context: one I/O thread of its own for all sockets. Held by each of them, because it can only end
/// after they are closed; it then waits until what they may still send within their linger time is sent.
final class ZeroMQContext {
  fileprivate let handle: UnsafeMutableRawPointer

  init() throws(BusError) {
    guard let handle = zmq_ctx_new() else { throw .library(call: "zmq_ctx_new", errno: zmq_errno()) }
    self.handle = handle
  }

  deinit {
    while zmq_ctx_term(handle) != 0, zmq_errno() == EINTR {}
  }
}

struct ZeroMQSocket: ~Copyable {
  let handle: UnsafeMutableRawPointer
  private let context: ZeroMQContext

  /// - Parameter kind: `ZMQ_XPUB` or another of the library's constants.
  init(_ context: ZeroMQContext, kind: Int32) throws(BusError) {
    guard let handle = zmq_socket(context.handle, kind) else {
      throw .library(call: "zmq_socket", errno: zmq_errno())
    }
    self.handle = handle
    self.context = context
  }

  deinit { zmq_close(handle) }

  func set(_ option: Int32, _ value: Int32) throws(BusError) {
    var value = value
    guard zmq_setsockopt(handle, option, &value, MemoryLayout<Int32>.size) == 0 else {
      throw .library(call: "zmq_setsockopt \(option)", errno: zmq_errno())
    }
  }

  /// The option takes 64 bits.
  func setMessageBytesMax(_ bytes: Int64) throws(BusError) {
    var bytes = bytes
    guard zmq_setsockopt(handle, ZMQ_MAXMSGSIZE, &bytes, MemoryLayout<Int64>.size) == 0 else {
      throw .library(call: "zmq_setsockopt ZMQ_MAXMSGSIZE", errno: zmq_errno())
    }
  }

  func subscribeToAll() throws(BusError) {
    guard zmq_setsockopt(handle, ZMQ_SUBSCRIBE, nil, 0) == 0 else {
      throw .library(call: "zmq_setsockopt ZMQ_SUBSCRIBE", errno: zmq_errno())
    }
  }

  /// Binds, and closes a socket file to other users.
  /// - Returns: the endpoint as bound, with the port that was chosen.
  func bind(_ endpoint: BusEndpoint) throws(BusError) -> String {
    try endpoint.checkPath()
    if endpoint.text.contains("[") { try set(ZMQ_IPV6, 1) }
    guard zmq_bind(handle, endpoint.text) == 0 else {
      let code = zmq_errno()
      throw code == EADDRINUSE
        ? .endpointInUse(endpoint.text) : .bindFailed(endpoint: endpoint.text, errno: code)
    }
    let bound = lastEndpoint() ?? endpoint.text
    if bound.hasPrefix("ipc:///"), chmod(String(bound.dropFirst("ipc://".count)), 0o600) != 0 {
      throw .bindFailed(endpoint: endpoint.text, errno: errno)
    }
    if let path = endpoint.path, !bound.hasPrefix("ipc:///"), chmod(path, 0o600) != 0 {
      throw .bindFailed(endpoint: endpoint.text, errno: errno)
    }
    return bound
  }

  private func lastEndpoint() -> String? {
    var bytes = [UInt8](repeating: 0, count: 512)
    var count = bytes.count
    guard zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &bytes, &count) == 0 else { return nil }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
