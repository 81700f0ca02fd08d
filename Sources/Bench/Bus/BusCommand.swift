// The ZeroMQ bus beside bare libzmq: the same messages, at the same pace, to the same subscriber in a process of its own.
// What the bus costs more is the ring, the encoder and the topics.

import ArgumentParser
import Glibc
import Market
import Simulator

struct BusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bus", abstract: "CPU per published tick, and rate, of the bus against bare libzmq.")

  @Option(help: "Ticks per second for the CPU time; the rate is measured at as many as it takes.") var rate = 50_000
  @Option(help: "Seconds of each measurement.") var seconds = 5
  @Option(help: "Rounds; the two take turns.") var runs = 3

  static let instrumentCount = 100

  func run() throws {
    var paced: [(bare: Double, bus: Double)] = []
    var rates: [(bare: Double, bus: Double)] = []
    for _ in 0..<runs {
      paced.append((try measure(.bare, rate).cpuNanos, try measure(.bus, rate).cpuNanos))
      rates.append((try measure(.bare, nil).perSecond, try measure(.bus, nil).perSecond))
    }
    func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    func show(_ name: String, _ rows: [(bare: Double, bus: Double)], unit: String) {
      let ratios = rows.map { ($0.bus / $0.bare * 100).rounded() / 100 }
      let each = ratios.map { "\($0)" }.joined(separator: " ")
      print("\(name): bare \(Int(median(rows.map(\.bare))))\(unit), bus \(Int(median(rows.map(\.bus))))\(unit)")
      print("  ratio \(median(ratios)) (\(each))")
    }
    show("CPU of a message at \(rate)/s", paced, unit: " ns")
    show("messages that arrive per second", rates, unit: "")
  }

  private enum Subject { case bare, bus }

  private struct Result {
    /// Of the publishing thread and the library's own threads, per message sent.
    var cpuNanos: Double
    /// Messages that came to the subscriber.
    var perSecond: Double
  }

  /// - Parameter rate: messages per second; nil for as many as are taken.
  private func measure(_ subject: Subject, _ rate: Int?) throws -> Result {
    let publisher: any BusPublishing = try subject == .bare ? BarePublisher() : ProductPublisher()
    let sink = try SinkProcess(endpoint: publisher.endpoint)
    publisher.awaitSubscriber()
    var sent = 0
    // Until everything is warm.
    sent += publisher.publish(for: 500_000_000, rate: rate)
    let before = publisher.cpuNanos
    let measured = publisher.publish(for: Int64(seconds) * 1_000_000_000, rate: rate)
    let cpu = publisher.cpuNanos - before
    sent += measured
    publisher.end()
    let seen = try sink.finish()
    if rate != nil, seen.count != sent { print("only \(seen.count) of \(sent) messages arrived") }
    return Result(cpuNanos: Double(cpu) / Double(max(measured, 1)), perSecond: seen.perSecond)
  }
}

/// Publishes LTP messages of a hundred instruments, one after the other.
protocol BusPublishing: AnyObject {
  var endpoint: String { get }
  /// CPU time so far of the publishing thread and the library's own threads.
  var cpuNanos: Int64 { get }
  func awaitSubscriber()
  /// - Returns: messages published.
  func publish(for nanos: Int64, rate: Int?) -> Int
  /// Tells the subscriber that this was all.
  func end()
}

enum BusPace {
  /// Calls the body with a number of messages to publish, every millisecond or as fast as it returns.
  static func run(for nanos: Int64, rate: Int?, _ body: (Int) -> Void) -> Int {
    let start = BenchClock.now()
    var sent = 0
    while true {
      let elapsed = BenchClock.now() - start
      if elapsed >= nanos { return sent }
      let due = rate.map { Int(Double($0) * Double(elapsed) / 1e9) - sent } ?? 256
      if due > 0 {
        body(due)
        sent += due
      }
      if rate != nil { usleep(1000) }
    }
  }

  static let endTopic = "END"

  static func tick(_ instrument: Int, number: Int) -> Tick {
    var tick = Tick()
    tick.instrument = UInt32(instrument)
    tick.mode = Mode.ltp.rawValue
    tick.presence = Presence([.ltp, .lastTradeTime]).rawValue
    tick.ltp = 1_234_05_000_000 + Int64(number % 1000) * 5_000_000
    tick.receivedTime = 1_795_399_040_661_000_000
    tick.lastTradeTime = tick.receivedTime
    return tick
  }

  static let registry = InstrumentRegistry(
    Universe(count: BusCommand.instrumentCount, seed: 1, todayDay: 20_780).instruments.map(\.instrument))
}
