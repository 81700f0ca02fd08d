import Market

// What a client asks for when it places an order, already parsed. Checked by `OrderValidation`, never trusted before.

/// A request for an order. Prices in 1e-8 units, 0 where the price type does not use one.
public struct PlaceOrder: Sendable, Equatable {
  public var strategy: String
  public var exchange: Exchange
  public var symbol: String
  public var side: Side
  public var quantity: Int64
  public var priceType: PriceType
  public var product: Product
  public var price: Int64
  public var triggerPrice: Int64

  public init(
    strategy: String = "", exchange: Exchange, symbol: String, side: Side, quantity: Int64,
    priceType: PriceType = .market, product: Product = .mis, price: Int64 = 0, triggerPrice: Int64 = 0
  ) {
    self.strategy = strategy
    self.exchange = exchange
    self.symbol = symbol
    self.side = side
    self.quantity = quantity
    self.priceType = priceType
    self.product = product
    self.price = price
    self.triggerPrice = triggerPrice
  }
}
