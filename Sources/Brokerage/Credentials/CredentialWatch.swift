// Notices that a token file or the store has changed: a stat each per look, once a second. The provider's watch task
// owns it; blocking, outside the provider's lock.

import Logging
import Market
import Synchronization

/// What the watch remembers from look to look.
struct CredentialWatch: Sendable {
  var files: [(feed: String, file: TokenFile, isWarned: Bool)]
  var storeStamp: FileStamp?
  /// The store's last flaw, so that it is reported once.
  var storeFlaw: CredentialError?

  init(accounts: [FeedAccount], storeStamp: FileStamp?) {
    files = accounts.compactMap { account in account.tokenFile.map { (account.feed, TokenFile(path: $0), false) } }
    self.storeStamp = storeStamp
  }
}

extension FeedCredentialProvider {
  /// Between two looks; a file that was changed just now is looked at again sooner.
  private static let periodNanos: UInt64 = 1_000_000_000

  /// Looks until the task is cancelled.
  public func watch() async {
    while !Task.isCancelled {
      let isSettled = look()
      do { try await Task.sleep(nanoseconds: isSettled ? Self.periodNanos : UInt64(TokenFile.settleNanos)) } catch {
        return
      }
    }
  }

  /// Looks once at token files and store, and tells the listeners what is new. Waits for the disk.
  /// - Returns: false when a file was changed just now and should be looked at again soon.
  @discardableResult
  public func look() -> Bool {
    let now = SystemClock().nowNanos()
    var isSettled = true
    var found: [(feed: String, secrets: BrokerSecrets)] = []
    var contents: CredentialStore.Contents?
    watched.withLock { watched in
      for index in watched.files.indices {
        switch watched.files[index].file.look(nowNanos: now) {
        case .unchanged: break
        case .unsettled: isSettled = false
        case .read(let secrets): found.append((watched.files[index].feed, secrets))
        case .gone: found.append((watched.files[index].feed, BrokerSecrets()))
        case .unusable(let flaw): log.warning("no token in the token file", metadata: ["cause": "\(flaw)"])
        }
        warnIfExposed(&watched.files[index])
      }
      contents = lookAtStore(&watched)
    }
    take(found, contents)
    return isSettled
  }

  private func warnIfExposed(_ watched: inout (feed: String, file: TokenFile, isWarned: Bool)) {
    if watched.file.isReadableByOthers, !watched.isWarned {
      log.warning("the token file can be read by others; run: chmod 600 \(watched.file.path)")
    }
    watched.isWarned = watched.file.isReadableByOthers
  }

  /// Nil when the store is as before, or cannot be read: then what is known stays in use.
  private func lookAtStore(_ watched: inout CredentialWatch) -> CredentialStore.Contents? {
    guard let store else { return nil }
    do {
      if watched.storeFlaw == nil, try store.stamp() == watched.storeStamp { return nil }
      let (contents, stamp) = try store.readStamped()
      watched.storeStamp = stamp
      watched.storeFlaw = nil
      return contents
    } catch {
      if error != watched.storeFlaw { log.error("the stored credentials stay as they were read: \(error)") }
      watched.storeFlaw = error
      return nil
    }
  }

  private func take(_ found: [(feed: String, secrets: BrokerSecrets)], _ contents: CredentialStore.Contents?) {
    guard !found.isEmpty || contents != nil else { return }
    let (changed, listeners) = state.withLock { state in
      var changed: [String] = []
      for (name, feed) in state.feeds {
        let before = feed.usable?.credentials
        var feed = feed
        if let contents { feed.sources.stored = contents[feed.sources.account.broker.name] ?? BrokerSecrets() }
        for item in found where item.feed == name { feed.sources.tokenFile = item.secrets }
        state.feeds[name] = feed
        if let now = feed.usable?.credentials, now != before { changed.append(name) }
      }
      return (changed.sorted(), state.listeners)
    }
    for name in changed {
      log.notice("new credentials", metadata: ["feed": "\(name)"])
      for listener in listeners { listener(name) }
    }
  }
}
