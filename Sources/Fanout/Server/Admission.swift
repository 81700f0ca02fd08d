// Who may connect, over all fan-out loops, and which loop takes the next connection. Cold path: once per connection.

import Reactor
import Synchronization

/// Counts connections in total, per remote host and per loop. Any thread.
package final class Admission: Sendable {
  private struct State {
    var total = 0
    var byHost: [HostKey: Int] = [:]
    var byLoop: [Int]
  }

  private let state: Mutex<State>
  private let clientsMax: Int
  private let perHostMax: Int

  package init(loops: Int, clientsMax: Int, perHostMax: Int) {
    state = Mutex(State(byLoop: Array(repeating: 0, count: loops)))
    self.clientsMax = clientsMax
    self.perHostMax = perHostMax
  }

  /// The loop with the fewest connections takes the next one.
  package func leastLoaded() -> Int {
    state.withLock { state in state.byLoop.indices.min { state.byLoop[$0] < state.byLoop[$1] } ?? 0 }
  }

  /// A loop gets a connection, which `remove` takes off again, whatever `enter` says.
  package func add(loop: Int) {
    state.withLock { state in
      state.total += 1
      state.byLoop[loop] += 1
    }
  }

  package func remove(loop: Int) {
    state.withLock { state in
      state.total -= 1
      state.byLoop[loop] -= 1
    }
  }

  /// Judges a connection that was added.
  /// - Parameter host: nil when exempt from the limit per address. Counted until `leave`, unless refused.
  /// - Returns: why it is refused, nil when it is not.
  package func enter(host: HostKey?) -> String? {
    state.withLock { state in
      if state.total > clientsMax { return "too many connections" }
      guard let host else { return nil }
      if state.byHost[host, default: 0] >= perHostMax { return "too many connections from this address" }
      state.byHost[host, default: 0] += 1
      return nil
    }
  }

  package func leave(host: HostKey?) {
    guard let host else { return }
    state.withLock { state in
      guard let count = state.byHost[host] else { return }
      state.byHost[host] = count > 1 ? count - 1 : nil
    }
  }
}
