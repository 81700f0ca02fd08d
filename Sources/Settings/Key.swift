// Names of all settings. A setting is asked for by its case, so a misspelt one does not compile.
// Raw values are the dotted names of the file and of the flags. Cold path, no owner thread.

/// One setting. Its type, default, bounds and help stand in ``Definition``.
public enum Key: String, CaseIterable, Sendable, Hashable {
  case stateDirectory = "state_dir"
  case user = "user"

  case ioBackend = "io.backend"

  case webSocketHost = "ws.host"
  case webSocketPort = "ws.port"
  case webSocketAllowPublic = "ws.allow_public"
  case webSocketTLSCertificate = "ws.tls_certificate"
  case webSocketTLSKey = "ws.tls_key"
  case webSocketAllowedOrigins = "ws.allowed_origins"
  case webSocketClientsMax = "ws.clients_max"
  case webSocketConnectionsPerAddressMax = "ws.connections_per_address_max"
  case webSocketSubscriptionsPerClientMax = "ws.subscriptions_per_client_max"
  case webSocketMessageBytesMax = "ws.message_bytes_max"
  case webSocketAuthAttemptsMax = "ws.auth_attempts_max"
  case webSocketAuthSeconds = "ws.auth_seconds"
  case webSocketPingSeconds = "ws.ping_seconds"
  case webSocketPongSeconds = "ws.pong_seconds"
  case webSocketLoops = "ws.loops"
  case webSocketCPUs = "ws.cpus"
  case webSocketBusyPoll = "ws.busy_poll"
  case webSocketCoalesceMicros = "ws.coalesce_us"
  case webSocketDeflateLevel = "ws.deflate_level"
  case webSocketDeflateClientsMax = "ws.deflate_clients_max"
  case webSocketPolicy = "ws.policy"
  case webSocketOutboxSoftBytes = "ws.outbox_soft_bytes"
  case webSocketOutboxHardBytes = "ws.outbox_hard_bytes"
  case webSocketOutboxTotalBytes = "ws.outbox_total_bytes"
  case webSocketOutboxSoftMillis = "ws.outbox_soft_ms"
  case webSocketOutboxHardMillis = "ws.outbox_hard_ms"
  case webSocketPacedMillis = "ws.paced_ms"
  case webSocketPacedRestoreSeconds = "ws.paced_restore_seconds"

  case busPublish = "bus.publish"
  case busIngest = "bus.ingest"
  case busHighWaterMark = "bus.high_water_mark"
  case busAllowPublic = "bus.allow_public"

  case httpHost = "http.host"
  case httpPort = "http.port"
  case httpAllowPublic = "http.allow_public"
  case httpBodyBytesMax = "http.body_bytes_max"
  case httpOrderRate = "http.order_rate"
  case httpAPIRate = "http.api_rate"

  case feedsEnabled = "feeds.enabled"
  case feedsUnsubscribeLingerMillis = "feeds.unsubscribe_linger_ms"
  case feedsSharing = "feeds.sharing"
  case feedsFailoverSeconds = "feeds.failover_seconds"
  case feedsReturnSeconds = "feeds.return_seconds"
  case feedsStaleSeconds = "feeds.stale_seconds"
  case feedsReconnectsPerHour = "feeds.reconnects_per_hour"
  case feedsTLSAuthorities = "feeds.tls_authorities"
  case feedsLoginsPerHourMax = "feeds.logins_per_hour_max"

  case zerodhaURL = "feeds.zerodha.url"
  case zerodhaLoginURL = "feeds.zerodha.login_url"
  case zerodhaAPIKey = "feeds.zerodha.api_key"
  case zerodhaAccessToken = "feeds.zerodha.access_token"
  case zerodhaTokenFile = "feeds.zerodha.token_file"
  case zerodhaInstruments = "feeds.zerodha.instruments"

  case angelURL = "feeds.angel.url"
  case angelLoginURL = "feeds.angel.login_url"
  case angelAPIKey = "feeds.angel.api_key"
  case angelClientID = "feeds.angel.client_id"
  case angelAccessToken = "feeds.angel.access_token"
  case angelFeedToken = "feeds.angel.feed_token"
  case angelTokenFile = "feeds.angel.token_file"
  case angelInstruments = "feeds.angel.instruments"

  case upstoxURL = "feeds.upstox.url"
  case upstoxLoginURL = "feeds.upstox.login_url"
  case upstoxRedirectURL = "feeds.upstox.redirect_url"
  case upstoxAPIKey = "feeds.upstox.api_key"
  case upstoxAccessToken = "feeds.upstox.access_token"
  case upstoxTokenFile = "feeds.upstox.token_file"
  case upstoxInstruments = "feeds.upstox.instruments"
  case upstoxPlusPlan = "feeds.upstox.plus_plan"

  case dhanURL = "feeds.dhan.url"
  case dhanDepth20URL = "feeds.dhan.depth20_url"
  case dhanDepth200URL = "feeds.dhan.depth200_url"
  case dhanLoginURL = "feeds.dhan.login_url"
  case dhanAPIKey = "feeds.dhan.api_key"
  case dhanClientID = "feeds.dhan.client_id"
  case dhanAccessToken = "feeds.dhan.access_token"
  case dhanTokenFile = "feeds.dhan.token_file"
  case dhanInstruments = "feeds.dhan.instruments"

  case calendarFile = "calendar.file"

  case mastersRefreshAt = "masters.refresh_at"
  case mastersGenerations = "masters.generations"
  case mastersRowsLostPercentMax = "masters.rows_lost_percent_max"

  case simulatorPort = "sim.port"
  case simulatorInstruments = "sim.instruments"
  case simulatorSeed = "sim.seed"
  case simulatorTicksPerSecond = "sim.ticks_per_second"
  case simulatorPacing = "sim.pacing"

  case ringCapacity = "ring.capacity"

  case sandboxStartingCapital = "sandbox.starting_capital"
  case sandboxQuoteWaitMillis = "sandbox.quote_wait_ms"

  case logLevel = "log.level"

  /// Name in the file and, behind two dashes, of the flag.
  public var name: String { rawValue }

  /// Name in the environment: `ws.port` is `TICKGATE_WS_PORT`.
  public var environmentName: String {
    Environment.prefix + String(rawValue.map { $0 == "." ? "_" : $0 }).uppercased()
  }

  /// Spelling on the command line: `ws.port` is `--ws.port`.
  public var flagName: String { "--" + rawValue }
}
