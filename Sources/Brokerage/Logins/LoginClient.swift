// Sends login requests over HTTPS: certificates are verified, redirects are not followed (a secret goes nowhere else),
// and time and size of an answer are bounded. Any task; the answers are values.

import AsyncHTTPClient
import Market
import NIOCore
import NIOHTTP1

/// The HTTP side of the logins.
public final class LoginClient: Sendable {
  /// Longest answer that is read.
  public static let answerBytesMax = 65_536
  public static let timeoutSeconds: Int64 = 15
  private static let connectSeconds: Int64 = 5

  private let client: HTTPClient
  private let timeoutNanos: Int64

  /// - Parameter timeoutNanos: from the request to the end of the answer.
  public init(timeoutNanos: Int64 = timeoutSeconds * 1_000_000_000) {
    self.timeoutNanos = timeoutNanos
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    configuration.timeout.connect = .seconds(Self.connectSeconds)
    configuration.timeout.read = .nanoseconds(timeoutNanos)
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  /// Ends the connections. A second time does nothing.
  public func shutdown() async { try? await client.shutdown() }

  // A start that fails half-way shuts nothing down; the library insists on it.
  deinit { try? client.syncShutdown() }

  /// - Parameter base: address of the login service; https, or http on loopback.
  func send(_ request: LoginRequest, to base: String) async -> Result<LoginReply, AccessFailure> {
    guard let base = LoginAddress(base) else {
      return .failure(.unavailable("the address is neither https nor loopback"))
    }
    let outgoing = httpRequest(request, base)
    let work = Task { try await Self.exchange(outgoing, on: client, deadlineNanos: timeoutNanos) }
    // The client's own deadline ends with the head of the answer; this one holds for its body too.
    let timer = Task {
      try await Task.sleep(nanoseconds: UInt64(timeoutNanos))
      work.cancel()
    }
    defer { timer.cancel() }
    do {
      return .success(try await work.value)
    } catch let error as HTTPClientError {
      // Of a closed list of short texts: no address, no body.
      return .failure(.unavailable("\(base.host): \(error.shortDescription)"))
    } catch is NIOTooManyBytesError {
      return .failure(.unavailable("\(base.host): answer of more than \(Self.answerBytesMax) bytes"))
    } catch is CancellationError {
      return .failure(.unavailable("\(base.host): no answer in time"))
    } catch {
      return .failure(.unavailable("\(base.host): \(Self.kind(of: error))"))
    }
  }

  private func httpRequest(_ request: LoginRequest, _ base: LoginAddress) -> HTTPClientRequest {
    var outgoing = HTTPClientRequest(url: base.text + request.path + LoginAddress.query(request.query))
    outgoing.method = HTTPMethod(rawValue: request.method)
    outgoing.headers.add(name: "Accept", value: "application/json")
    for header in request.headers { outgoing.headers.add(name: header.name, value: header.value) }
    switch request.body {
    case .none: if request.method == "POST" { outgoing.body = .bytes(ByteBuffer()) }
    case .json(let bytes):
      outgoing.headers.add(name: "Content-Type", value: "application/json")
      outgoing.body = .bytes(ByteBuffer(bytes: bytes))
    case .form(let fields):
      outgoing.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
      outgoing.body = .bytes(ByteBuffer(string: LoginAddress.form(fields)))
    }
    return outgoing
  }

  private static func exchange(
    _ request: HTTPClientRequest, on client: HTTPClient, deadlineNanos: Int64
  ) async throws -> LoginReply {
    let response = try await client.execute(request, timeout: .nanoseconds(deadlineNanos))
    let body = try await response.body.collect(upTo: answerBytesMax)
    return LoginReply(
      status: Int(response.status.code),
      retryAfterSeconds: response.headers.first(name: "Retry-After").flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil },
      body: Array(body.readableBytesView))
  }

  /// Connection errors are wrapped by the client; their texts name addresses at most, but only the type is needed.
  private static func kind(of error: any Error) -> String {
    "\(type(of: error))".contains("TLS") || "\(type(of: error))".contains("SSL")
      ? "the certificate was not accepted or TLS failed" : "could not be reached (\(type(of: error)))"
  }
}
