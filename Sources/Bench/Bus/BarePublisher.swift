import CLinux
import CZMQ
import Fanout
import Glibc
import Market

/// Does nothing but hand ready messages to libzmq, with the settings of the bus, on the calling thread.
final class BarePublisher: BusPublishing {
  private struct Failure: Error { let call: String }

  private let context: UnsafeMutableRawPointer
  private let socket: UnsafeMutableRawPointer
  /// Topic and payload of each instrument.
  private let messages: [(topic: [UInt8], payload: [UInt8])]
  private var number = 0
  let endpoint: String

  init() throws {
    guard let context = zmq_ctx_new(), let socket = zmq_socket(context, ZMQ_XPUB) else { throw Failure(call: "socket") }
    self.context = context
    self.socket = socket
    // What BusPublisher sets.
    for (option, value) in [(ZMQ_SNDHWM, BusConfiguration().sendQueueMax), (ZMQ_XPUB_NODROP, 1), (ZMQ_LINGER, 2000)] {
      var value = value
      zmq_setsockopt(socket, option, &value, MemoryLayout<Int32>.size)
    }
    guard zmq_bind(socket, "tcp://127.0.0.1:*") == 0 else { throw Failure(call: "bind") }
    var name = [CChar](repeating: 0, count: 256)
    var size = name.count
    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, &name, &size)
    endpoint = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    var encoder = TickEncoder(registry: BusPace.registry, feedNames: ["sim"])
    let out = UnsafeMutableRawPointer.allocate(byteCount: encoder.bytesMax(.ltp), alignment: 16)
    defer { out.deallocate() }
    messages = (0..<BusPace.registry.count).map { instrument in
      var tick = BusPace.tick(instrument, number: instrument)
      let count = encoder.encodeData(&tick, .ltp, into: out)
      return (
        Array(Topics.text(BusPace.registry[UInt32(instrument)].key, .ltp).utf8),
        Array(UnsafeRawBufferPointer(start: out, count: count))
      )
    }
  }

  deinit {
    zmq_close(socket)
    zmq_ctx_term(context)
  }

  func awaitSubscriber() {
    var frame = [UInt8](repeating: 0, count: 64)
    _ = zmq_recv(socket, &frame, frame.count, 0)
  }

  func publish(for nanos: Int64, rate: Int?) -> Int {
    BusPace.run(for: nanos, rate: rate) { count in
      for _ in 0..<count {
        let place = number % messages.count
        send(messages[place].topic, ZMQ_SNDMORE)
        send(messages[place].payload, 0)
        number += 1
      }
    }
  }

  var cpuNanos: Int64 { tg_thread_cpu_nanos() + ThreadUsage.nanos(of: ThreadUsage.library) }

  private func send(_ bytes: [UInt8], _ flags: Int32) {
    while zmq_send(socket, bytes, bytes.count, flags | ZMQ_DONTWAIT) < 0, zmq_errno() == EAGAIN { usleep(20) }
  }

  func end() {
    send(Array(BusPace.endTopic.utf8), ZMQ_SNDMORE)
    send(Array("{}".utf8), 0)
  }
}
