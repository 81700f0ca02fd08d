// Names of indices: what brokers write to what clients write (`docs/symbols.md`). Data, used while masters load.

import Market

/// Common symbols of indices.
public enum IndexNames {
  /// Common symbol for a broker's text on an index exchange: upper case, without blanks and hyphens, and renamed
  /// where the common name is another word.
  public static func symbol(for text: String, on exchange: Exchange) -> String {
    var compact = ""
    for scalar in text.uppercased().unicodeScalars where scalar != " " && scalar != "-" {
      compact.unicodeScalars.append(scalar)
    }
    switch exchange {
    case .nseIndex: return nse[compact] ?? compact
    case .bseIndex: return bse[compact] ?? compact
    case .globalIndex: return global[compact] ?? compact
    default: return compact
    }
  }

  private static let nse = [
    "NIFTY50": "NIFTY",
    "NIFTYBANK": "BANKNIFTY",
    "NIFTYFINSERVICE": "FINNIFTY",
    "NIFTYNEXT50": "NIFTYNXT50",
    "NIFTYMIDSELECT": "MIDCPNIFTY",
    "NIFTYMIDCAPSELECT": "MIDCPNIFTY",
    "NIFTYMCAP50": "NIFTYMIDCAP50",
    "NIFTYMID50": "NIFTYMIDCAP50",
    "NIFTYMID100FREE": "NIFTYMIDCAP100",
    "NIFTYMIDSMALLCAP400": "NIFTYMIDSML400",
    "NIFTYSMALLCAP50": "NIFTYSMLCAP50",
    "NIFTYSMALLCAP100": "NIFTYSMLCAP100",
    "NIFTYSMALLCAP250": "NIFTYSMLCAP250",
    "NIFTY100EQUALWEIGHT": "NIFTY100EQLWGT",
    "NIFTY100LOWVOLATILITY30": "NIFTY100LOWVOL30",
  ]

  // Short names that mean an index on BSE only: elsewhere ENERGY or METAL may be something else.
  private static let bse = [
    "SNSX50": "SENSEX50",
    "SNXT50": "BSESENSEXNEXT50",
    "MID150": "BSE150MIDCAPINDEX",
    "LMI250": "BSE250LARGEMIDCAPINDEX",
    "MSL400": "BSE400MIDSMALLCAPINDEX",
    "AUTO": "BSEAUTO",
    "METAL": "BSEMETAL",
    "POWER": "BSEPOWER",
    "REALTY": "BSEREALTY",
    "TECK": "BSETECK",
    "TELCOM": "BSETELECOM",
    "ENERGY": "BSEENERGY",
    "CPSE": "BSECPSE",
    "BSECG": "BSECAPITALGOODS",
    "CG": "BSECAPITALGOODS",
    "BSECD": "BSECONSUMERDURABLES",
    "CD": "BSECONSUMERDURABLES",
    "BSEHC": "BSEHEALTHCARE",
    "HC": "BSEHEALTHCARE",
    "BSEIT": "BSEINFORMATIONTECHNOLOGY",
    "IT": "BSEINFORMATIONTECHNOLOGY",
    "BSEFMC": "BSEFASTMOVINGCONSUMERGOODS",
    "FMC": "BSEFASTMOVINGCONSUMERGOODS",
    "FINSER": "BSEFINANCIALSERVICES",
    "FIN": "BSEFINANCIALSERVICES",
    "INDSTR": "BSEINDUSTRIALS",
    "INFRA": "BSEINDIAINFRASTRUCTUREINDEX",
    "DOL30": "BSEDOLLEX30",
    "DOL100": "BSEDOLLEX100",
    "DOL200": "BSEDOLLEX200",
    "LRGCAP": "BSELARGECAP",
    "MIDCAP": "BSEMIDCAP",
    "MIDSEL": "BSEMIDCAPSELECTINDEX",
    "SMLCAP": "BSESMALLCAP",
    "SMLSEL": "BSESMALLCAPSELECTINDEX",
    "SMEIPO": "BSESMEIPO",
    "OILGAS": "BSEOIL&GAS",
    "CARBON": "BSECARBONEX",
    "GREENX": "BSEGREENEX",
    "PSU": "BSEPSU",
    "IPO": "BSEIPO",
    "100": "BSE100",
    "200": "BSE200",
    "500": "BSE500",
  ]

  private static let global = [
    "^HSI": "HANGSENG",
    "^DJI": "DOWJONES",
    "^FTSE": "UK100",
    "^GSPC": "US500",
    "^GDAXI": "GERMANY40",
    "^FCHI": "FRANCE40",
    "^N225": "JAPAN225",
    "IXIX": "US100",
    "DOWFUTURES": "US30",
    "BZUSD": "BRENTOIL",
    "CLUSD": "WTIOIL",
  ]
}
