// A run as text and as one line of JSON.

import Histogram

struct LoadReport {
  let plan: LoadPlan
  let result: LoadResult

  static let percentiles: [(name: String, value: Double)] = [
    ("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9), ("max", 100),
  ]

  private var deliveries: Double { Double(max(result.healthy.messages, 1)) }

  var headline: String {
    let rate = Int(Double(result.healthy.messages) / result.seconds)
    return "\(plan.clients) clients x \(plan.symbolsPerClient) symbols, \(rate) deliveries/s"
  }

  func text() -> String {
    let healthy = result.healthy
    var lines = [
      "\(plan.clients) clients x \(plan.symbolsPerClient) of \(plan.symbols.count) symbols, "
        + "\(Decimal.text(result.seconds)) s, set up in \(Decimal.text(result.setUpSeconds)) s",
      "deliveries    \(healthy.messages)  (\(Int(Double(healthy.messages) / result.seconds)) /s, "
        + "\(healthy.bytes / max(1, healthy.messages)) bytes each)",
      "missing       \(healthy.missing), out of order \(healthy.disordered), not delivered at the end "
        + "\(result.undelivered), silent subscriptions \(result.silent)",
      "per client    least \(healthy.perClientLeast), median \(healthy.perClientMedian), most \(healthy.perClientMost)",
      "load's CPU    \(microseconds(result.cpuNanos)) us per delivery, "
        + "\(Decimal.text(Double(result.cpuNanos) / result.seconds / 1e7)) % of a core",
    ]
    lines += serverLines() + latencyLines()
    lines += [("slow", result.slow), ("stalled", result.stalled)].filter { $0.1.clients > 0 }.map { name, group in
      "\(name) clients  \(group.clients): \(group.messages) deliveries, \(group.missing) missing, "
        + "\(group.closed) closed by the server"
    }
    return lines.joined(separator: "\n")
  }

  private func serverLines() -> [String] {
    guard let server = result.server else { return [] }
    let perClient = Double(server.setUpCPUNanos) / Double(plan.clientsTotal) / 1000
    let bytes = (server.residentAtSetUp - server.residentAtStart) / plan.clientsTotal
    return [
      "server's CPU  \(microseconds(server.cpuNanos)) us per delivery, "
        + "\(Decimal.text(Double(server.cpuNanos) / result.seconds / 1e7)) % of a core",
      "server's RSS  \(server.residentAtStart / 1024) kB at first, \(server.residentAtSetUp / 1024) kB with all clients "
        + "(\(bytes) bytes each), \(server.residentBefore / 1024) kB before measuring, "
        + "\(server.residentAfter / 1024) kB after, peak \(server.residentPeak / 1024) kB",
      "set-up        \(Decimal.text(perClient)) us of the server's CPU per client",
    ]
  }

  private func latencyLines() -> [String] {
    guard let latency = result.latency else { return [] }
    let values = Self.percentiles.map { percentile in
      "\(percentile.name) \(Decimal.text(Double(latency.valueAtPercentile(percentile.value)) / 1000, places: 1))"
    }
    var lines = ["latency us    \(values.joined(separator: ", ")) (from when a tick was due at the feed)"]
    if let bursts = result.bursts {
      lines.append(
        "burst us      p50 \(Decimal.text(Double(bursts.medianNanos) / 1000, places: 1)), "
          + "max \(Decimal.text(Double(bursts.mostNanos) / 1000, places: 1)) (first byte to last delivery, "
          + "\(bursts.count) bursts); the feed was late by \(result.feedLatenessMost / 1000) us at most")
    }
    return lines
  }

  private func microseconds(_ nanos: Int64) -> String { Decimal.text(Double(nanos) / deliveries / 1000, places: 3) }

  // MARK: JSON

  func json() -> String {
    var members = group(result.healthy)
    members += [
      ("seconds", "\(result.seconds)"), ("set_up_seconds", "\(result.setUpSeconds)"),
      ("undelivered", "\(result.undelivered)"), ("silent", "\(result.silent)"), ("load_cpu_ns", "\(result.cpuNanos)"),
      ("deliveries_per_second", "\(Double(result.healthy.messages) / result.seconds)"),
    ]
    if let server = result.server {
      members += [
        ("server_cpu_ns", "\(server.cpuNanos)"),
        ("server_cpu_ns_per_delivery", "\(Double(server.cpuNanos) / deliveries)"),
        ("server_set_up_cpu_ns", "\(server.setUpCPUNanos)"), ("rss_start", "\(server.residentAtStart)"),
        ("rss_set_up", "\(server.residentAtSetUp)"),
        ("rss_before", "\(server.residentBefore)"), ("rss_after", "\(server.residentAfter)"),
        ("rss_peak", "\(server.residentPeak)"),
      ]
    }
    if let latency = result.latency {
      let values = Self.percentiles.map { ($0.name, "\(latency.valueAtPercentile($0.value))") }
      members.append(("latency_ns", Self.object(values)))
    }
    if let bursts = result.bursts {
      members.append(
        ("burst_ns", Self.object([("p50", "\(bursts.medianNanos)"), ("max", "\(bursts.mostNanos)")])))
      members.append(("feed_lateness_ns", "\(result.feedLatenessMost)"))
    }
    if result.slow.clients > 0 { members.append(("slow", Self.object(group(result.slow)))) }
    if result.stalled.clients > 0 { members.append(("stalled", Self.object(group(result.stalled)))) }
    return Self.object(members)
  }

  private func group(_ group: GroupResult) -> [(String, String)] {
    [
      ("clients", "\(group.clients)"), ("deliveries", "\(group.messages)"), ("bytes", "\(group.bytes)"),
      ("missing", "\(group.missing)"), ("disordered", "\(group.disordered)"), ("closed", "\(group.closed)"),
      ("per_client_min", "\(group.perClientLeast)"), ("per_client_median", "\(group.perClientMedian)"),
      ("per_client_max", "\(group.perClientMost)"),
    ]
  }

  private static func object(_ members: [(String, String)]) -> String {
    "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
  }
}
