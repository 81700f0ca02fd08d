// What clients are told without having asked for each message: order events and the states of the feeds, to those that
// subscribed. Never conflated and never dropped, so a client that does not take them is closed as slow. Loop thread
// only; allocates per event (control path).

import Market
import Reactor

extension FanoutLoop {
  /// Which events a client gets from here on, as its session says.
  func followEvents(_ client: FanoutClient) {
    let index = Int(client.socket.index)
    if client.session.wantsOrders { orderClients.insert(index) } else { orderClients.remove(index) }
    if client.session.wantsFeedStatus { feedStatusClients.insert(index) } else { feedStatusClients.remove(index) }
  }

  /// Order events reach every connection of the user that asked, as they came and in order.
  func deliver(_ update: OrderUpdate) {
    for index in orderClients {
      guard let client = clients[index], client.session.principal?.userID == update.userID else { continue }
      sendText(client, update.json)
      ticks.statistics.orderUpdatesDelivered += 1
    }
  }

  /// The sweep's look at the feeds. What is new counts as told though nobody listens: whoever subscribes gets it all.
  func tellFeedStatus() {
    let due = feedStatusWatch.due(nowNanos: nowNanos)
    if due.isEmpty || feedStatusClients.isEmpty { return }
    let wallNanos = shared.clock.nowNanos()
    for news in due {
      let text = FeedStatusText.encode(news.status, wallNanos: wallNanos)
      // A copy of the set: a client that takes nothing leaves it.
      for index in feedStatusClients {
        if let client = clients[index] { sendText(client, text) }
      }
    }
  }
}
