import Market

// Records as bytes: each with its length, type and version, so that a later version can add fields and an older one
// can tell that it must not guess. Pure. Strings name exchanges and symbols: ids of the registry are of one run only.

/// Encodes and decodes records of the journal.
public enum JournalCodec {
  private static let recordType: UInt8 = 1
  private static let recordVersion: UInt8 = 1

  public static func encode(_ record: Record, into out: inout [UInt8]) {
    let start = out.count
    out.put(UInt32(0))
    out.put(recordType)
    out.put(recordVersion)
    out.put(record.user)
    out.put(record.time)
    out.put(record.order != nil)
    if let order = record.order { put(order, into: &out) }
    out.put(record.trade != nil)
    if let trade = record.trade { put(trade, into: &out) }
    out.put(record.position != nil)
    if let position = record.position { put(position, into: &out) }
    out.put(record.holding != nil)
    if let holding = record.holding { put(holding, into: &out) }
    out.put(record.funds != nil)
    if let funds = record.funds { put(funds, into: &out) }
    out.set(UInt32(out.count - start - 4), at: start)
  }

  /// Exactly `count` records that fill `bytes`.
  static func decode(_ bytes: UnsafeRawBufferPointer, count: Int) throws(MalformedBytes) -> [Record] {
    var reader = ByteReader(bytes)
    var records: [Record] = []
    for _ in 0..<count {
      var body = ByteReader(try reader.range(Int(try reader.integer(UInt32.self))))
      records.append(try record(&body))
      guard body.remaining == 0 else { throw MalformedBytes(reason: "a record is longer than its fields") }
    }
    guard reader.remaining == 0 else { throw MalformedBytes(reason: "bytes after the last record") }
    return records
  }

  /// Nil when `bytes` are not exactly `count` records.
  public static func decode(_ bytes: [UInt8], count: Int) -> [Record]? {
    bytes.withUnsafeBytes { try? decode($0, count: count) }
  }

  private static func record(_ reader: inout ByteReader) throws(MalformedBytes) -> Record {
    let type = try reader.integer(UInt8.self)
    let version = try reader.integer(UInt8.self)
    guard type == recordType, version == recordVersion else {
      throw MalformedBytes(reason: "record type \(type) version \(version) is of a later version of this program")
    }
    var record = Record(user: try reader.text(), time: try reader.integer())
    if try reader.flag() { record.order = try order(&reader) }
    if try reader.flag() { record.trade = try trade(&reader) }
    if try reader.flag() { record.position = try position(&reader) }
    if try reader.flag() { record.holding = try holding(&reader) }
    if try reader.flag() { record.funds = try funds(&reader) }
    return record
  }

  private static func put(_ key: InstrumentKey, into out: inout [UInt8]) {
    out.put(key.exchange.code)
    out.put(key.symbol)
  }

  private static func key(_ reader: inout ByteReader) throws(MalformedBytes) -> InstrumentKey {
    guard let exchange = Exchange(code: try reader.text()) else { throw MalformedBytes(reason: "unknown exchange") }
    return InstrumentKey(exchange, try reader.text())
  }

  private static func member<T: RawRepresentable<UInt8>>(_ reader: inout ByteReader) throws(MalformedBytes) -> T {
    guard let value = T(rawValue: try reader.integer()) else {
      throw MalformedBytes(reason: "unknown value of \(T.self)")
    }
    return value
  }
}

// The parts of a record. Writer and reader of each stand together and name the fields in the same order.
extension JournalCodec {
  private static func put(_ order: Order, into out: inout [UInt8]) {
    out.put(order.id.number)
    put(order.key, into: &out)
    out.put(order.side.rawValue)
    out.put(order.product.rawValue)
    out.put(order.priceType.rawValue)
    out.put(order.strategy)
    out.put(order.placedAt)
    out.put(order.quantity)
    out.put(order.price)
    out.put(order.triggerPrice)
    out.put(order.status.rawValue)
    out.put(order.filledQuantity)
    out.put(order.pendingQuantity)
    out.put(order.filledValue)
    out.put(order.margin)
    out.put(order.fundedQuantity)
    out.put(order.rejectionReason)
    out.put(order.updatedAt)
  }

  private static func order(_ reader: inout ByteReader) throws(MalformedBytes) -> Order {
    Order(
      id: OrderID(number: try reader.integer()), key: try key(&reader), side: try member(&reader),
      product: try member(&reader), priceType: try member(&reader), strategy: try reader.text(),
      placedAt: try reader.integer(), quantity: try reader.integer(), price: try reader.integer(),
      triggerPrice: try reader.integer(), status: try member(&reader), filledQuantity: try reader.integer(),
      pendingQuantity: try reader.integer(), filledValue: try reader.integer(), margin: try reader.integer(),
      fundedQuantity: try reader.integer(), rejectionReason: try reader.text(), updatedAt: try reader.integer())
  }

  private static func put(_ trade: Trade, into out: inout [UInt8]) {
    out.put(trade.number)
    out.put(trade.order.number)
    put(trade.key, into: &out)
    out.put(trade.side.rawValue)
    out.put(trade.product.rawValue)
    out.put(trade.strategy)
    out.put(trade.quantity)
    out.put(trade.price)
    out.put(trade.time)
  }

  private static func trade(_ reader: inout ByteReader) throws(MalformedBytes) -> Trade {
    Trade(
      number: try reader.integer(), order: OrderID(number: try reader.integer()), key: try key(&reader),
      side: try member(&reader), product: try member(&reader), strategy: try reader.text(),
      quantity: try reader.integer(), price: try reader.integer(), time: try reader.integer())
  }

  private static func put(_ position: Position, into out: inout [UInt8]) {
    put(position.key.instrument, into: &out)
    out.put(position.key.product.rawValue)
    out.put(position.quantity)
    out.put(position.cost)
    out.put(position.margin)
    out.put(position.sessionRealized)
    out.put(position.session)
    out.put(position.accumulatedRealized)
    out.put(position.ltp)
    out.put(position.openedAt)
  }

  private static func position(_ reader: inout ByteReader) throws(MalformedBytes) -> Position {
    let instrument = try key(&reader)
    var position = Position(key: PositionKey(instrument, try member(&reader)))
    position.quantity = try reader.integer()
    position.cost = try reader.integer()
    position.margin = try reader.integer()
    position.sessionRealized = try reader.integer()
    position.session = try reader.integer()
    position.accumulatedRealized = try reader.integer()
    position.ltp = try reader.integer()
    position.openedAt = try reader.integer()
    return position
  }

  private static func put(_ holding: Holding, into out: inout [UInt8]) {
    put(holding.key, into: &out)
    out.put(holding.quantity)
    out.put(holding.cost)
    out.put(holding.ltp)
    out.put(holding.settledDay)
  }

  private static func holding(_ reader: inout ByteReader) throws(MalformedBytes) -> Holding {
    var holding = Holding(key: try key(&reader))
    holding.quantity = try reader.integer()
    holding.cost = try reader.integer()
    holding.ltp = try reader.integer()
    holding.settledDay = try reader.integer()
    return holding
  }

  private static func put(_ funds: Funds, into out: inout [UInt8]) {
    out.put(funds.totalCapital)
    out.put(funds.available)
    out.put(funds.used)
    out.put(funds.realized)
    out.put(funds.sessionRealized)
    out.put(funds.session)
    out.put(funds.charges)
    out.put(funds.resetCount)
    out.put(funds.lastReset)
  }

  private static func funds(_ reader: inout ByteReader) throws(MalformedBytes) -> Funds {
    var funds = Funds(startingCapital: try reader.integer(), now: 0)
    funds.available = try reader.integer()
    funds.used = try reader.integer()
    funds.realized = try reader.integer()
    funds.sessionRealized = try reader.integer()
    funds.session = try reader.integer()
    funds.charges = try reader.integer()
    funds.resetCount = try reader.integer()
    funds.lastReset = try reader.integer()
    return funds
  }
}
