// The composition: makes every part, joins them by the contracts of Market, starts them in order and stops them in
// reverse. The only place that knows all of them.

import Brokerage
import Fanout
import Feeds
import Glibc
import JSONText
import Logging
import Market
import OrderGateway
import Reactor
import ServiceLifecycle
import Settings
import Simulator
import TickRing
import UnixSignals

/// A gateway with its settings, not yet started.
struct Gateway {
  private let settings: Settings
  private let log: Logger
  private let clock = SystemClock()

  /// Ticks of other processes that may wait for the sequencer.
  private static let ingestCapacity = 65_536
  /// Longest orderly stop; then the process ends anyway.
  private static let stopSeconds = 15

  init(_ settings: Settings, log: Logger) {
    self.settings = settings
    self.log = log
  }

  /// Starts everything; the banner comes when the last part accepts requests. Returns when a signal has stopped it.
  func run() async throws {
    let directory = settings.string(.stateDirectory)
    try FileSystem.makeDirectory(directory)
    let lock = try InstanceLock(directory: directory)
    let keys = try KeyStore(stateDirectory: directory, clock: clock)
    let parts = try await start(keys)
    var configuration = ServiceGroupConfiguration(
      services: parts, gracefulShutdownSignals: [.sigterm, .sigint], logger: log)
    configuration.maximumGracefulShutdownDuration = .seconds(Self.stopSeconds)
    try await ServiceGroup(configuration: configuration).run()
    withExtendedLifetime(lock) {}
  }

  /// The key that a first start makes, once everything else has come up: a key that nobody was shown is lost. Nil when
  /// there are keys already.
  private func firstKey(_ keys: KeyStore) -> String? {
    do {
      guard try keys.list().isEmpty else { return nil }
      return try keys.add(name: "first", userID: settings.string(.user))
    } catch {
      log.error("no API key could be made: \(error)")
      return nil
    }
  }

  // MARK: Parts

  /// Starts the parts in the order in which they need one another. What was started before a failure is stopped.
  private func start(_ keys: KeyStore) async throws -> [ServiceGroupConfiguration.ServiceConfiguration] {
    let backend = try BackendKind(settings, log: log)
    let assembly = try await FeedAssembly(settings, backend: backend, clock: clock, log: log)
    let ingestEndpoint = settings.string(.busIngest)
    let takesTicks = !ingestEndpoint.isEmpty
    let definitions = assembly.definitions
    let board = FeedBoard(
      names: definitions.map(\.name) + (takesTicks ? [FeedAssembly.busFeed] : []),
      onDemand: Set(definitions.indices.filter { definitions[$0].lane != nil }))
    let ring = TickRing(capacity: settings.integer(.ringCapacity))
    let lastValues = LastValueTable(assembly.registry)
    let ingest = takesTicks ? TickQueue(capacity: Self.ingestCapacity) : nil
    let feeds = FeedService(
      definitions: assembly.definitions, configuration: try feedConfiguration(backend), registry: assembly.registry,
      ring: ring, lastValues: lastValues, board: board, credentials: assembly.credentials,
      calendar: assembly.calendar, clock: clock, ingest: ingest, log: log)
    var fanoutConfiguration = fanoutConfiguration(backend)
    fanoutConfiguration.tls = try tlsContext()
    let markets = assembly.definitions.filter { $0.lane == nil }.map(\.name)
    fanoutConfiguration.supportedBrokers = markets + (takesTicks ? [FeedAssembly.busFeed] : [])
    let fanout = FanoutService(
      configuration: fanoutConfiguration, registry: assembly.registry, ring: ring, lastValues: lastValues,
      wanted: feeds, keys: keys, board: board, upstream: feeds.upstream, log: log, clock: clock)
    keys.addRevocationListener(fanout)

    var started: [any Service] = []
    func add(_ name: String, stop: @escaping @Sendable () -> Void) {
      started.append(StartedService(name: name, stop: stop))
    }
    if let exchange = assembly.exchange { add("simulator") { exchange.stop() } }
    if let dailyRefresh = assembly.dailyRefresh { started.append(dailyRefresh) }
    assembly.credentials.brokers.onChange { feeds.credentialsChanged($0) }
    started.append(assembly.credentialWatch)
    do {
      let webSocketPort = try fanout.start()
      add("fanout") { fanout.stop() }
      if let tls = fanoutConfiguration.tls { started.append(CertificateWatch(context: tls, log: log)) }
      let targets =
        takesTicks
        ? BusIngestTargets(
          feed: UInt8(assembly.definitions.count), ticks: ingest, sequencerWaker: feeds.waker, orderSinks: [fanout],
          cacheInvalidation: feeds) : nil
      let bus = BusService(
        configuration: busConfiguration, registry: assembly.registry, ring: ring, lastValues: lastValues,
        wanted: feeds, board: board, ingest: targets, clock: clock, log: log)
      try bus.start()
      add("bus") { bus.stop() }
      let admin = try AdminServer(directory: settings.string(.stateDirectory)) { [clock, assembly] request in
        ClientCommands(service: fanout).answer(request)
          ?? FeedCommands(board: board, registry: assembly.registry, clock: clock).answer(request)
          ?? KeyCommands(store: keys).answer(request)
      }
      admin.start()
      add("administration") { admin.stop() }
      try feeds.start()
      add("feeds") { feeds.stop() }
      let surroundings = OrderGatewaySurroundings(
        registry: assembly.registry, ring: ring, lastValues: lastValues, board: board, wanted: feeds,
        calendar: assembly.calendar, clock: clock, keys: keys, sinks: [fanout, bus], log: log)
      let banner = makeBanner(assembly, webSocketPort: webSocketPort)
      started.append(
        try OrderGatewayService(
          configuration: orderConfiguration(broker: board.names[0]), surroundings: surroundings
        ) { port in
          print(banner.text(httpPort: port, newKey: firstKey(keys)))
          fflush(nil)
        })
    } catch {
      for case let service as StartedService in started.reversed() { service.stop() }
      throw error
    }
    return started.map { ServiceGroupConfiguration.ServiceConfiguration(service: $0) }
  }

  private func makeBanner(_ assembly: FeedAssembly, webSocketPort: UInt16) -> Banner {
    let first = assembly.registry.instruments.first { $0.kind == .equity } ?? assembly.registry.instruments.first
    return Banner(
      webSocketPort: webSocketPort, settings: settings,
      feeds: assembly.definitions.filter { $0.lane == nil }.map(\.name),
      instrumentCount: assembly.registry.count, simulatorPort: assembly.exchange?.port,
      firstSymbol: first.map { "\($0.exchange.code):\($0.symbol)" })
  }

  // MARK: Settings of the parts

  private func feedConfiguration(_ backend: BackendKind) throws(TLSError) -> FeedConfiguration {
    var configuration = FeedConfiguration()
    let authorities = settings.string(.feedsTLSAuthorities)
    configuration.tls = try TLSClientContext(authorities: authorities.isEmpty ? .system : .file(authorities))
    configuration.sharing = FeedSharing(rawValue: settings.string(.feedsSharing)) ?? .failover
    configuration.failoverNanos = seconds(.feedsFailoverSeconds)
    configuration.returnNanos = seconds(.feedsReturnSeconds)
    configuration.backend = backend
    configuration.lingerNanos = Int64(settings.integer(.feedsUnsubscribeLingerMillis)) * 1_000_000
    configuration.seed = UInt64.random(in: 0 ... .max)
    return configuration
  }

  /// Nil when the WebSocket server is a plain one.
  private func tlsContext() throws(TLSError) -> TLSServerContext? {
    let certificate = settings.string(.webSocketTLSCertificate)
    return certificate.isEmpty
      ? nil : try TLSServerContext(certificate: certificate, key: settings.string(.webSocketTLSKey))
  }

  private func fanoutConfiguration(_ backend: BackendKind) -> FanoutConfiguration {
    var configuration = FanoutConfiguration()
    configuration.backend = backend
    configuration.host = settings.string(.webSocketHost)
    configuration.port = UInt16(settings.integer(.webSocketPort))
    configuration.allowedOrigins = settings.strings(.webSocketAllowedOrigins)
    configuration.clientsMax = settings.integer(.webSocketClientsMax)
    configuration.connectionsPerAddressMax = settings.integer(.webSocketConnectionsPerAddressMax)
    configuration.subscriptionsPerClientMax = settings.integer(.webSocketSubscriptionsPerClientMax)
    configuration.messageBytesMax = settings.integer(.webSocketMessageBytesMax)
    configuration.authAttemptsMax = settings.integer(.webSocketAuthAttemptsMax)
    configuration.authTimeoutNanos = seconds(.webSocketAuthSeconds)
    configuration.pingIntervalNanos = seconds(.webSocketPingSeconds)
    configuration.pongTimeoutNanos = seconds(.webSocketPongSeconds)
    configuration.loops = settings.integer(.webSocketLoops)
    configuration.cpus = settings.strings(.webSocketCPUs).compactMap { Int($0) }
    configuration.isBusyPolling = settings.boolean(.webSocketBusyPoll)
    configuration.coalesceNanos = Int64(settings.integer(.webSocketCoalesceMicros)) * 1000
    configuration.deflateLevel = settings.integer(.webSocketDeflateLevel)
    configuration.deflateClientsMax = settings.integer(.webSocketDeflateClientsMax)
    configuration.policy = DeliveryPolicy(name: settings.string(.webSocketPolicy)) ?? .every
    configuration.pendingBytesSoftMax = settings.integer(.webSocketOutboxSoftBytes)
    configuration.pendingBytesHardMax = settings.integer(.webSocketOutboxHardBytes)
    configuration.outboundBytesMax = settings.integer(.webSocketOutboxTotalBytes)
    configuration.pendingAgeSoftNanos = millis(.webSocketOutboxSoftMillis)
    configuration.pendingAgeHardNanos = millis(.webSocketOutboxHardMillis)
    configuration.pacedIntervalNanos = millis(.webSocketPacedMillis)
    configuration.pacedRestoreNanos = seconds(.webSocketPacedRestoreSeconds)
    return configuration
  }

  private var busConfiguration: BusConfiguration {
    var configuration = BusConfiguration()
    configuration.publish = settings.strings(.busPublish)
    let ingest = settings.string(.busIngest)
    configuration.ingest = ingest.isEmpty ? nil : ingest
    configuration.sendQueueMax = Int32(clamping: settings.integer(.busHighWaterMark))
    configuration.receiveQueueMax = configuration.sendQueueMax
    configuration.allowsPublicBind = settings.boolean(.busAllowPublic)
    return configuration
  }

  private func orderConfiguration(broker: String) -> OrderGatewayConfiguration {
    var configuration = OrderGatewayConfiguration(stateDirectory: settings.string(.stateDirectory))
    configuration.host = settings.string(.httpHost)
    configuration.port = settings.integer(.httpPort)
    configuration.brokerName = broker
    configuration.bodyBytesMax = settings.integer(.httpBodyBytesMax)
    configuration.ordersPerSecond = settings.rate(.httpOrderRate).count
    configuration.requestsPerSecond = settings.rate(.httpAPIRate).count
    configuration.quoteWaitNanos = Int64(settings.integer(.sandboxQuoteWaitMillis)) * 1_000_000
    configuration.startingCapital = Int64(settings.integer(.sandboxStartingCapital)) * Self.moneyPerRupee
    return configuration
  }

  /// Money of the sandbox is in 1e-4 rupee.
  private static let moneyPerRupee: Int64 = 10_000

  private func millis(_ key: Key) -> Int64 { Int64(settings.integer(key)) * 1_000_000 }
  private func seconds(_ key: Key) -> Int64 { Int64(settings.integer(key)) * 1_000_000_000 }
}
