// Setting clients up: connect, upgrade, authenticate, subscribe. Many at a time, but no more than a server can accept.
// Requests are small and sent at once. Cold path; allocates.

import CUring
import Glibc
import WebSocket

/// What is needed of a client until it runs.
struct LoadSetUp {
  var handshake: ClientHandshake
  var symbols: [Int]
}

extension LoadLoop {
  private static let atOnce = 128
  private static let retryAfterNanos: Int64 = 100_000_000

  /// Opens as many connections as the ramp allows by now.
  func openMore(_ now: Int64) {
    guard now >= retryNanos else { return }
    var allowed = count
    if plan.rampPerSecond > 0 {
      allowed = min(count, Int(Double(now - startedNanos) / 1e9 * Double(plan.rampPerSecond)) + 1)
    }
    while opened < allowed, inSetUp < Self.atOnce {
      do {
        // After a refusal the count goes back over clients that are on their way.
        if clients[opened].phase == .waiting { try open(opened) }
      } catch {
        return fail("\(error)")
      }
      opened += 1
    }
  }

  private func open(_ number: Int) throws {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | SocketText.nonBlocking, 0)
    guard fd >= 0 else { throw SocketText.Failure("socket") }
    SocketText.set(fd, Int32(IPPROTO_TCP), TCP_NODELAY)
    if plan.sources > 1 {
      // IP_BIND_ADDRESS_NO_PORT: the port is chosen by the connection, so that a source has all of them per peer.
      SocketText.set(fd, Int32(IPPROTO_IP), 24)
      var source = try SocketText.address("127.0.0.\(1 + number % plan.sources)", 0)
      let size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let bound = withUnsafePointer(to: &source) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(fd, $0, size) }
      }
      guard bound == 0 else { throw SocketText.Failure("bind") }
    }
    clients[number].descriptor = fd
    clients[number].phase = .connecting
    inSetUp += 1
    let entry = ring.entry(.connect, number)
    UnsafeMutableRawPointer(address).withMemoryRebound(to: sockaddr.self, capacity: 1) {
      io_uring_prep_connect(entry, fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }

  func onConnect(_ completion: BenchCompletion) {
    let number = completion.index
    guard completion.result == 0 else {
      let now = BenchClock.now()
      guard completion.result == -ECONNREFUSED, now - startedNanos < plan.waitNanos else {
        return fail("\(plan.host):\(plan.port): \(String(cString: strerror(-completion.result)))")
      }
      // The server is not up yet: this one and all after it again.
      close(clients[number].descriptor)
      clients[number].descriptor = -1
      clients[number].phase = .waiting
      inSetUp -= 1
      opened = min(opened, number)
      retryNanos = now + Self.retryAfterNanos
      return
    }
    var nonce = [UInt8](repeating: 0, count: ClientHandshake.nonceBytes)
    for place in nonce.indices { nonce[place] = .random(in: 0...255) }
    let request = ClientHandshake.Request(
      host: plan.host, port: plan.port, isSecure: false, target: dialect.target,
      fields: [(name: "User-Agent", value: "tickgate-bench")])
    guard let handshake = try? ClientHandshake(request, nonce: nonce) else { return fail("a bad host or path") }
    clients[number].phase = .upgrading
    setUps[number] = LoadSetUp(handshake: handshake, symbols: plan.symbols(of: number))
    send(number, handshake.requestBytes)
    arm(number)
  }

  /// - Returns: bytes that belonged to the answer; nil while more is needed or after a failure.
  func shakeHands(_ number: Int, _ bytes: UnsafeRawBufferPointer) -> Int? {
    switch setUps[number]!.handshake.receive(bytes) {
    case .needMore: return nil
    case .refused(let status, _):
      fail("the server answered \(status)")
      return nil
    case .invalid(let reason):
      fail("\(reason)")
      return nil
    case .open(_, let consumed):
      if dialect.authentication.isEmpty {
        subscribe(number)
      } else {
        clients[number].phase = .authenticating
        say(number, dialect.authenticationText(key: plan.key))
        if dialect.authenticationReply == "" { subscribe(number) }
      }
      return consumed
    }
  }

  private func subscribe(_ number: Int) {
    clients[number].phase = .subscribing
    let texts = dialect.subscriptionTexts(setUps[number]!.symbols.map { plan.symbols[$0] })
    clients[number].acknowledgementsDue = texts.count
    for text in texts { say(number, text) }
    if dialect.subscriptionReply == "" { enter(number) }
  }

  /// A message before the client runs. Market data may come before the acknowledgement; it is not counted.
  func control(_ number: Int, _ message: UnsafeRawBufferPointer) {
    let isAuthenticating = clients[number].phase == .authenticating
    switch isAuthenticating ? dialect.judgeAuthentication(message) : dialect.judgeSubscription(message) {
    case .other: break
    case .refused(let text): fail("the server refused: \(text)")
    case .success:
      if isAuthenticating { return subscribe(number) }
      clients[number].acknowledgementsDue -= 1
      if clients[number].acknowledgementsDue == 0 { enter(number) }
    }
  }

  private func enter(_ number: Int) {
    clients[number].phase = .running
    setUps[number] = nil
    inSetUp -= 1
    runningCount += 1
    guard runningCount == count else { return }
    if let pid = plan.pid, let start = usageAtStart, let now = ProcessUsage(pid: pid) {
      result.server = ServerResult(
        setUpCPUNanos: now.cpuNanos - start.cpuNanos, residentAtStart: start.residentBytes,
        residentAtSetUp: now.residentBytes)
    }
    setUpDone()
  }

  // MARK: Saying

  private func say(_ number: Int, _ text: String) {
    send(number, ClientFrames.text(Array(text.utf8), maskKey: .random(in: .min ... .max)))
  }

  private func send(_ number: Int, _ bytes: [UInt8]) {
    do { try SocketText.sendAll(clients[number].descriptor, bytes) } catch { fail("\(error)") }
  }

  func answerPing(_ descriptor: Int32, _ payload: UnsafeRawBufferPointer) {
    let pong = ClientFrames.control(.pong, payload, maskKey: .random(in: .min ... .max))
    do { try SocketText.sendAll(descriptor, pong) } catch { fail("\(error)") }
  }
}
