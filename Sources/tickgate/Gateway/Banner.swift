import Settings

/// What a person sees when the gateway is up: where things are, and what to try first.
struct Banner {
  var webSocketPort: UInt16
  var settings: Settings
  var feeds: [String]
  var instrumentCount: Int
  var simulatorPort: UInt16?
  var firstSymbol: String?

  /// - Parameter newKey: a key that was made just now: this is the only time that it is shown.
  func text(httpPort: Int, newKey: String?) -> String {
    let host = settings.string(.webSocketHost)
    let scheme = settings.string(.webSocketTLSCertificate).isEmpty ? "ws" : "wss"
    var lines = [
      "tickgate \(Tickgate.version) is up: feeds \(feeds.joined(separator: ", ")), \(instrumentCount) instruments",
      "  WebSocket  \(scheme)://\(host):\(webSocketPort)",
      "  REST       http://\(settings.string(.httpHost)):\(httpPort)/api/v1  (paper trading)",
    ]
    let bus = settings.strings(.busPublish)
    if !bus.isEmpty { lines.append("  ZeroMQ     \(bus.joined(separator: "  "))") }
    if let simulatorPort { lines.append("  simulated exchange  ws://127.0.0.1:\(simulatorPort)") }
    lines.append("  state      \(settings.string(.stateDirectory))")
    if let newKey {
      lines.append("  API key    \(newKey)   (shown this once; more: tickgate keys add --name NAME)")
    } else {
      lines.append("  API key    made earlier; another one: tickgate keys add --name NAME")
    }
    // The built-in client speaks plain connections only.
    if let firstSymbol, scheme == "ws" {
      let key = newKey ?? "YOUR_KEY"
      lines.append(
        "  try        TICKGATE_KEY=\(key) .build/release/tickgate sub \(firstSymbol) --port \(webSocketPort)")
    }
    return lines.joined(separator: "\n")
  }
}
