// Faults with their times, out of a text such as `mute@10s,rst@30s+5s`. Pure; any thread.

/// Why a text is no plan.
public struct FaultPlanError: Error, Equatable, CustomStringConvertible {
  public let description: String
}

/// What goes wrong, and when after the start of the exchange.
public struct FaultPlan: Sendable, Equatable {
  public struct Entry: Sendable, Equatable {
    public var fault: Fault
    /// After the start of the exchange.
    public var atNanos: Int64

    public init(_ fault: Fault, atNanos: Int64 = 0) {
      self.fault = fault
      self.atNanos = atNanos
    }
  }

  public static let entriesMax = 64
  /// Longest time in a plan: a day.
  public static let nanosMax: Int64 = 86_400_000_000_000
  static let attemptsMax = 1_000_000
  private static let collapsePercentDefault = 3
  private static let slowNanosDefault: Int64 = 5_000_000_000

  public var entries: [Entry]

  public init(_ entries: [Entry] = []) { self.entries = entries }

  /// Reads `kind[:argument][@time][+duration]`, several separated by commas. Times are numbers with `ms`, `s` or `m`,
  /// in seconds without one. Arguments: `collapse:PERCENT`, `slowtls:TIME`, `limit429:ATTEMPTS`.
  public init(_ text: some StringProtocol) throws(FaultPlanError) {
    entries = []
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard entries.count < Self.entriesMax else {
        throw FaultPlanError(description: "more than \(Self.entriesMax) faults")
      }
      entries.append(try Self.entry(item))
    }
  }

  private static func entry(_ item: some StringProtocol) throws(FaultPlanError) -> Entry {
    let text = String(item.drop { $0 == " " })
    let duration = try time(after: "+", in: text)
    let head = text.prefix { $0 != "+" }
    let start = try time(after: "@", in: head)
    let parts = head.prefix { $0 != "@" }.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let argument = parts.count > 1 ? String(parts[1]) : nil
    let kind = try kind(String(parts[0]), argument)
    return Entry(Fault(kind, durationNanos: duration), atNanos: start ?? 0)
  }

  private static func kind(_ name: String, _ argument: String?) throws(FaultPlanError) -> Fault.Kind {
    switch name {
    case "collapse":
      let percent = try number(argument, 1...99, name) ?? collapsePercentDefault
      return .collapse(percent: percent)
    case "slowtls":
      guard let argument else { return .slowTLS(delayNanos: slowNanosDefault) }
      return .slowTLS(delayNanos: try nanos(argument))
    case "limit429": return .limit429(attempts: try number(argument, 1...attemptsMax, name) ?? 1)
    default: break
    }
    let plain: [String: Fault.Kind] = [
      "refuse": .refuse, "expire": .expire, "mute": .mute, "dead": .dead, "drophalf": .dropHalf, "garbage": .garbage,
      "halfframe": .halfFrame, "rst": .reset, "badheartbeat": .badHeartbeat,
    ]
    guard let kind = plain[name] else {
      let names = Fault.kindNames.joined(separator: ", ")
      throw FaultPlanError(description: "there is no fault '\(name)': use one of \(names)")
    }
    if let argument { throw FaultPlanError(description: "\(name) takes no argument, not '\(argument)'") }
    return kind
  }

  private static func number(
    _ text: String?, _ range: ClosedRange<Int>, _ name: String
  ) throws(FaultPlanError) -> Int? {
    guard let text else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw FaultPlanError(
        description:
          "the argument of \(name) is a number from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
    }
    return number
  }

  /// Nil without the mark.
  private static func time(after mark: Character, in text: some StringProtocol) throws(FaultPlanError) -> Int64? {
    guard let place = text.firstIndex(of: mark) else { return nil }
    return try nanos(String(text[text.index(after: place)...]))
  }

  private static func nanos(_ text: String) throws(FaultPlanError) -> Int64 {
    let units: [(suffix: String, nanos: Double)] = [("ms", 1e6), ("s", 1e9), ("m", 60e9)]
    let unit = units.first { text.hasSuffix($0.suffix) }
    let digits = text.dropLast(unit?.suffix.count ?? 0)
    let isPlain = digits.allSatisfy { ("0"..."9").contains($0) || $0 == "." }
    guard isPlain, let value = Double(digits), case let nanos = value * (unit?.nanos ?? 1e9),
      nanos <= Double(nanosMax)
    else { throw FaultPlanError(description: "'\(text)' is no time: write 500ms, 10s or 2m, at most a day") }
    return Int64(nanos)
  }
}
