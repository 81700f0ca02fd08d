// Names of settings in the environment. Cold path, no owner thread.

/// Which variables of the environment are settings.
public enum Environment {
  /// Every variable with this prefix is a setting, or reserved, or an error.
  public static let prefix = "TICKGATE_"

  /// Path of the configuration file. Not a setting: it decides where settings come from.
  public static let configurationPath = "TICKGATE_CONFIG"

  /// API key for the commands that are clients. Never a setting: a gateway knows no key in clear.
  public static let clientKey = "TICKGATE_KEY"

  /// Variables with our prefix that are no settings: commands, builds and tests use them.
  public static let reserved: Set<String> = [
    configurationPath, clientKey, "TICKGATE_CORE", "TICKGATE_TESTS", "TICKGATE_SEED", "TICKGATE_SHARED_DATA",
  ]

  /// Names that OpenAlgo installations already set and that mean exactly one setting of ours. The TICKGATE_ name wins
  /// over them; empty ones count as not set. (ZMQ_HOST and ZMQ_PORT are no aliases: they would open the ingest side.)
  public static let aliases: [(variable: String, key: Key)] = [
    ("WEBSOCKET_HOST", .webSocketHost),
    ("WEBSOCKET_PORT", .webSocketPort),
    ("WS_AUTH_GRACE_SECONDS", .webSocketAuthSeconds),
    ("WS_PING_INTERVAL", .webSocketPingSeconds),
    ("WS_PING_TIMEOUT", .webSocketPongSeconds),
    ("ORDER_RATE_LIMIT", .httpOrderRate),
    ("API_RATE_LIMIT", .httpAPIRate),
  ]

  static let keys = Dictionary(uniqueKeysWithValues: Key.allCases.map { ($0.environmentName, $0) })
}
