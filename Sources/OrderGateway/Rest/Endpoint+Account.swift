import Market
import Sandbox

// Reports of the paper account. Rows are copied by the engine between two of its commands; JSON is written here.

extension Endpoint {
  static let orderbook: Respond = { _, principal, dependencies in
    let user = principal.userID
    let book = await dependencies.engine.query { engine, now in engine.orderbook(user: user, now: now) }
    return answer(book) { book, json in
      json.object("data") { data in
        data.array("orders", book.orders) { json, row in write(row, into: &json) }
        data.object("statistics") { json in
          json.integer("total_buy_orders", book.statistics.buyOrders)
          json.integer("total_sell_orders", book.statistics.sellOrders)
          json.integer("total_completed_orders", book.statistics.completedOrders)
          json.integer("total_open_orders", book.statistics.openOrders)
          json.integer("total_rejected_orders", book.statistics.rejectedOrders)
          json.integer("total_trigger_pending_orders", book.statistics.triggerPendingOrders)
        }
      }
    }
  }

  static let tradebook: Respond = { _, principal, dependencies in
    let user = principal.userID
    let trades = await dependencies.engine.query { engine, now in engine.tradebook(user: user, now: now) }
    return answer(trades) { trades, json in
      json.array("data", trades) { json, row in
        json.text("tradeid", row.tradeID)
        json.text("orderid", row.orderID.text)
        json.text("symbol", row.symbol)
        json.text("exchange", row.exchange.code)
        json.text("action", row.side.code)
        json.integer("quantity", row.quantity)
        json.price("average_price", row.price)
        json.price("price", row.price)
        json.money("trade_value", row.value)
        json.text("product", row.product.code)
        json.text("strategy", row.strategy)
        json.text("timestamp", ISTTime(epochNanos: row.time).text)
      }
    }
  }

  static let positionbook: Respond = { _, principal, dependencies in
    let user = principal.userID
    let book = await dependencies.engine.query { engine, now in engine.positionbook(user: user, now: now) }
    return answer(book) { book, json in
      json.array("data", book.positions) { json, row in
        json.text("symbol", row.symbol)
        json.text("exchange", row.exchange.code)
        json.text("product", row.product.code)
        json.integer("quantity", row.quantity)
        json.price("average_price", row.averagePrice)
        json.price("ltp", row.ltp)
        json.money("pnl", row.pnl)
        json.money("pnlpercent", row.pnlPercent)
        json.money("unrealized_pnl", row.unrealizedPnl)
        json.money("today_realized_pnl", row.todayRealizedPnl)
        json.money("total_pnl_today", row.pnl)
        json.money("lot_size", row.contractMultiplier * Money.scale)
      }
      json.money("total_pnl", book.totalPnl)
      json.money("total_unrealized_pnl", book.totalUnrealizedPnl)
      json.money("total_today_realized_pnl", book.totalTodayRealizedPnl)
      json.money("total_pnl_today", book.totalPnl)
    }
  }

  static let holdings: Respond = { _, principal, dependencies in
    let user = principal.userID
    let holdings = await dependencies.engine.query { engine, _ in engine.holdings(user: user) }
    return answer(holdings) { holdings, json in
      json.object("data") { data in
        data.array("holdings", holdings.holdings) { json, row in
          json.text("symbol", row.symbol)
          json.text("exchange", row.exchange.code)
          json.text("product", Product.cnc.code)
          json.integer("quantity", row.quantity)
          json.price("average_price", row.averagePrice)
          json.price("ltp", row.ltp)
          json.money("pnl", row.pnl)
          json.money("pnlpercent", row.pnlPercent)
          json.money("current_value", row.currentValue)
          json.text("settlement_date", CivilDate(day: row.settledDay).text)
        }
        data.object("statistics") { json in
          json.money("totalholdingvalue", holdings.totalValue)
          json.money("totalinvvalue", holdings.totalInvestment)
          json.money("totalprofitandloss", holdings.totalPnl)
          json.money("totalpnlpercentage", holdings.totalPnlPercent)
        }
      }
    }
  }

  static let funds: Respond = { _, principal, dependencies in
    let user = principal.userID
    let funds = await dependencies.engine.query { engine, now in engine.funds(user: user, now: now) }
    return answer(funds) { funds, json in
      json.object("data") { json in
        json.money("availablecash", funds.availableCash)
        json.money("collateral", funds.collateral)
        json.money("m2munrealized", funds.m2mUnrealized)
        json.money("m2mrealized", funds.m2mRealized)
        json.money("utiliseddebits", funds.utilisedDebits)
        json.money("grossexposure", funds.utilisedDebits)
        json.money("totalpnl", funds.totalPnl)
        json.money("total_realized_pnl", funds.totalRealizedPnl)
        json.money("today_realized_pnl", funds.m2mRealized)
        json.text("last_reset", ISTTime(epochNanos: funds.lastReset).text)
        json.integer("reset_count", Int64(funds.resetCount))
      }
    }
  }

  private static func answer<T>(
    _ result: Result<T, EngineUnavailable>, _ members: (T, inout ResponseJSON) -> Void
  ) -> RestAnswer {
    switch result {
    case .success(let value): .analyzed { members(value, &$0) }
    case .failure(let reason): .unavailable(reason)
    }
  }
}
