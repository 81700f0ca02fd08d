// The table of all settings: the one source of defaults, bounds, help, the generated file and the names in the
// environment and on the command line. Data only. Cold path, no owner thread.

extension Definition {
  /// All settings in the order of ``Key``.
  public static let table: [Definition] = process + io + webSocket + bus + http + feeds + masters + simulator + rest

  private static let mebibyte = 1 << 20

  private static let process: [Definition] = [
    Definition(
      .stateDirectory, .path(isEmptyAllowed: false), .string("state"),
      "Directory of keys, books and the administration socket. One running gateway per directory."),
    Definition(
      .user, .text(isEmptyAllowed: false), .string("trader"),
      "User id that a new API key belongs to when none is named."),
  ]

  private static let io: [Definition] = [
    Definition(
      .ioBackend, .choice(["auto", "uring", "epoll"]), .string("auto"),
      "How sockets are served. auto takes io_uring where kernel and container allow it, else epoll, and logs why; "
        + "uring is an error where it cannot be had.")
  ]

  private static let webSocket: [Definition] = [
    Definition(.webSocketHost, .text(isEmptyAllowed: false), .string("127.0.0.1"), "Address of the WebSocket server."),
    Definition(
      .webSocketPort, .integer(0...65_535), .integer(8765),
      "Port of the WebSocket server; 0 takes any free one. A port that is taken is an error, never exchanged."),
    Definition(
      .webSocketAllowPublic, .boolean, .boolean(false),
      "Allows an address of the WebSocket server that other hosts can reach without ws.tls_certificate: traffic is "
        + "not encrypted then."),
    Definition(
      .webSocketTLSCertificate, .path(isEmptyAllowed: true), .string(""),
      "PEM file with the certificate of the WebSocket server, followed by those of its issuers: clients then connect "
        + "with wss:// only. Read again when it changes. Empty: not encrypted."),
    Definition(
      .webSocketTLSKey, .path(isEmptyAllowed: true), .string(""),
      "PEM file with the private key of that certificate, without a passphrase."),
    Definition(
      .webSocketAllowedOrigins, .strings(choices: nil), .strings([]),
      "Origins that browsers may connect from, e.g. https://example.org; empty lets every origin in. Programs that "
        + "send no Origin always may."),
    Definition(.webSocketClientsMax, .integer(1...1_000_000), .integer(10_000), "Connections at one time."),
    Definition(
      .webSocketConnectionsPerAddressMax, .integer(1...1_000_000), .integer(64),
      "Connections of one remote address at one time; the host's own addresses are exempt."),
    Definition(
      .webSocketSubscriptionsPerClientMax, .integer(1...1_000_000), .integer(5000),
      "Subscriptions (symbol and mode) of one connection."),
    Definition(
      .webSocketMessageBytesMax, .integer(1024...64 * mebibyte), .integer(mebibyte),
      "Longest message taken from a client, in bytes; a longer one closes the connection with 1009."),
    Definition(
      .webSocketAuthAttemptsMax, .integer(1...1000), .integer(10),
      "Failed authentications after which a connection is closed."),
    Definition(
      .webSocketAuthSeconds, .integer(1...3600), .integer(15),
      "Seconds a connection may stay without a valid key; then it is closed with 4401."),
    Definition(.webSocketPingSeconds, .integer(1...3600), .integer(20), "Seconds between pings to a client."),
    Definition(
      .webSocketPongSeconds, .integer(1...3600), .integer(20),
      "Seconds a client may take to answer a ping; then it is closed with 1011."),
    Definition(
      .webSocketLoops, .integer(1...32), .integer(1),
      "Threads that serve clients. One serves a million messages a second; more help only with cores to spare."),
    Definition(
      .webSocketCPUs, .strings(choices: nil), .strings([]),
      "Cores that these threads are pinned to, in turn, e.g. 1,2; empty leaves it to the system."),
    Definition(
      .webSocketBusyPoll, .boolean, .boolean(false),
      "These threads never sleep: a little less latency for a whole core each."),
    Definition(
      .webSocketCoalesceMicros, .integer(0...1_000_000), .integer(0),
      "Microseconds a tick may wait so that others share its sends: less CPU for more latency. 0 sends at once."),
    Definition(
      .webSocketDeflateLevel, .integer(1...9), .integer(1), "How hard messages are compressed: 1 is fast, 9 is small."),
    Definition(
      .webSocketDeflateClientsMax, .integer(0...1_000_000), .integer(1000),
      "Clients of one thread whose offer of permessage-deflate is taken: each message is compressed once for all of them. "
        + "Further ones are declined; 0 declines all."),
    Definition(
      .webSocketPolicy, .choice(["every", "conflate", "disconnect"]), .string("every"),
      "What clients get that do not choose: every tick, conflated only while they are slow; the newest per symbol and "
        + "mode (conflate); or every tick, and the end of the connection when they are slow (disconnect)."),
    Definition(
      .webSocketOutboxSoftBytes, .integer(16_384...1024 * mebibyte), .integer(mebibyte),
      "Bytes waiting for one client above which it counts as slow."),
    Definition(
      .webSocketOutboxHardBytes, .integer(65_536...1024 * mebibyte), .integer(8 * mebibyte),
      "Bytes waiting for one client above which it is closed with 1008."),
    Definition(
      .webSocketOutboxTotalBytes, .integer(mebibyte...1_048_576 * mebibyte), .integer(1024 * mebibyte),
      "Outbox memory of all clients together; when it runs out, market data is conflated."),
    Definition(
      .webSocketOutboxSoftMillis, .integer(10...3_600_000), .integer(2000),
      "Milliseconds that bytes may wait for one client before it counts as slow."),
    Definition(
      .webSocketOutboxHardMillis, .integer(100...3_600_000), .integer(30_000),
      "Milliseconds that bytes may wait for one client before it is closed with 1008."),
    Definition(
      .webSocketPacedMillis, .integer(1...60_000), .integer(120),
      "Least milliseconds between two messages to a client that decodes one per receive (AmiBroker plug-in)."),
    Definition(
      .webSocketPacedRestoreSeconds, .integer(0...86_400), .integer(60),
      "Seconds that the subscriptions of such a client wait for its return with the same key."),
  ]

  private static let bus: [Definition] = [
    Definition(
      .busPublish, .strings(choices: nil), .strings(["tcp://127.0.0.1:5556", "ipc://{state_dir}/bus.sock"]),
      "ZeroMQ endpoints where strategies subscribe to every tick. {state_dir} stands for state_dir; an empty list "
        + "turns publishing off."),
    Definition(
      .busIngest, .text(isEmptyAllowed: true), .string(""),
      "ZeroMQ endpoint where other processes may publish ticks and order events, e.g. tcp://127.0.0.1:5555. "
        + "Whoever reaches it can invent prices. Empty: off."),
    Definition(
      .busHighWaterMark, .integer(1...10_000_000), .integer(100_000),
      "Messages that may wait for one ZeroMQ subscriber before newer ones are dropped and counted."),
    Definition(
      .busAllowPublic, .boolean, .boolean(false),
      "Allows ZeroMQ endpoints that other hosts can reach. There is neither encryption nor a key on them."),
  ]

  private static let http: [Definition] = [
    Definition(.httpHost, .text(isEmptyAllowed: false), .string("127.0.0.1"), "Address of the REST server."),
    Definition(.httpPort, .integer(0...65_535), .integer(5000), "Port of the REST server; 0 takes any free one."),
    Definition(
      .httpAllowPublic, .boolean, .boolean(false),
      "Allows an address of the REST server that other hosts can reach. Traffic is not encrypted."),
    Definition(
      .httpBodyBytesMax, .integer(1024...64 * mebibyte), .integer(mebibyte), "Longest request body, in bytes."),
    Definition(
      .httpOrderRate, .rate, .string("10 per second"), "Order requests allowed per client address and endpoint."),
    Definition(
      .httpAPIRate, .rate, .string("50 per second"), "Other requests allowed per client address and endpoint."),
  ]

  private static let masters: [Definition] = [
    Definition(
      .mastersRefreshAt, .timeOfDay, .string("08:00"),
      "When instrument lists are fetched each day, Indian time. A broker whose list is made later is asked when it is "
        + "there."),
    Definition(
      .mastersGenerations, .integer(1...100), .integer(3),
      "Instrument lists of each broker that are kept, to start from when the newest is damaged."),
    Definition(
      .mastersRowsLostPercentMax, .integer(0...100), .integer(25),
      "Percent of a broker's instruments (expired ones not counted) that may be missing from a new list; with more the "
        + "list is refused and the old one stays."),
  ]

  private static let simulator: [Definition] = [
    Definition(
      .simulatorPort, .integer(0...65_535), .integer(0),
      "Loopback port of the simulated exchange; 0 takes any free one."),
    Definition(.simulatorInstruments, .integer(2...10_000), .integer(120), "Instruments of the simulated exchange."),
    Definition(
      .simulatorSeed, .integer(0...Int.max), .integer(1), "Seed of the simulated prices: the same seed, the same walk."),
    Definition(
      .simulatorTicksPerSecond, .integer(1...1_000_000), .integer(240),
      "Ticks per second, spread over the instruments that somebody watches."),
    Definition(
      .simulatorPacing, .choice(["smooth", "pulse"]), .string("smooth"),
      "smooth spreads ticks evenly; pulse sends what changed every 250 ms and is silent in between."),
  ]

  private static let rest: [Definition] = [
    Definition(
      .ringCapacity, .powerOfTwo(1024...16_777_216), .integer(65_536),
      "Ticks that the ring holds for readers that lag; each takes 384 bytes, from the start."),
    Definition(
      .sandboxStartingCapital, .integer(1...1_000_000_000_000), .integer(10_000_000),
      "Rupees that a new paper-trading account starts with."),
    Definition(
      .sandboxQuoteWaitMillis, .integer(1...1_000_000), .integer(3000),
      "Milliseconds that an order or a quote waits for the first price of a symbol nobody watched."),
    Definition(
      .logLevel, .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]), .string("info"),
      "Least severity that is logged."),
  ]
}
