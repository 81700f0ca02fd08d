// Rules that span several settings. Checked once all single values are right. Pure. Cold path, no owner thread.

extension Settings {
  /// All rules that these values break.
  func contradictions() -> [SettingsProblem] {
    var problems: [SettingsProblem] = []
    func report(_ key: Key, _ reason: String) {
      problems.append(.contradiction(key, source(of: key), reason: reason))
    }
    if integer(.webSocketOutboxSoftBytes) >= integer(.webSocketOutboxHardBytes) {
      report(.webSocketOutboxSoftBytes, "must be below \(Key.webSocketOutboxHardBytes.name)")
    }
    if integer(.webSocketOutboxSoftMillis) >= integer(.webSocketOutboxHardMillis) {
      report(.webSocketOutboxSoftMillis, "must be below \(Key.webSocketOutboxHardMillis.name)")
    }
    if integer(.webSocketOutboxTotalBytes) < integer(.webSocketOutboxHardBytes) * integer(.webSocketLoops) {
      report(
        .webSocketOutboxTotalBytes,
        "must be at least \(Key.webSocketOutboxHardBytes.name) for each of \(Key.webSocketLoops.name)")
    }
    for cpu in strings(.webSocketCPUs) where UInt16(cpu) == nil {
      report(.webSocketCPUs, "\(cpu) is not the number of a core")
    }
    if integer(.webSocketPort) != 0, integer(.webSocketPort) == integer(.httpPort),
      string(.webSocketHost) == string(.httpHost)
    {
      report(.httpPort, "is the port of the WebSocket server too")
    }
    let (certificate, key) = (string(.webSocketTLSCertificate), string(.webSocketTLSKey))
    if certificate.isEmpty != key.isEmpty {
      report(
        certificate.isEmpty ? .webSocketTLSKey : .webSocketTLSCertificate,
        "needs \((certificate.isEmpty ? Key.webSocketTLSCertificate : .webSocketTLSKey).name) too")
    }
    let hosts: [(host: Key, word: Key, isEncrypted: Bool)] = [
      (.webSocketHost, .webSocketAllowPublic, !certificate.isEmpty), (.httpHost, .httpAllowPublic, false),
    ]
    for (host, word, isEncrypted) in hosts
    where !isEncrypted && !boolean(word) && !Self.isLoopback(host: string(host)) {
      report(host, "\(string(host)) can be reached from other hosts; set \(word.name) = true if that is wanted")
    }
    if !boolean(.busAllowPublic) {
      let endpoints = strings(.busPublish).map { (Key.busPublish, $0) } + [(Key.busIngest, string(.busIngest))]
      for (key, endpoint) in endpoints where !endpoint.isEmpty && !Self.isLocal(endpoint: endpoint) {
        report(
          key, "\(endpoint) can be reached from other hosts; set \(Key.busAllowPublic.name) = true if that is wanted")
      }
    }
    return problems
  }

  /// Only addresses that cannot be anything else: a name that has to be looked up counts as public.
  static func isLoopback(host: String) -> Bool {
    if ["localhost", "::1", "[::1]"].contains(host) { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  /// Whether a ZeroMQ endpoint stays on this host.
  static func isLocal(endpoint: String) -> Bool {
    if endpoint.utf8.starts(with: "ipc://".utf8) || endpoint.utf8.starts(with: "inproc://".utf8) { return true }
    guard endpoint.utf8.starts(with: "tcp://".utf8), let colon = endpoint.lastIndex(of: ":") else { return false }
    return isLoopback(host: String(endpoint[..<colon].dropFirst("tcp://".count)))
  }
}
