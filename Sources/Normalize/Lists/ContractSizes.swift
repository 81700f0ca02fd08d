// Units of the quoted good in one contract, where brokers do not agree whether a lot is counted in contracts or in
// units. Data, used while masters load.

import Market

/// Contract sizes of commodities and currencies.
enum ContractSizes {
  /// Units in one lot. Some brokers list 1 on commodity and currency exchanges and count orders in contracts: for
  /// known contracts the units are filled in, so that a lot is worth the same whatever the broker.
  static func units(perLotOf underlying: String, on exchange: Exchange, listed: Int32) -> Int32 {
    guard listed == 1 else { return listed }
    switch exchange {
    case .mcx: return commodities[underlying] ?? 1
    case .cds, .bcd: return currencies[underlying] ?? 1
    default: return 1
    }
  }

  // Price quoted per 10 g of gold, kg of silver and base metals, barrel of oil, mmBtu of gas.
  private static let commodities: [String: Int32] = [
    "GOLD": 100, "GOLDM": 10, "SILVER": 30, "SILVERM": 5, "CRUDEOIL": 100, "CRUDEOILM": 10, "NATURALGAS": 1250,
    "NATGASMINI": 250, "COPPER": 2500, "ZINC": 5000, "ZINCMINI": 1000, "LEAD": 5000, "LEADMINI": 1000,
    "ALUMINIUM": 5000, "ALUMINI": 1000,
  ]

  private static let currencies: [String: Int32] = [
    "USDINR": 1000, "EURINR": 1000, "GBPINR": 1000, "JPYINR": 1000, "EURUSD": 1000, "GBPUSD": 1000, "USDJPY": 1000,
  ]
}
