// Names, rough price levels and contract terms that the universe is made of. Data; the levels need not be right, only
// plausible.

import Market

enum UniverseNames {
  /// Cash symbol, company and price level in paise.
  struct Share {
    var symbol: String
    var company: String
    var paise: Int64

    init(_ symbol: String, _ company: String, _ paise: Int64) {
      self.symbol = symbol
      self.company = company
      self.paise = paise
    }
  }

  /// What options and futures are written on. The level is in paise; strikes are `strikeStep` rupees apart.
  struct Underlying {
    var name: String
    var exchange: Exchange
    var paise: Int64
    var lotSize: Int32
    var strikeStep: Int64
    var hasWeeklies: Bool

    init(
      _ name: String, _ exchange: Exchange = .nfo, paise: Int64, lot: Int32, step: Int64, hasWeeklies: Bool = false
    ) {
      self.name = name
      self.exchange = exchange
      self.paise = paise
      lotSize = lot
      strikeStep = step
      self.hasWeeklies = hasWeeklies
    }
  }

  static let shares = [
    Share("RELIANCE", "RELIANCE INDUSTRIES", 1_400_00), Share("TCS", "TATA CONSULTANCY SERV LT", 3_080_00),
    Share("INFY", "INFOSYS", 1_500_00), Share("SBIN", "STATE BANK OF INDIA", 870_00),
    Share("HDFCBANK", "HDFC BANK", 965_00), Share("ICICIBANK", "ICICI BANK", 1_375_00), Share("ITC", "ITC", 405_00),
    Share("TATAMOTORS", "TATA MOTORS", 690_00), Share("YESBANK", "YES BANK", 21_50),
    Share("M&M", "MAHINDRA & MAHINDRA", 3_450_00), Share("BAJAJ-AUTO", "BAJAJ AUTO", 8_950_00),
    Share("AXISBANK", "AXIS BANK", 1_160_00), Share("KOTAKBANK", "KOTAK MAHINDRA BANK", 2_010_00),
    Share("LT", "LARSEN & TOUBRO", 3_640_00), Share("BHARTIARTL", "BHARTI AIRTEL", 1_930_00),
    Share("HINDUNILVR", "HINDUSTAN UNILEVER", 2_560_00), Share("BAJFINANCE", "BAJAJ FINANCE", 995_00),
    Share("MARUTI", "MARUTI SUZUKI INDIA", 15_900_00), Share("SUNPHARMA", "SUN PHARMACEUTICAL IND L", 1_640_00),
    Share("TITAN", "TITAN COMPANY", 3_460_00), Share("ASIANPAINT", "ASIAN PAINTS", 2_480_00),
    Share("WIPRO", "WIPRO", 245_00), Share("HCLTECH", "HCL TECHNOLOGIES", 1_460_00),
    Share("TECHM", "TECH MAHINDRA", 1_530_00), Share("NTPC", "NTPC", 335_00),
    Share("POWERGRID", "POWER GRID CORP", 287_00), Share("ONGC", "OIL AND NATURAL GAS CORP", 236_00),
    Share("COALINDIA", "COAL INDIA", 392_00), Share("TATASTEEL", "TATA STEEL", 171_00),
    Share("JSWSTEEL", "JSW STEEL", 1_110_00), Share("HINDALCO", "HINDALCO INDUSTRIES", 760_00),
    Share("ADANIENT", "ADANI ENTERPRISES", 2_560_00), Share("ADANIPORTS", "ADANI PORT & SEZ", 1_410_00),
    Share("ULTRACEMCO", "ULTRATECH CEMENT", 12_350_00), Share("GRASIM", "GRASIM INDUSTRIES", 2_820_00),
    Share("NESTLEIND", "NESTLE INDIA", 1_190_00), Share("CIPLA", "CIPLA", 1_510_00),
    Share("DRREDDY", "DR. REDDY'S LABORATORIES", 1_255_00), Share("EICHERMOT", "EICHER MOTORS", 6_950_00),
    Share("IDEA", "VODAFONE IDEA", 8_15),
  ]

  /// Shares that are listed on BSE too.
  static let bseShareCount = 10

  /// Broker's spelling, common symbol, exchange, level in paise.
  static let indices: [(broker: String, symbol: String, exchange: Exchange, paise: Int64)] = [
    ("NIFTY 50", "NIFTY", .nseIndex, 24_800_00), ("NIFTY BANK", "BANKNIFTY", .nseIndex, 55_400_00),
    ("INDIA VIX", "INDIAVIX", .nseIndex, 13_20), ("SENSEX", "SENSEX", .bseIndex, 81_000_00),
    ("NIFTY FIN SERVICE", "FINNIFTY", .nseIndex, 26_400_00),
    ("NIFTY MID SELECT", "MIDCPNIFTY", .nseIndex, 12_800_00),
  ]

  static let nifty = Underlying("NIFTY", paise: 24_800_00, lot: 75, step: 50, hasWeeklies: true)
  static let bankNifty = Underlying("BANKNIFTY", paise: 55_400_00, lot: 35, step: 100)
  static let sensex = Underlying("SENSEX", .bfo, paise: 81_000_00, lot: 20, step: 100, hasWeeklies: true)
  static let reliance = Underlying("RELIANCE", paise: 1_400_00, lot: 500, step: 10)

  /// Shares with futures.
  static let shareUnderlyings = [
    reliance, Underlying("TCS", paise: 3_080_00, lot: 175, step: 20),
    Underlying("INFY", paise: 1_500_00, lot: 400, step: 20), Underlying("SBIN", paise: 870_00, lot: 750, step: 10),
    Underlying("HDFCBANK", paise: 965_00, lot: 550, step: 10),
    Underlying("ICICIBANK", paise: 1_375_00, lot: 700, step: 10),
    Underlying("ITC", paise: 405_00, lot: 1600, step: 5), Underlying("M&M", paise: 3_450_00, lot: 200, step: 50),
    Underlying("BAJAJ-AUTO", paise: 8_950_00, lot: 75, step: 100),
    Underlying("AXISBANK", paise: 1_160_00, lot: 625, step: 10),
  ]

  /// Everything that further strikes and expiries are made of.
  static let optionUnderlyings =
    [nifty, bankNifty, sensex, Underlying("FINNIFTY", paise: 26_400_00, lot: 65, step: 50)] + shareUnderlyings

  /// MCX: level in paise, lot, tick in paise, day of the month on which contracts expire.
  static let commodities: [(underlying: Underlying, tickPaise: Int64, expiryDayOfMonth: Int)] = [
    (Underlying("CRUDEOIL", .mcx, paise: 5_600_00, lot: 100, step: 50), 1_00, 19),
    (Underlying("GOLD", .mcx, paise: 121_000_00, lot: 100, step: 500), 1_00, 5),
    (Underlying("SILVER", .mcx, paise: 148_000_00, lot: 30, step: 500), 1_00, 5),
    (Underlying("NATURALGAS", .mcx, paise: 292_00, lot: 1250, step: 5), 10, 26),
  ]

  /// NSE currency: level in paise.
  static let currencies: [(name: String, paise: Int64)] = [("USDINR", 88_50), ("EURINR", 103_20)]
}
