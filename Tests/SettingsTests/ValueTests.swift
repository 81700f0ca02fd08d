import Settings
import Testing

/// Types, bounds and the rules that span settings.
@Suite struct ValueTests {
  private func error(_ arguments: String...) -> String {
    do throws(SettingsError) {
      _ = try Settings(flags: Flags(parsing: arguments))
      return ""
    } catch {
      return error.description
    }
  }

  private func error(file entries: [String: SettingsTree]) -> String {
    do throws(SettingsError) {
      _ = try Settings(file: .init(path: "t.toml", tree: .table(entries)))
      return ""
    } catch {
      return error.description
    }
  }

  @Test func `each bound of each integer is taken and the next value refused`() {
    for definition in Definition.table {
      guard case .integer(let range) = definition.kind else { continue }
      let key = definition.key
      for bound in [range.lowerBound, range.upperBound] {
        #expect(!error("\(key.flagName)=\(bound)").contains("\(key.name) (flag \(key.flagName)): \(bound) is not"))
      }
      #expect(error("\(key.flagName)=\(range.lowerBound - 1)").contains("expected \(definition.allowed)"))
      if range.upperBound < .max {
        #expect(error("\(key.flagName)=\(range.upperBound + 1)").contains("expected \(definition.allowed)"))
      }
    }
  }

  @Test(arguments: ["", " ", "1x", "1.5", "0x10", "99999999999999999999", "true"])
  func `what is no integer is refused with the text`(text: String) {
    #expect(error("--ws.port=\(text)") == "ws.port (flag --ws.port): expected integer 0 to 65535, got \"\(text)\"")
  }

  @Test func `a wrong type in the file is named`() {
    #expect(error(file: ["user": .integer(1)]) == "user (file t.toml): expected text that is not empty, got integer")
    #expect(error(file: ["user": .other("date")]).contains("got date"))
    #expect(error(file: ["user": .table([:])]) == "")
    #expect(error(file: ["ws": .table(["port": .double(1)])]).contains("got decimal number"))
    #expect(error(file: ["ws": .table(["allow_public": .string("true")])]).contains("expected true or false"))
    #expect(error(file: ["bus": .table(["publish": .string("x")])]).contains("expected list of texts, got text"))
    #expect(error(file: ["bus": .table(["publish": .array([.integer(1)])])]).contains("a list with a integer"))
  }

  @Test(arguments: [("00:00", 0), ("08:35", 515), ("23:59", 1439)])
  func `a time of day is a minute`(text: String, minute: Int) throws {
    let settings = try Settings(flags: Flags(parsing: ["--masters.refresh_at", text]))
    #expect(settings.minuteOfDay(.mastersRefreshAt) == minute)
  }

  @Test(arguments: ["24:00", "08:60", "8:00", "08:00:00", "0800", "08-00", "-1:00", "+8:00", "", "aa:bb"])
  func `what is no time of day is refused`(text: String) {
    #expect(error("--masters.refresh_at=\(text)").contains("expected time of day, \"00:00\" to \"23:59\""))
  }

  @Test func `words, powers of two, rates and texts keep to what is allowed`() {
    #expect(
      error("--sim.pacing=fast")
        == "sim.pacing (flag --sim.pacing): \"fast\" is not allowed; expected one of smooth, pulse")
    #expect(error("--feeds.enabled=sim,fyers").contains("expected list of sim, zerodha"))
    #expect(error("--ring.capacity=131073").contains("power of two"))
    #expect(error("--http.order_rate=ten per second").contains("N per second"))
    #expect(error("--user=").contains("text that is not empty"))
    #expect(error("--user=a\nb").contains("is not allowed"))
    #expect(error("--user=" + String(repeating: "x", count: 5000)).contains("is not allowed"))
    #expect(error("--log.level=debug", "--ring.capacity=2048", "--http.order_rate=5 per second") == "")
  }

  @Test(arguments: [("10 per second", 10), ("1 PER Second", 1), (" 1000000  per second ", 1_000_000)])
  func `rates are read as OpenAlgo writes them`(text: String, count: Int) {
    #expect(Rate(text)?.count == count)
  }

  @Test(arguments: [
    "", "10", "10 per", "0 per second", "-1 per second", "10 a second", "10 per minute", "1000001 per second",
  ])
  func `what is no rate is none`(text: String) {
    #expect(Rate(text) == nil)
  }

  @Test func `a secret is taken from file and environment but never as a flag`() throws {
    let settings = try Settings(
      file: .init(
        path: "t", tree: .table(["feeds": .table(["zerodha": .table(["api_key": .string("from-file")])])])),
      environment: ["TICKGATE_FEEDS_ZERODHA_ACCESS_TOKEN": "from-environment"])
    #expect(settings.string(.zerodhaAPIKey) == "from-file")
    #expect(settings.string(.zerodhaAccessToken) == "from-environment")
    for form in [["--feeds.zerodha.api_key", "hunter2"], ["--feeds.zerodha.api_key=hunter2"]] {
      let text = error(form[0], form.count > 1 ? form[1] : "--user=x")
      #expect(text.contains("TICKGATE_FEEDS_ZERODHA_API_KEY"))
      #expect(!text.contains("hunter2"))
    }
  }

  @Test func `every key and token of a broker is a secret`() {
    for key in Key.allCases where key.name.hasPrefix("feeds.") {
      let isSecret = ["api_key", "access_token", "feed_token"].contains { key.name.hasSuffix("." + $0) }
      #expect(Definition.of(key).isSecret == isSecret, "\(key.name)")
    }
  }

  @Test func `the value of a secret is in no error and no listing`() throws {
    let bad = "hunter2\u{7}"
    do throws(SettingsError) {
      _ = try Settings(environment: ["TICKGATE_FEEDS_ZERODHA_API_KEY": bad])
      Issue.record("a control character was taken")
    } catch {
      #expect(!error.description.contains("hunter2"))
    }
    let listing = SettingsText.listing(try Settings(environment: ["TICKGATE_FEEDS_ZERODHA_API_KEY": "hunter2"]))
    #expect(!listing.contains("hunter2"))
    #expect(listing.contains("feeds.zerodha.api_key = (set, not shown)  # environment variable"))
    #expect(listing.contains("ws.port = 8765  # default"))
  }

  @Test(arguments: ["0.0.0.0", "::", "192.168.1.4", "127.0.0.1.evil.example", "127.1", "example.org", "127.0.0.256"])
  func `an address that others can reach needs the word for it`(host: String) {
    #expect(error("--ws.host=\(host)").contains("set ws.allow_public = true"))
    #expect(error("--http.host=\(host)").contains("set http.allow_public = true"))
    #expect(error("--ws.host=\(host)", "--ws.tls_certificate=a.pem", "--ws.tls_key=a.key") == "")
    #expect(error("--ws.host=\(host)", "--ws.allow_public", "--http.host", host, "--http.allow_public", "yes") == "")
  }

  @Test(arguments: ["127.0.0.1", "127.8.9.10", "localhost", "::1"])
  func `loopback needs no word`(host: String) {
    #expect(error("--ws.host=\(host)", "--http.host=\(host)") == "")
  }

  @Test(arguments: ["tcp://*:5555", "tcp://0.0.0.0:1", "tcp://eth0:1", "tcp://127.0.0.1", "pgm://x", "5555"])
  func `a bus endpoint that others can reach needs the word for it`(endpoint: String) {
    #expect(error("--bus.ingest=\(endpoint)").contains("bus.ingest"))
    #expect(error("--bus.publish=\(endpoint)").contains("bus.publish"))
    #expect(error("--bus.ingest=\(endpoint)", "--bus.allow_public=true") == "")
    #expect(error("--bus.ingest=tcp://127.0.0.1:5555", "--bus.publish=tcp://[::1]:2,inproc://x,ipc:///tmp/a") == "")
  }

  @Test func `values that do not fit together are refused`() {
    #expect(
      error("--ws.outbox_soft_bytes=1000000", "--ws.outbox_hard_bytes=100000")
        .contains("must be below ws.outbox_hard_bytes"))
    #expect(error("--http.port=8765").contains("port of the WebSocket server"))
    #expect(error("--http.port=0", "--ws.port=0") == "")
  }
}
