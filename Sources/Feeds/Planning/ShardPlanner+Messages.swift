// From what is wanted and what the broker has been told to the next messages: releases, places, then one message after
// another as long as the pace allows.

import Market

extension ShardPlanner {
  /// Whether `messages` could give something.
  public func isDue(now: Int64) -> Bool {
    windowAt <= now || nextReleaseAt <= now
  }

  /// When `messages` should be asked next; `.max` when nothing is pending.
  public var dueAt: Int64 { min(windowAt, nextReleaseAt) }

  /// What to tell the broker now. The caller sends all of it, in order.
  public mutating func messages(now: Int64) -> [Message] {
    guard isDue(now: now) else { return [] }
    windowAt = .max
    release(now)
    place(now)
    var messages: [Message] = []
    for shard in shards.indices where shards[shard].isOpen && !shards[shard].dirty.isEmpty {
      drain(shard, now, &messages)
    }
    for shard in shards.indices {
      let isEmpty = shards[shard].instruments.isEmpty
      if isEmpty != (shards[shard].emptySince != .max) { shards[shard].emptySince = isEmpty ? now : .max }
    }
    if hasMadeRoom { tryAgain(now) }
    // Whether they are late or refused has only now become clear.
    touched.append(contentsOf: unplaced)
    return messages
  }

  /// What has ended, or changed its mode, may have made room.
  private mutating func tryAgain(_ now: Int64) {
    hasMadeRoom = false
    guard !unplaced.isEmpty || !stuck.isEmpty else { return }
    for instrument in stuck.sorted() { mark(instrument) }
    stuck = []
    open(window: now)
  }

  // MARK: Releases and places

  private mutating func release(_ now: Int64) {
    guard nextReleaseAt <= now else { return }
    for instrument in lingering.sorted() where entries[instrument]!.releaseAt <= now {
      lingering.remove(instrument)
      mark(instrument)
    }
    nextReleaseAt = lingering.map { entries[$0]!.releaseAt }.min() ?? .max
  }

  private mutating func place(_ now: Int64) {
    homelessCount = 0
    guard !unplaced.isEmpty else { return }
    let waiting = unplaced
    unplaced = []
    var missing = 0
    for instrument in waiting {
      guard let mode = entries[instrument]?.wanted else {
        entries[instrument] = nil
        continue
      }
      // A shard that was too full for one instrument is too full for the next of the same mode; but modes differ.
      if let shard = shards.indices.first(where: { shards[$0].isOpen && hasRoom($0, adding: mode) }) {
        entries[instrument]!.isUnplaced = false
        entries[instrument]!.shard = shard
        entries[instrument]!.reserved = mode
        shards[shard].instruments.insert(instrument)
        shards[shard].counts[mode.index] += 1
        mark(instrument)
      } else {
        unplaced.append(instrument)
        missing += 1
      }
    }
    homelessCount = missing
    if missing > 0 { homelessCount -= evict(missing, now) }
  }

  /// Ends the lingering subscriptions that would end first, to make room. Answers how many these are.
  private mutating func evict(_ count: Int, _ now: Int64) -> Int {
    let oldest = lingering.sorted { (entries[$0]!.releaseAt, $0) < (entries[$1]!.releaseAt, $1) }.prefix(count)
    for instrument in oldest {
      lingering.remove(instrument)
      entries[instrument]!.releaseAt = now
      mark(instrument)
    }
    return oldest.count
  }

  private func hasRoom(_ shard: Int, adding mode: Mode, removing: Mode? = nil) -> Bool {
    var counts = shards[shard].counts
    counts[mode.index] += 1
    if let removing { counts[removing.index] -= 1 }
    return capability.limits.allow(counts)
  }

  // MARK: Messages

  /// Makes messages for a shard until nothing is left to say or the pace forbids more.
  private mutating func drain(_ shard: Int, _ now: Int64, _ messages: inout [Message]) {
    while !shards[shard].dirty.isEmpty {
      var groups: [[UInt32]] = Array(repeating: [], count: Verb.allCases.count * 3)
      let dirty = shards[shard].dirty
      shards[shard].dirty = []
      for instrument in dirty {
        entries[instrument]?.isDirty = false
        guard let (verb, mode) = step(instrument, shard, now) else { continue }
        groups[Int(verb.rawValue) * 3 + mode.index].append(instrument)
      }
      guard let first = groups.firstIndex(where: { !$0.isEmpty }) else { return }
      guard shards[shard].bucket.take(now: now) else {
        for group in groups { for instrument in group { mark(instrument) } }
        return open(window: shards[shard].bucket.readyAt(now: now))
      }
      let verb = Verb(rawValue: UInt8(first / 3))!
      let mode = Mode.allCases[first % 3]
      let part = Array(groups[first].prefix(capability.instrumentsPerMessage))
      var done: [UInt32] = []
      for instrument in part where perform(verb, mode, instrument, shard) { done.append(instrument) }
      if !done.isEmpty { messages.append(Message(shard: shard, verb: verb, mode: mode, instruments: done)) }
      for instrument in groups[first].dropFirst(part.count) { mark(instrument) }
      for group in groups.dropFirst(first + 1) { for instrument in group { mark(instrument) } }
      for instrument in part { mark(instrument) }
    }
  }

  /// The next thing to say of an instrument; nil when all is said. Forgets what is neither wanted nor subscribed.
  private mutating func step(_ instrument: UInt32, _ shard: Int, _ now: Int64) -> (Verb, Mode)? {
    guard let entry = entries[instrument], entry.shard == shard else { return nil }
    if let extra = entry.extra { return (.unsubscribe, extra) }
    let target = entry.releaseAt <= now ? nil : entry.wanted ?? entry.sent
    switch (entry.sent, target) {
    case (nil, nil):
      drop(instrument)
      return nil
    case (nil, let mode?):
      if case .modeMessage(let initial) = capability.modeChange { return (.subscribe, initial) }
      return (.subscribe, mode)
    case (let mode?, nil): return (.unsubscribe, mode)
    case (let sent?, let mode?):
      if sent == mode { return nil }
      switch capability.modeChange {
      case .modeMessage, .changeMessage:
        if hasRoom(shard, adding: mode, removing: entry.reserved) { return (.change, mode) }
        // Elsewhere there may be room; if not, the old mode is better than nothing.
        if shards.indices.contains(where: { $0 != shard && shards[$0].isOpen && hasRoom($0, adding: mode) }) {
          return (.unsubscribe, sent)
        }
        stuck.insert(instrument)
        return nil
      case .subscribeThenUnsubscribe: return hasRoom(shard, adding: mode) ? (.subscribe, mode) : (.unsubscribe, sent)
      case .unsubscribeThenSubscribe: return (.unsubscribe, sent)
      }
    }
  }

  /// Notes what the broker is being told. False when an earlier instrument of the same message took the last room.
  private mutating func perform(_ verb: Verb, _ mode: Mode, _ instrument: UInt32, _ shard: Int) -> Bool {
    guard var entry = entries[instrument] else { return false }
    touched.append(instrument)
    switch verb {
    case .subscribe:
      if let sent = entry.sent {
        guard hasRoom(shard, adding: mode) else { return false }
        entry.extra = sent
        shards[shard].counts[mode.index] += 1
        entry.reserved = mode
      } else {
        guard move(&entry, to: mode, shard) else {
          entries[instrument] = entry
          leave(instrument)
          return false
        }
      }
      entry.sent = mode
    case .change:
      guard move(&entry, to: mode, shard) else { return false }
      entry.sent = mode
    case .unsubscribe:
      if entry.extra != nil {
        entry.extra = nil
        shards[shard].counts[mode.index] -= 1
        hasMadeRoom = true
      } else {
        entry.sent = nil
        entries[instrument] = entry
        if entry.wanted == nil {
          drop(instrument)
        } else if case .changeMessage = capability.modeChange {
          leave(instrument)
        }
        return true
      }
    }
    entries[instrument] = entry
    return true
  }

  /// Changes what an instrument counts as. A subscription that a mode message will move keeps counting as what is
  /// wanted of it.
  private mutating func move(_ entry: inout Entry, to mode: Mode, _ shard: Int) -> Bool {
    guard entry.reserved != mode else { return true }
    guard hasRoom(shard, adding: mode, removing: entry.reserved) else { return false }
    if let reserved = entry.reserved { shards[shard].counts[reserved.index] -= 1 }
    shards[shard].counts[mode.index] += 1
    entry.reserved = mode
    hasMadeRoom = true
    return true
  }

  /// Takes an instrument off its shard; it will look for another place.
  private mutating func leave(_ instrument: UInt32) {
    vacate(instrument)
    unplace(instrument)
    open(window: 0)
  }

  private mutating func drop(_ instrument: UInt32) {
    vacate(instrument)
    lingering.remove(instrument)
    entries[instrument] = nil
    touched.append(instrument)
  }

  private mutating func vacate(_ instrument: UInt32) {
    guard let entry = entries[instrument], entry.shard >= 0 else { return }
    hasMadeRoom = true
    if let reserved = entry.reserved { shards[entry.shard].counts[reserved.index] -= 1 }
    if let extra = entry.extra { shards[entry.shard].counts[extra.index] -= 1 }
    shards[entry.shard].instruments.remove(instrument)
    entries[instrument]!.shard = -1
    entries[instrument]!.reserved = nil
    entries[instrument]!.extra = nil
  }
}
