import Brokerage
import Glibc
import Testing

@Suite struct CredentialStoreTests {
  private let scratch = CredentialFolder()
  private var store: CredentialStore { CredentialStore(stateDirectory: scratch.path) }

  private func error(_ body: () throws -> Void) -> CredentialError? {
    do {
      try body()
      return nil
    } catch { return error as? CredentialError }
  }

  @Test func `secrets come back, with the time of the access token alone`() throws {
    try store.set("token-1", as: .accessToken, of: "zerodha", nowNanos: 7)
    try store.set("key-1", as: .apiKey, of: "zerodha", nowNanos: 8)
    try store.set("4711", as: .pin, of: "angel", nowNanos: 9)
    var zerodha = secrets([.accessToken: "token-1", .apiKey: "key-1"])
    zerodha.obtainedNanos = 7
    #expect(try store.read() == ["zerodha": zerodha, "angel": secrets([.pin: "4711"])])
  }

  @Test func `nothing is made before the first secret, and what is made is for the owner alone`() throws {
    #expect(try store.read().isEmpty)
    #expect(scratch.read("credentials.key").isEmpty)
    let mask = umask(0)
    try store.set("token-1", as: .accessToken, of: "dhan", nowNanos: 0)
    umask(mask)
    #expect(scratch.read("credentials.key").count == 32)
    for name in ["credentials.key", "credentials.sealed", "credentials.lock"] { #expect(scratch.mode(name) == 0o600) }
  }

  @Test func `the file shows neither secrets nor names`() throws {
    try store.set("a-very-plain-token", as: .accessToken, of: "upstox", nowNanos: 0)
    let text = String(decoding: scratch.read("credentials.sealed"), as: UTF8.self)
    for word in ["a-very-plain-token", "upstox", "access"] { #expect(!text.contains(word)) }
  }

  @Test func `the same content is sealed differently every time`() throws {
    try store.set("token", as: .accessToken, of: "dhan", nowNanos: 0)
    let first = scratch.read("credentials.sealed")
    try store.set("token", as: .accessToken, of: "dhan", nowNanos: 0)
    #expect(scratch.read("credentials.sealed") != first)
  }

  @Test func `a store that was changed anywhere or cut is refused`() throws {
    try store.set("token", as: .accessToken, of: "dhan", nowNanos: 0)
    let whole = scratch.read("credentials.sealed")
    for index in whole.indices {
      var changed = whole
      changed[index] ^= 1
      scratch.write(changed, to: "credentials.sealed")
      #expect(throws: CredentialError.self, "byte \(index)") { try store.read() }
      scratch.write(Array(whole[..<index]), to: "credentials.sealed")
      #expect(throws: CredentialError.self, "cut at \(index)") { try store.read() }
    }
    scratch.write(whole, to: "credentials.sealed")
    #expect(try store.read()["dhan"]?[.accessToken] == "token")
  }

  @Test func `another key, a lost key and a newer format are told apart`() throws {
    try store.set("token", as: .accessToken, of: "dhan", nowNanos: 0)
    let sealed = scratch.read("credentials.sealed")
    let key = scratch.read("credentials.key")
    scratch.write(key.map { $0 ^ 1 }, to: "credentials.key")
    #expect(error { _ = try store.read() } == .wrongKey(path: store.path, key: store.keyPath))
    unlink(store.keyPath)
    #expect(error { _ = try store.read() } == .keyMissing(path: store.keyPath, store: store.path))
    // A new key must not be made beside a store that it cannot open.
    #expect(error { try store.set("x", as: .pin, of: "dhan", nowNanos: 0) } != nil)
    #expect(scratch.read("credentials.key").isEmpty)
    scratch.write(key + [0], to: "credentials.key")
    #expect(error { _ = try store.read() } == .keyDamaged(path: store.keyPath))
    scratch.write(key, to: "credentials.key")
    var newer = sealed
    newer[4] = 9
    scratch.write(newer, to: "credentials.sealed")
    #expect(error { _ = try store.read() } == .newer(path: store.path, version: 9))
  }

  @Test(arguments: [0o640, 0o604, 0o620, 0o777] as [mode_t])
  func `a key that others can reach is refused, store or no store`(mode: mode_t) throws {
    scratch.write([UInt8](repeating: 1, count: 32), to: "credentials.key", mode: mode)
    let found = error { _ = try store.read() }
    #expect(found == .keyExposed(path: store.keyPath, mode: UInt32(mode)))
    #expect(found?.description.contains("chmod 600 \(store.keyPath)") == true)
    #expect(error { try store.set("x", as: .pin, of: "dhan", nowNanos: 0) } == found)
  }

  @Test func `a key that is a link or a folder is refused`() throws {
    scratch.write([UInt8](repeating: 1, count: 32), to: "elsewhere")
    symlink(scratch.path + "/elsewhere", store.keyPath)
    #expect(error { _ = try store.read() } == .system(call: "open", path: store.keyPath, errno: ELOOP))
    unlink(store.keyPath)
    mkdir(store.keyPath, 0o700)
    #expect(error { _ = try store.read() } == .keyDamaged(path: store.keyPath))
  }

  @Test func `a store of any size is bounded`() throws {
    try store.set("token", as: .accessToken, of: "dhan", nowNanos: 0)
    scratch.write([UInt8](repeating: 0, count: CredentialStore.bytesMax + 1), to: "credentials.sealed")
    #expect(error { _ = try store.read() } == .tooLarge(path: store.path, bytesMax: CredentialStore.bytesMax))
  }

  @Test func `what a crashed change left behind is in nobody's way`() throws {
    try store.set("token", as: .accessToken, of: "dhan", nowNanos: 0)
    scratch.write("half", to: "credentials.sealed.new")
    #expect(try store.read()["dhan"]?[.accessToken] == "token")
    try store.set("newer", as: .accessToken, of: "dhan", nowNanos: 1)
    #expect(try store.read()["dhan"]?[.accessToken] == "newer")
  }

  @Test func `changes at the same time are all kept`() async throws {
    let store = store
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<40 {
        let broker = BrokerAccount.table[index % 4].name
        let field = CredentialField.allCases[index / 4 % 6]
        group.addTask { try store.set("v\(index)", as: field, of: broker, nowNanos: 0) }
      }
      try await group.waitForAll()
    }
    let contents = try store.read()
    #expect(contents.count == 4)
    #expect(contents.values.allSatisfy { $0.fields.count == 6 })
  }

  @Test func `one secret or all of a broker can be forgotten`() throws {
    try store.set("token", as: .accessToken, of: "angel", nowNanos: 5)
    try store.set("4711", as: .pin, of: "angel", nowNanos: 5)
    try store.remove(.accessToken, of: "angel")
    #expect(try store.read() == ["angel": secrets([.pin: "4711"])])
    #expect(
      error { try store.remove(.accessToken, of: "angel") } == .nothingStored(broker: "angel", field: .accessToken))
    try store.remove(nil, of: "angel")
    #expect(try store.read().isEmpty)
    #expect(error { try store.remove(nil, of: "angel") } == .nothingStored(broker: "angel", field: nil))
    #expect(error { try store.remove(nil, of: "nobody") } == .unknownBroker("nobody"))
  }

  @Test(arguments: ["", " ", "two words", "line\nbreak", "tab\t", "ümlaut", "nul\u{0}"])
  func `what cannot be a secret is refused`(text: String) {
    #expect(error { try store.set(text, as: .accessToken, of: "dhan", nowNanos: 0) } == .badSecret(.accessToken))
    #expect(scratch.read("credentials.sealed").isEmpty)
  }

  @Test func `a TOTP secret is checked and stored without its groups`() throws {
    #expect(
      error { try store.set("not base32!", as: .totpSecret, of: "angel", nowNanos: 0) } == .badSecret(.totpSecret))
    try store.set("MZXW 6YTB-oi", as: .totpSecret, of: "angel", nowNanos: 0)
    #expect(try store.read()["angel"]?[.totpSecret] == "MZXW6YTBoi")
    let long = String(repeating: "x", count: BrokerSecrets.secretBytesMax)
    try store.set(long, as: .accessToken, of: "angel", nowNanos: 0)
    #expect(error { try store.set(long + "x", as: .accessToken, of: "angel", nowNanos: 0) } == .badSecret(.accessToken))
  }
}
