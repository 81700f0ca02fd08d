import JSONText

/// The gateway that runs on a state directory, as commands that only look ask it.
enum RunningGateway {
  /// Throws the exit of the process, its cause told on standard error.
  static func ask(_ command: String, directory: String) throws -> JSONValue {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("command", command)
    writer.endObject()
    do {
      if let reply = try AdminClient.request(writer.bytes, directory: directory) { return reply }
    } catch {
      throw Exit.because("\(error)", code: Exit.failure)
    }
    throw Exit.because("no gateway runs on the state directory \(directory)", code: Exit.unavailable)
  }

  /// A value of the reply as a table shows it.
  static func text(_ value: JSONValue?) -> String {
    value?.string ?? value.map { String(decoding: $0.raw, as: UTF8.self) } ?? ""
  }
}
