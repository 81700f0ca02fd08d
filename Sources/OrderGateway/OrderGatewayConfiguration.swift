import Sandbox

// Settings of the order gateway, checked at start. Every bound that a client can reach is here or in `Rules.limits`.

/// Where the gateway listens, where it keeps its state, and how much it takes.
public struct OrderGatewayConfiguration: Sendable {
  public var host = "127.0.0.1"
  /// 0 lets the system choose.
  public var port = 5000
  /// Holds keys, pepper and journal; created when missing, readable by its owner only.
  public var stateDirectory: String
  /// Rules of the paper exchange, with the bounds per account.
  public var rules = Rules()
  public var journal = JournalWriter.Settings()
  /// Reported as the broker by `ping`.
  public var brokerName = "tickgate"

  /// Calls per second, client address and endpoint; 0 is no limit. For placing and cancelling orders:
  public var ordersPerSecond = 10
  /// For everything else:
  public var requestsPerSecond = 50
  public var bodyBytesMax = 1 << 20
  public var connectionsMax = 1024
  /// A connection on which nothing happens for so long is closed.
  public var idleSecondsMax = 75
  /// Threads for sockets.
  public var ioThreads = 2

  /// Commands and queries that are not answered yet.
  public var commandsPendingMax = 4096
  /// How long an order or a quote waits for the first price of its instrument.
  public var quoteWaitNanos: Int64 = 3_000_000_000
  /// A price no older than this is answered without asking the feed again.
  public var quoteFreshNanos: Int64 = 5_000_000_000
  /// How long a quote waits for a newer price than the one that is known.
  public var quoteRefreshNanos: Int64 = 1_000_000_000
  /// Orders, and likewise quotes, that wait for a price at one time.
  public var quoteWaitsMax = 1024

  public init(stateDirectory: String) { self.stateDirectory = stateDirectory }

  /// Cash of a new account, in 1e-4 rupee.
  public var startingCapital: Int64 {
    get { rules.startingCapital }
    set { rules.startingCapital = newValue }
  }

  /// Where the sandbox's journal is.
  public var journalDirectory: String { "\(stateDirectory)/journal" }

  /// What is wrong with the settings; nil when nothing is.
  var mistake: String? {
    if !(0...65535).contains(port) { return "port \(port) is not in 0...65535" }
    if host.isEmpty { return "host is empty" }
    if ordersPerSecond < 0 || requestsPerSecond < 0 { return "rate limits must not be negative" }
    if bodyBytesMax < 1024 { return "the largest body must be at least 1024 bytes" }
    if connectionsMax < 1 || ioThreads < 1 || commandsPendingMax < 1 || idleSecondsMax < 1 {
      return "connections, threads, pending commands and idle seconds must be at least 1"
    }
    if quoteWaitNanos < 0 || quoteFreshNanos < 0 || quoteRefreshNanos < 0 || quoteWaitsMax < 0 {
      return "waits for prices must not be negative"
    }
    if !rules.isValid { return "starting capital, leverage or session boundary of the paper exchange make no sense" }
    return nil
  }
}

/// Why the gateway does not start, or ended.
public enum OrderGatewayError: Error, Sendable, CustomStringConvertible {
  case configuration(String)
  /// Another program listens there, or the address is not ours.
  case bind(host: String, port: Int, reason: String)
  case journal(JournalError)

  public var description: String {
    switch self {
    case .configuration(let mistake): "order gateway settings: \(mistake)"
    case .bind(let host, let port, let reason):
      "cannot listen on \(host):\(port): \(reason). Stop the program that uses the port (ss -ltnp 'sport = :\(port)') "
        + "or choose another one"
    case .journal(let error): "\(error)"
    }
  }
}
