import Brokerage
import Glibc
import Market
import Testing

@Suite struct TokenFileTests {
  private let scratch = CredentialFolder()
  private var path: String { scratch.path + "/token" }
  private func now() -> Int64 { SystemClock().nowNanos() }

  private func token(_ look: TokenFile.Look) -> String? {
    if case .read(let secrets) = look { return secrets[.accessToken] }
    return nil
  }

  @Test func `a whole file is taken once, and again when it changes`() {
    scratch.write("  token-1\r\n", to: "token")
    scratch.age("token", seconds: 10)
    var file = TokenFile(path: path)
    #expect(token(file.look(nowNanos: now())) == "token-1")
    #expect(file.look(nowNanos: now()) == .unchanged)
    scratch.write("token-2", to: "token")
    scratch.age("token", seconds: 5)
    #expect(token(file.look(nowNanos: now())) == "token-2")
  }

  @Test func `a file that replaces the old one by rename is taken even with the same size and time`() {
    scratch.write("token-1", to: "token")
    scratch.age("token", seconds: 10)
    var file = TokenFile(path: path)
    #expect(token(file.look(nowNanos: now())) == "token-1")
    scratch.write("token-2", to: "token.new")
    scratch.age("token.new", seconds: 10)
    rename(path + ".new", path)
    #expect(token(file.look(nowNanos: now())) == "token-2")
  }

  @Test func `a file that is still growing is not believed`() {
    scratch.write("tok", to: "token")
    var file = TokenFile(path: path)
    let start = now()
    #expect(file.look(nowNanos: start) == .unsettled)
    scratch.write("token-whole", to: "token")
    #expect(file.look(nowNanos: start + 1) == .unsettled)
    #expect(token(file.look(nowNanos: now() + TokenFile.settleNanos + 1)) == "token-whole")
  }

  @Test func `a time of modification in the future does not keep a file from being taken`() {
    scratch.write("token-1", to: "token")
    scratch.age("token", seconds: -3600)
    var file = TokenFile(path: path)
    let start = now()
    #expect(file.look(nowNanos: start) == .unsettled)
    #expect(file.look(nowNanos: start + 1) == .unsettled)
    #expect(token(file.look(nowNanos: start + TokenFile.settleNanos)) == "token-1")
  }

  @Test func `an empty, missing or huge file is no token and is reported once`() {
    var file = TokenFile(path: path)
    #expect(file.look(nowNanos: now()) == .gone)
    #expect(file.look(nowNanos: now()) == .unchanged)
    scratch.write(" \n", to: "token")
    scratch.age("token", seconds: 1)
    #expect(file.look(nowNanos: now()) == .unusable("\(path): empty"))
    #expect(file.look(nowNanos: now()) == .unchanged)
    scratch.write([UInt8](repeating: 0x61, count: TokenFile.bytesMax + 1), to: "token")
    scratch.age("token", seconds: 1)
    guard case .unusable(let text) = file.look(nowNanos: now()) else {
      Issue.record("a huge file was taken")
      return
    }
    #expect(text.contains("\(TokenFile.bytesMax) bytes"))
    #expect(file.look(nowNanos: now()) == .unchanged)
    unlink(path)
    #expect(file.look(nowNanos: now()) == .gone)
  }

  @Test func `a folder or a pipe in its place neither blocks nor is taken`() {
    mkfifo(path, 0o600)
    scratch.age("token", seconds: 1)
    var file = TokenFile(path: path)
    guard case .unusable = file.look(nowNanos: now()) else {
      Issue.record("a pipe was taken")
      return
    }
    #expect(file.look(nowNanos: now()) == .unchanged)
  }

  @Test func `that others can read it is known`() {
    scratch.write(Array("token".utf8), to: "token", mode: 0o644)
    var file = TokenFile(path: path)
    _ = file.look(nowNanos: now())
    #expect(file.isReadableByOthers)
    chmod(path, 0o600)
    _ = file.look(nowNanos: now())
    #expect(!file.isReadableByOthers)
  }

  // MARK: Content

  @Test(arguments: [
    ("token", "token"), ("\n token \r\n", "token"), ("\u{FEFF}token\n", "token"),
    (#"{"access_token":"abc"}"#, "abc"), (#" {"accessToken" : "abc", "other": [1,2]} "#, "abc"),
    (#"{"status":"success","data":{"access_token":"abc"}}"#, "abc"), (#"{"jwtToken":"abc"}"#, "abc"),
  ])
  func `bare tokens and objects are read`(content: String, token: String) throws {
    #expect(try TokenFile.parse(Array(content.utf8)).get()[.accessToken] == token)
  }

  @Test func `an object may name all fields`() throws {
    let text = #"{"jwtToken":"j","feedToken":"f","api_key":"k","clientcode":"c"}"#
    let found = try TokenFile.parse(Array(text.utf8)).get()
    #expect(found == secrets([.accessToken: "j", .feedToken: "f", .apiKey: "k", .clientID: "c"]))
  }

  @Test(arguments: [
    ("", TokenFile.Flaw.empty), ("\n\n", .empty), ("two tokens", .notPlain), ("a\nb", .notPlain),
    ("a\u{0}b", .notPlain),
    ("tök", .notPlain), ("{", .notJSON), (#"{"access_token":"abc"#, .notJSON), (#"{"access_token":1}"#, .noToken),
    (#"{"access_token":""}"#, .noToken), ("{}", .noToken), (#"{"access_token":"a b"}"#, .tooLong),
    (#"{"access_token":"a\r\nX-Evil: 1"}"#, .tooLong), (#"{"data":"x"}"#, .noToken),
  ])
  func `what is no token is refused with its reason`(content: String, flaw: TokenFile.Flaw) {
    #expect(TokenFile.parse(Array(content.utf8)).failure == flaw)
  }

  @Test func `every beginning of an object is refused, and no bytes break the parser`() {
    let whole = Array(#"{"access_token":"abcdef","feed_token":"é\u0041"}"#.utf8)
    for count in 0..<whole.count { #expect((try? TokenFile.parse(Array(whole[..<count])).get()) == nil) }
    var deep = [UInt8](repeating: UInt8(ascii: "["), count: 50_000)
    deep.insert(contentsOf: Array(#"{"access_token":"#.utf8), at: 0)
    #expect(TokenFile.parse(deep).failure == .notJSON)
    for byte in UInt8.min...UInt8.max { _ = TokenFile.parse([UInt8(ascii: "{"), byte, byte]) }
    #expect(TokenFile.parse([0xFF, 0xFE]).failure == .notPlain)
  }
}
