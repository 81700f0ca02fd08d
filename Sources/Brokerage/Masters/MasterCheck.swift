// Whether a list that was read may take the place of the last good one. Pure. Cold path.

import Market
import Normalize

/// How much worse than the last good list a new one may be.
public struct MasterLimits: Sendable {
  /// Share of the last list's instruments, those that have expired since not counted, that may be missing.
  public var rowsLostPercentMax: Int
  /// Share of broken rows in the list.
  public var rowsBrokenPercentMax: Int

  public init(rowsLostPercentMax: Int = 25, rowsBrokenPercentMax: Int = 5) {
    self.rowsLostPercentMax = rowsLostPercentMax
    self.rowsBrokenPercentMax = rowsBrokenPercentMax
  }
}

/// What the last good list holds that has not expired.
public struct MasterCensus: Sendable, Equatable {
  public var rowCount: Int
  public var countByExchange: [Exchange: Int]

  public init(rowCount: Int, countByExchange: [Exchange: Int]) {
    self.rowCount = rowCount
    self.countByExchange = countByExchange
  }

  init(_ master: InstrumentMaster) {
    rowCount = master.rows.count
    countByExchange = master.rows.reduce(into: [:]) { $0[$1.instrument.exchange, default: 0] += 1 }
  }
}

/// Why a list is refused.
public enum MasterRefusal: Sendable, Equatable, CustomStringConvertible {
  case rowsLost(now: Int, before: Int, percentMax: Int)
  case exchangeMissing(Exchange)
  case rowsBroken(broken: Int, of: Int, percentMax: Int)

  public var description: String {
    switch self {
    case .rowsLost(let now, let before, let percentMax):
      "only \(now) instruments where the last list has \(before), more than \(percentMax) % are missing"
    case .exchangeMissing(let exchange): "no instrument of \(exchange.code)"
    case .rowsBroken(let broken, let all, let percentMax):
      "\(broken) of \(all) rows are broken, more than \(percentMax) %"
    }
  }
}

extension MasterLimits {
  /// All that speaks against a list.
  /// - Parameters:
  ///   - last: what the last good list holds; nil when there is none.
  ///   - required: exchanges of the broker.
  ///   - isComplete: the list comes from the broker. One from elsewhere may lack exchanges that were never there.
  func refusals(
    of master: InstrumentMaster, after last: MasterCensus?, required: [Exchange], isComplete: Bool
  ) -> [MasterRefusal] {
    var refusals: [MasterRefusal] = []
    let now = MasterCensus(master)
    if let last, (last.rowCount - now.rowCount) * 100 > last.rowCount * rowsLostPercentMax {
      refusals.append(.rowsLost(now: now.rowCount, before: last.rowCount, percentMax: rowsLostPercentMax))
    }
    for exchange in required where now.countByExchange[exchange] == nil {
      if isComplete || last?.countByExchange[exchange] != nil { refusals.append(.exchangeMissing(exchange)) }
    }
    let (broken, all) = (master.brokenCount, master.readCount)
    if broken * 100 > all * rowsBrokenPercentMax {
      refusals.append(.rowsBroken(broken: broken, of: all, percentMax: rowsBrokenPercentMax))
    }
    return refusals
  }
}
