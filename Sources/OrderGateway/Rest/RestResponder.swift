import HTTPTypes
import Hummingbird
import Logging
import Market
import NIOCore

// From an HTTP request to an answer: path, method, rate, media type, size, JSON, schema, key, and only then the
// endpoint. Runs on the cooperative pool; nothing here blocks.

/// What is known of a request besides itself.
struct RestContext: InitializableFromSource {
  /// The peer's address without port.
  let address: String
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    address = source.channel.remoteAddress?.ipAddress ?? ""
    channel = source.channel
  }
}

/// Bounds of the REST server.
struct RestLimits: Sendable {
  /// Calls per second, client address and endpoint; 0 is no limit.
  var ordersPerSecond: Int
  var requestsPerSecond: Int
  var bodyBytesMax: Int
}

/// Answers all requests.
struct RestResponder: HTTPResponder {
  private static let prefix = "/api/v1/"
  /// How long the rest of a body that is too large is still read and dropped, so that the client sees the answer.
  private static let lingerSeconds: Int64 = 2
  private static let echoedPathBytesMax = 256

  private let endpoints: [String: (index: Int, endpoint: Endpoint)]
  private let dependencies: RestDependencies
  private let keys: any KeyVerifying
  private let limits: RestLimits
  private let rates = RateLimiter()
  private let logger: Logger

  init(dependencies: RestDependencies, keys: any KeyVerifying, limits: RestLimits, logger: Logger) {
    var table: [String: (index: Int, endpoint: Endpoint)] = [:]
    for (index, endpoint) in Endpoint.all.enumerated() { table[endpoint.path] = (index, endpoint) }
    endpoints = table
    self.dependencies = dependencies
    self.keys = keys
    self.limits = limits
    self.logger = logger
  }

  func respond(to request: Request, context: RestContext) async throws -> Response {
    let answer = try await answer(to: request, context: context)
    logger.debug("request", metadata: ["path": "\(request.uri.path)", "status": "\(answer.status)"])
    if answer.closes {
      // Hummingbird reads on until the body ends, which a hostile one never does.
      _ = context.channel.eventLoop.scheduleTask(in: .seconds(Self.lingerSeconds)) {
        context.channel.close(mode: .all, promise: nil)
      }
    }
    return response(answer, isHead: request.method == .head)
  }

  private func answer(to request: Request, context: RestContext) async throws -> RestAnswer {
    let path = request.uri.path
    guard let (index, endpoint) = find(path) else { return notFound(path) }
    guard request.method == .post else { return .error(405, "Method not allowed: send POST with a JSON body.") }
    let limit = endpoint.rate == .order ? limits.ordersPerSecond : limits.requestsPerSecond
    let now = SystemClock.monotonicNanos()
    guard rates.admit(address: context.address, endpoint: index, limit: limit, now: now) else {
      var answer = RestAnswer.error(429, "Rate limit exceeded: \(limit) per 1 second")
      answer.retryAfterSeconds = 1
      return answer
    }
    guard isJSON(request.headers[.contentType]) else {
      return .error(415, "The Content-Type must be application/json.")
    }
    guard let body = try await body(of: request) else {
      var answer = RestAnswer.error(413, "The body is larger than \(limits.bodyBytesMax) bytes.")
      answer.closes = true
      return answer
    }
    return await answer(to: body, endpoint)
  }

  private func answer(to body: [UInt8], _ endpoint: Endpoint) async -> RestAnswer {
    let members: [String: RequestValue]
    do throws(MalformedJSON) {
      guard case .object(let object) = try RequestJSON.read(body) else {
        return .error(400, "The body must be a JSON object.")
      }
      members = object
    } catch {
      return .error(400, "The body is not valid JSON: \(error.reason) at byte \(error.offset).")
    }
    let values: FieldValues
    do throws(ValidationErrors) {
      values = try endpoint.schema.check(members)
    } catch { return endpoint.answer(to: error) }
    guard let key = values.text("apikey"), let principal = keys.principal(forKey: key) else {
      return .error(403, "Invalid openalgo apikey")
    }
    return await endpoint.respond(values, principal, dependencies)
  }

  /// One slash at the end makes no difference.
  private func find(_ path: String) -> (index: Int, endpoint: Endpoint)? {
    guard path.hasPrefix(Self.prefix) else { return nil }
    let name = path.dropFirst(Self.prefix.count)
    return endpoints[String(name.hasSuffix("/") ? name.dropLast() : name)]
  }

  private func notFound(_ path: String) -> RestAnswer {
    RestAnswer(
      404,
      .object { json in
        json.text("status", "error")
        json.text("message", "Not found")
        json.text("path", String(decoding: path.utf8.prefix(Self.echoedPathBytesMax), as: UTF8.self))
      })
  }

  private func isJSON(_ contentType: String?) -> Bool {
    guard let type = contentType?.split(separator: ";", omittingEmptySubsequences: false).first else { return false }
    return type.lowercased().filter { $0 != " " && $0 != "\t" } == "application/json"
  }

  /// Nil when the body is too large.
  private func body(of request: Request) async throws -> [UInt8]? {
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limits.bodyBytesMax { return nil }
    var bytes: [UInt8] = []
    for try await part in request.body {
      guard bytes.count + part.readableBytes <= limits.bodyBytesMax else { return nil }
      bytes.append(contentsOf: part.readableBytesView)
    }
    return bytes
  }

  private func response(_ answer: RestAnswer, isHead: Bool) -> Response {
    var headers: HTTPFields = [
      .contentType: "application/json",
      .cacheControl: "no-store",
      .contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
      .xContentTypeOptions: "nosniff",
    ]
    for (name, value) in Self.securityHeaders { headers[name] = value }
    if let seconds = answer.retryAfterSeconds { headers[.retryAfter] = "\(seconds)" }
    if answer.status == 405 { headers[.allow] = "POST" }
    if answer.closes { headers[.connection] = "close" }
    return Response(
      status: HTTPResponse.Status(code: answer.status), headers: headers,
      body: isHead ? .init() : .init(byteBuffer: ByteBuffer(bytes: answer.body.bytes)))
  }

  private static let securityHeaders: [(HTTPField.Name, String)] = [
    ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "geolocation=(), camera=(), microphone=()"),
  ].compactMap { name, value in HTTPField.Name(name).map { ($0, value) } }
}
