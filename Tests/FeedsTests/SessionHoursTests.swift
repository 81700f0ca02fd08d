// Silence outside of session hours is no fault: what a feed carries decides which hours count. Every broker over real
// sockets, with calendars made around the present time.

import Feeds
import Market
import Simulator
import Testing

@Suite(.serialized) struct SessionHoursTests {
  /// The whole day, every day, for both exchanges and their indices.
  private static func alwaysOpenRules() throws -> SessionCalendar.Rules {
    var rules = SessionCalendar.Rules()
    let day = try #require(SessionCalendar.Session(open: 0, close: SessionCalendar.minutesPerDay))
    for exchange in [Exchange.nse, .mcx] {
      rules[exchange] = .init(weekdays: SessionCalendar.Rules.Regular.everyDay, session: day)
    }
    return rules
  }

  /// NSE trades at another time of the day, MCX now.
  private static func nseClosed() throws -> SessionCalendar {
    var rules = try alwaysOpenRules()
    let isMorning = ISTTime(epochNanos: SystemClock().nowNanos()).minuteOfDay < 720
    let session = isMorning ? SessionCalendar.Session(open: 1200, close: 1260) : .init(open: 120, close: 180)
    rules[.nse] = .init(weekdays: SessionCalendar.Rules.Regular.everyDay, session: try #require(session))
    return SessionCalendar(rules: rules)
  }

  /// NSE has days off; tomorrow too, should the test run into it.
  private static func nseHoliday() throws -> SessionCalendar {
    var rules = try alwaysOpenRules()
    let today = ISTTime(epochNanos: SystemClock().nowNanos()).day
    for day in today...today + 1 { try rules.setSessions([], of: .nse, on: day) }
    return SessionCalendar(rules: rules)
  }

  /// A feed that was up for long enough to have a rhythm, and then says nothing more.
  private func mutedRig(_ broker: SimulatedBroker, _ calendar: SessionCalendar, _ exchanges: [Exchange]) async throws
    -> BrokerRig
  {
    var options = BrokerRig.Options()
    options.calendar = calendar
    options.capability = {
      $0.timeouts.quietNanos = oneSecond / 2
      $0.timeouts.staleNanos = oneSecond
    }
    let rig = try BrokerRig(broker, options)
    var modes: [UInt32: Mode] = [:]
    for place in exchanges {
      let entries = rig.exchange.universe.instruments.filter { $0.instrument.exchange == place }
      for entry in entries.prefix(3) { modes[try #require(rig.id(entry))] = Mode.allCases[modes.count % 3] }
    }
    try #require(modes.count == 3 * exchanges.count)
    rig.want(modes)
    #expect(await rig.isServed())
    #expect(await rig.run(0.5) == false)
    rig.inject(.mute)
    return rig
  }

  /// Quiet it is, and stays connected for as long as four limits of silence.
  private func expectQuiet(_ rig: BrokerRig) async {
    #expect(await rig.sees(.quiet, .none, within: 5), "\(rig)")
    _ = await rig.run(4)
    #expect(rig.status.state == .quiet && rig.trail.allSatisfy { $0.state.isUsable }, "\(rig.trail)")
    #expect(rig.status.reconnects == 0 && rig.wrong.isEmpty)
  }

  private func expectStale(_ rig: BrokerRig) async {
    #expect(await rig.sees(.stale, .stall, within: 10), "\(rig)")
    #expect(await rig.sees(.reconnecting, .stall, within: 5), "\(rig)")
    #expect(await rig.isServed())
    #expect(rig.wrong.isEmpty)
  }

  @Test(arguments: SimulatedBroker.allCases)
  func `a mute feed of an exchange that is closed is quiet and no more`(broker: SimulatedBroker) async throws {
    await expectQuiet(try await mutedRig(broker, Self.nseClosed(), [.nse]))
  }

  @Test(arguments: SimulatedBroker.allCases)
  func `one open exchange makes silence a fault`(broker: SimulatedBroker) async throws {
    await expectStale(try await mutedRig(broker, Self.nseClosed(), [.nse, .mcx]))
  }

  @Test func `on a holiday silence is no fault`() async throws {
    await expectQuiet(try await mutedRig(.dhan, Self.nseHoliday(), [.nse]))
  }

  @Test func `a holiday of one exchange is none of another`() async throws {
    await expectStale(try await mutedRig(.angel, Self.nseHoliday(), [.mcx]))
  }

  @Test func `the same day without the holiday makes silence a fault`() async throws {
    await expectStale(try await mutedRig(.upstox, SessionCalendar(rules: Self.alwaysOpenRules()), [.nse]))
  }
}
