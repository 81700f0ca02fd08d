import CZMQ
import Fanout
import Glibc
import Market
import Testing

@Suite struct BusEndpointTests {
  @Test(arguments: [
    "tcp://127.0.0.1:5556", "tcp://127.8.9.255:1", "tcp://[::1]:5556", "tcp://localhost:5556", "ipc:///run/x",
    "inproc://x", "tcp://127.0.0.1:*",
  ])
  func `what only this machine reaches is accepted`(text: String) throws {
    _ = try BusEndpoint(text, allowsPublic: false)
  }

  @Test(arguments: [
    "tcp://*:5556", "tcp://0.0.0.0:5556", "tcp://192.168.1.5:5556", "tcp://[::]:5556", "tcp://127.0.0.1.example.com:1",
    "tcp://127.1:5556", "tcp://127.0.0.256:5556", "tcp://127.0.0.+1:5556", "tcp://eth0:5556", "ipc://@name",
    "tcp://LOCALHOST.example:5",
  ])
  func `what others can reach is refused unless allowed`(text: String) throws {
    #expect(throws: BusError.publicBindRefused(text)) { try BusEndpoint(text, allowsPublic: false) }
    #expect(try BusEndpoint(text, allowsPublic: true).text == text)
  }

  @Test(arguments: [
    "", "tcp://", "tcp://:5", "tcp://127.0.0.1", "tcp://127.0.0.1:99999", "udp://127.0.0.1:5", "ipc://",
    "127.0.0.1:5556",
  ])
  func `what is no endpoint is refused`(text: String) {
    #expect(throws: BusError.unsupportedEndpoint(text)) { try BusEndpoint(text, allowsPublic: true) }
  }

  @Test func `a bus with a public endpoint does not start`() {
    #expect(throws: BusError.publicBindRefused("tcp://*:0")) { try BusHarness { $0.publish = ["tcp://*:0"] } }
    #expect(throws: BusError.publicBindRefused("tcp://0.0.0.0:0")) { try BusHarness { $0.ingest = "tcp://0.0.0.0:0" } }
  }

  @Test func `a taken port is named`() throws {
    let first = try BusHarness()
    let taken = first.bus.endpoints[0]
    #expect(throws: BusError.endpointInUse(taken)) { try BusHarness { $0.publish = [taken] } }
    #expect("\(BusError.endpointInUse(taken))".contains(taken))
  }

  @Test func `a socket file is for its owner alone, and neither a live one nor another file is taken over`() throws {
    let directory = "/tmp/tickgate-bus-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    mkdir(directory, 0o700)
    defer { rmdir(directory) }
    let path = directory + "/bus.sock"
    do {
      let first = try BusHarness { $0.publish = ["ipc://\(path)"] }
      var status = stat()
      #expect(lstat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
      #expect(throws: BusError.endpointInUse("ipc://\(path)")) { try BusHarness { $0.publish = ["ipc://\(path)"] } }
      let peer = first.subscriber("NSE_INFY_LTP")
      #expect(first.hasTopics(1))
      first.submit(exampleTick(BusHarness.infy, .ltp))
      #expect(peer.receive().first == "NSE_INFY_LTP")
    }
    unlink(path)
    close(open(path, O_CREAT | O_WRONLY, 0o600))
    #expect(throws: BusError.pathOccupied("ipc://\(path)")) { try BusHarness { $0.publish = ["ipc://\(path)"] } }
    unlink(path)
  }
}
