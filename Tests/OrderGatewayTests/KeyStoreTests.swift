import Foundation
import Market
import OrderGateway
import Synchronization
import Testing

private final class Listener: KeyRevocationListener {
  let revoked = Mutex<[Int64]>([])
  func keyRevoked(keyID: Int64) { revoked.withLock { $0.append(keyID) } }
}

@Suite struct KeyStoreTests {
  let scratch = Scratch()

  @Test func `a new key is 64 hex digits and opens the gateway for its user`() throws {
    let store = try KeyStore(stateDirectory: scratch.path)
    let key = try store.add(name: "laptop", userID: "asha")
    #expect(key.count == 64)
    #expect(key.allSatisfy { $0.isHexDigit })
    #expect(store.principal(forKey: key) == Principal(userID: "asha", keyID: 1))
    #expect(store.principal(forKey: String(key.dropLast()) + "x") == nil)
    #expect(store.principal(forKey: "") == nil)
    #expect(store.principal(forKey: String(repeating: "a", count: 257)) == nil)
    #expect(try store.add(name: "desk") != key)
    #expect(try store.list().map(\.userID) == ["asha", "desk"])
  }

  @Test func `keys survive a restart and are nowhere on disk in clear text`() throws {
    let key = try KeyStore(stateDirectory: scratch.path).add(name: "laptop")
    let again = try KeyStore(stateDirectory: scratch.path)
    #expect(again.principal(forKey: key)?.userID == "laptop")
    for name in try FileManager.default.contentsOfDirectory(atPath: scratch.path) {
      let content = try Data(contentsOf: URL(fileURLWithPath: "\(scratch.path)/\(name)"))
      #expect(content.range(of: Data(key.utf8)) == nil, "in \(name)")
    }
  }

  @Test func `a revoked key is dead at once, tells the listeners and stays dead`() throws {
    let store = try KeyStore(stateDirectory: scratch.path)
    let listener = Listener()
    store.addRevocationListener(listener)
    let first = try store.add(name: "a")
    let second = try store.add(name: "b")
    #expect(try store.revoke("a").id == 1)
    #expect(try store.revoke("2").name == "b")
    #expect(store.principal(forKey: first) == nil)
    #expect(store.principal(forKey: second) == nil)
    #expect(listener.revoked.withLock { $0 } == [1, 2])
    #expect(throws: KeyError.unknown("a")) { try store.revoke("a") }
    #expect(try KeyStore(stateDirectory: scratch.path).principal(forKey: first) == nil)
    #expect(try store.list().allSatisfy { $0.revokedAt != nil })
    // The name is free again.
    #expect(try store.add(name: "a") != first)
  }

  @Test func `names are checked and belong to one valid key`() throws {
    let store = try KeyStore(stateDirectory: scratch.path)
    _ = try store.add(name: "a")
    #expect(throws: KeyError.nameTaken("a")) { try store.add(name: "a") }
    for bad in ["", "a b", "ä", "a/b", String(repeating: "a", count: 65)] {
      #expect(throws: KeyError.badName(bad)) { try store.add(name: bad) }
    }
  }

  @Test func `the pepper is made for its owner only, and a wider mode is refused`() throws {
    _ = try KeyStore(stateDirectory: scratch.path)
    let path = "\(scratch.path)/pepper"
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect(attributes[.size] as? Int == 32)
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    #expect(throws: KeyError.pepperExposed(path: path, mode: 0o640)) { try KeyStore(stateDirectory: scratch.path) }
  }

  @Test func `a missing pepper is refused only when keys depend on it`() throws {
    let path = "\(scratch.path)/pepper"
    _ = try KeyStore(stateDirectory: scratch.path)
    try FileManager.default.removeItem(atPath: path)
    _ = try KeyStore(stateDirectory: scratch.path).add(name: "a")
    try FileManager.default.removeItem(atPath: path)
    #expect(throws: KeyError.pepperMissing(path: path, keyCount: 1)) { try KeyStore(stateDirectory: scratch.path) }
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    #expect(throws: KeyError.pepperDamaged(path: path, bytes: 3)) { try KeyStore(stateDirectory: scratch.path) }
  }
}
