import Fanout
import Glibc
import Logging
import Market
import TickRing

/// The bus of the gateway, fed by a ring.
final class ProductPublisher: BusPublishing {
  private struct NoWants: WantedSubscriptions {
    func apply(_ wants: [Want]) {}
  }

  private static let ringCapacity = 1 << 16

  private let bus: BusService
  private var sequencer: TickSequencer
  private var number = 0

  init() throws {
    let registry = BusPace.registry
    let ring = TickRing(capacity: Self.ringCapacity)
    let lastValues = LastValueTable(registry)
    sequencer = TickSequencer(ring: ring, lastValues: lastValues)
    var configuration = BusConfiguration()
    configuration.publish = ["tcp://127.0.0.1:*"]
    configuration.feedStatusNanos = 3600 * 1_000_000_000
    configuration.lingerMillis = 2000
    bus = BusService(
      configuration: configuration, registry: registry, ring: ring, lastValues: lastValues, wanted: NoWants(),
      board: FeedBoard(names: ["sim"]), log: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
    try bus.start()
  }

  deinit { bus.stop() }

  var endpoint: String { bus.endpoints[0] }

  func awaitSubscriber() { while bus.statistics().topics == 0 { usleep(1000) } }

  func publish(for nanos: Int64, rate: Int?) -> Int {
    BusPace.run(for: nanos, rate: rate) { count in
      for _ in 0..<count {
        var tick = BusPace.tick(number % BusPace.registry.count, number: number)
        sequencer.submit(&tick, publishedNanos: tick.receivedTime)
        number += 1
      }
      sequencer.flush()
      // As many as are taken: never so far ahead that the bus would skip some.
      while number - Int(bus.statistics().ticksRead) > Self.ringCapacity / 2 { usleep(20) }
    }
  }

  var cpuNanos: Int64 { ThreadUsage.nanos(of: "bus") + ThreadUsage.nanos(of: ThreadUsage.library) }

  func end() {
    while Int(bus.statistics().ticksRead) < number { usleep(1000) }
    bus.publish(OrderUpdate(userID: "bench", topic: BusPace.endTopic, json: Array("{}".utf8)))
  }
}
