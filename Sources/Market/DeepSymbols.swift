// Books beyond five levels have names of their own, the symbol with the number of levels: `TCS:20`. They are not in any
// instrument list; an id is given to one when it is first named, and stays for the life of the process.

import Synchronization

/// Books that a feed has beside its market data.
public struct DeepOffer: Sendable, Equatable {
  /// Levels of a side: 20, 30, 200.
  public var levels: Int
  public var exchanges: [Exchange]

  public init(levels: Int, exchanges: [Exchange]) {
    self.levels = levels
    self.exchanges = exchanges
  }
}

/// One book beyond five levels.
public struct DeepSymbol: Sendable, Hashable {
  /// Id of the instrument whose book it is.
  public var base: UInt32
  public var levels: Int

  public init(base: UInt32, levels: Int) {
    self.base = base
    self.levels = levels
  }
}

/// Ids of the books that have been named, dense, from `first` on. Any thread; control path only.
public final class DeepSymbols: Sendable {
  /// Books that may be named in the life of a process. Brokers serve some hundred at a time; strategies that follow the
  /// strikes around the money name others every day.
  public static let countMax = 16_384
  /// Between symbol and levels.
  static let separator = UInt8(ascii: ":")
  /// Digits of the levels.
  static let digitsMax = 3

  private struct Names {
    var ids: [DeepSymbol: UInt32] = [:]
    var symbols: [DeepSymbol] = []
  }

  /// The lowest id: behind those of the listed instruments.
  public let first: UInt32
  public let offers: [DeepOffer]
  /// Ids that can be given: 0 where no feed has such books.
  public let capacity: Int
  private let names = Mutex(Names())

  init(first: UInt32, offers: [DeepOffer]) {
    self.first = first
    self.offers = offers
    capacity = offers.isEmpty ? 0 : Self.countMax
  }

  /// Most levels of a side that any feed has; 0 for none.
  public var levelsMax: Int { offers.map(\.levels).max() ?? 0 }

  /// The id of a book, nil when no feed has it or when too many have been named.
  /// - Parameter makes: whether one that was never named gets an id.
  func id(of symbol: DeepSymbol, on exchange: Exchange, makes: Bool) -> UInt32? {
    guard offers.contains(where: { $0.levels == symbol.levels && $0.exchanges.contains(exchange) }) else { return nil }
    return names.withLock { names in
      if let id = names.ids[symbol] { return id }
      guard makes, names.symbols.count < capacity else { return nil }
      let id = first + UInt32(names.symbols.count)
      names.ids[symbol] = id
      names.symbols.append(symbol)
      return id
    }
  }

  /// The book with this id; nil when the id was not given, such as that of a listed instrument.
  public subscript(id: UInt32) -> DeepSymbol? {
    guard id >= first else { return nil }
    return names.withLock { names in
      let place = Int(id - first)
      return place < names.symbols.count ? names.symbols[place] : nil
    }
  }

  /// Splits `TCS:20` into the bytes of the symbol and the levels; nil for a name of another shape.
  static func split(_ bytes: UnsafeRawBufferPointer) -> (symbol: UnsafeRawBufferPointer, levels: Int)? {
    guard let place = bytes.lastIndex(of: separator), place > 0 else { return nil }
    let digits = bytes[(place + 1)...]
    guard (1...digitsMax).contains(digits.count), digits.first != UInt8(ascii: "0") else { return nil }
    var levels = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      levels = levels * 10 + Int(digit - UInt8(ascii: "0"))
    }
    return (UnsafeRawBufferPointer(rebasing: bytes[..<place]), levels)
  }
}
