// When faults begin, come again and end. A value without a clock; loop thread only.

/// The faults to come and those under way.
public struct FaultSchedule: Sendable {
  public enum Change: Equatable, Sendable {
    case begin(Fault)
    /// What happens at a moment, once more.
    case again(Fault)
    case end(Fault)
  }

  public static let repeatNanos: Int64 = 1_000_000_000
  /// Faults at a time; more are not taken.
  public static let countMax = 256

  private struct Item: Sendable {
    var fault: Fault
    var startNanos: Int64
    var endNanos: Int64
    var nextNanos: Int64
    var isUnderWay = false
  }

  private var items: [Item] = []

  public init(plan: FaultPlan, startNanos: Int64) {
    for entry in plan.entries { add(entry.fault, atNanos: startNanos + entry.atNanos) }
  }

  /// When `advance` has something to do next; `.max` for nothing.
  public private(set) var nextNanos = Int64.max

  public mutating func add(_ fault: Fault, atNanos: Int64) {
    guard items.count < Self.countMax else { return }
    let end = fault.durationNanos.map { atNanos + $0 } ?? .max
    items.append(Item(fault: fault, startNanos: atNanos, endNanos: end, nextNanos: atNanos))
    nextNanos = min(nextNanos, atNanos)
  }

  /// Faults that have begun and not ended.
  public var underWay: [Fault] { items.filter(\.isUnderWay).map(\.fault) }

  /// What has become due, the earliest first.
  public mutating func advance(nowNanos: Int64) -> [Change] {
    guard nowNanos >= nextNanos else { return [] }
    var changes: [(at: Int64, change: Change)] = []
    for index in items.indices where items[index].nextNanos <= nowNanos {
      let item = items[index]
      if item.isUnderWay, item.endNanos <= nowNanos {
        changes.append((item.endNanos, .end(item.fault)))
        items[index].nextNanos = .max
        continue
      }
      changes.append((item.nextNanos, item.isUnderWay ? .again(item.fault) : .begin(item.fault)))
      items[index].isUnderWay = true
      items[index].nextNanos = Self.next(item, nowNanos: nowNanos)
    }
    items.removeAll { $0.nextNanos == .max && $0.isUnderWay && ($0.endNanos <= nowNanos || Self.isOver($0.fault)) }
    nextNanos = items.map(\.nextNanos).min() ?? .max
    return changes.sorted { $0.at < $1.at }.map(\.change)
  }

  /// Nothing is left of a moment without a duration, but of an expiry.
  private static func isOver(_ fault: Fault) -> Bool {
    fault.durationNanos == nil && fault.kind.isMomentary && fault.kind != .expire
  }

  private static func next(_ item: Item, nowNanos: Int64) -> Int64 {
    guard item.fault.durationNanos != nil else { return .max }
    let isRepeating = item.fault.kind.isMomentary && item.fault.kind != .expire
    return isRepeating ? min(item.endNanos, nowNanos + repeatNanos) : item.endNanos
  }

  /// Forgets everything; answers what was under way.
  public mutating func clear() -> [Change] {
    defer {
      items = []
      nextNanos = .max
    }
    return items.filter(\.isUnderWay).map { .end($0.fault) }
  }
}
