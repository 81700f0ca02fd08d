import Market

// The arithmetic of one execution: netting against the position, the split of the order's margin between the units
// that it opens and the rest, and what reaches the account's cash. Pure; either everything changes or nothing.

/// One execution about to happen, and the state that it changes.
struct Fill {
  var order: Order
  var position: Position
  var funds: Funds
  let holdingQuantity: Int64
  let quantity: Int64
  /// 1e-8 units.
  let price: Int64
  /// Last price of the instrument, for the position.
  let ltp: Int64
  let leverage: Int64
  let time: Int64
  let session: Int32
  let limits: Limits

  /// Carries the execution out; a text means that it was refused, and then nothing has changed.
  mutating func execute() -> String? {
    assert(order.status.isPending && quantity > 0 && quantity <= order.pendingQuantity && price > 0)
    let held = Int64(position.quantity.magnitude)
    let isOpposite = position.quantity * order.side.sign < 0
    let closing = isOpposite ? min(quantity, held) : 0
    let opening = quantity - closing
    let isLast = quantity == order.pendingQuantity

    // Units that this fill opens are paid for by the order's margin as far as it goes, the others by `extra`.
    let paid = min(opening, order.fundedQuantity)
    let own = order.fundedQuantity > 0 ? Money.share(of: order.margin, part: paid, whole: order.fundedQuantity) : 0
    let surplus = isLast ? order.margin - own : 0
    var extra: Int128 = 0
    if order.product == .cnc, order.side == .sell {
      if position.quantity + holdingQuantity < quantity {
        return Refusal.shortage(
          position.key.instrument, wanted: quantity, position: position.quantity, holding: holdingQuantity)
      }
    } else {
      extra = Money.margin(quantity: opening - paid, price: price, leverage: leverage)
      let free = Int128(funds.available) + Int128(surplus)
      if extra > max(free, 0) {
        return Refusal.insufficientFunds(required: extra, available: Int64(clamping: free))
      }
    }

    let value = Money.value(quantity: quantity, price: price)
    let closedValue = Money.value(quantity: closing, price: price)
    let closedCost = closing > 0 ? Money.share(of: position.cost, part: closing, whole: held) : 0
    let released = closing > 0 ? Money.share(of: position.margin, part: closing, whole: held) : 0
    let pnl = (closedValue - Int128(closedCost)) * (position.quantity > 0 ? 1 : -1)
    let cost = Int128(position.cost - closedCost) + value - closedValue
    let available = Int128(funds.available) + Int128(surplus) + Int128(released) + pnl - extra
    let isInRange =
      value <= Int128(limits.valueMax) && cost <= Int128(limits.valueMax)
      && available.magnitude <= UInt128(limits.balanceMax)
      && (Int128(funds.realized) + pnl).magnitude <= UInt128(limits.balanceMax)
      && Int128(position.quantity.magnitude) + Int128(opening) <= Int128(limits.quantityMax)
    guard isInRange else { return "Value out of range of the sandbox." }

    changePosition(opening: opening, closing: closing, cost: Int64(cost), pnl: Int64(pnl))
    position.margin += own + Int64(extra) - released
    changeOrder(value: Int64(value), own: own, paid: paid, isLast: isLast)
    funds.available = Int64(available)
    funds.used += Int64(extra) - surplus - released
    funds.realized += Int64(pnl)
    funds.sessionRealized = funds.realized(in: session) + Int64(pnl)
    funds.session = session
    assert(position.quantity != 0 || (position.cost == 0 && position.margin == 0))
    return nil
  }

  private mutating func changePosition(opening: Int64, closing: Int64, cost: Int64, pnl: Int64) {
    if opening > 0, position.quantity == 0 || closing > 0 { position.openedAt = time }
    position.quantity += quantity * order.side.sign
    position.cost = cost
    position.ltp = position.quantity == 0 ? price : ltp
    position.accumulatedRealized += pnl
    position.sessionRealized = position.realized(in: session) + pnl
    position.session = session
  }

  private mutating func changeOrder(value: Int64, own: Int64, paid: Int64, isLast: Bool) {
    order.filledQuantity += quantity
    order.pendingQuantity -= quantity
    order.filledValue += value
    order.margin = isLast ? 0 : order.margin - own
    order.fundedQuantity = isLast ? 0 : order.fundedQuantity - paid
    order.updatedAt = time
    if isLast { order.status = .complete }
  }
}
