import Settings
import Testing

/// How settings come together from file, environment and flags.
@Suite struct ResolveTests {
  private func file(_ entries: [String: SettingsTree]) -> Settings.File {
    Settings.File(path: "t.toml", tree: .table(entries))
  }

  /// The text of the error that resolving throws, or "" when it does not.
  private func error(
    file: Settings.File? = nil, environment: [String: String] = [:], arguments: [String] = []
  ) -> String {
    do throws(SettingsError) {
      _ = try Settings(file: file, environment: environment, flags: Flags(parsing: arguments))
      return ""
    } catch {
      return error.description
    }
  }

  @Test func `without any source every key has its default`() throws {
    let settings = try Settings()
    #expect(settings.string(.webSocketHost) == "127.0.0.1")
    #expect(settings.integer(.webSocketPort) == 8765)
    #expect(settings.integer(.ringCapacity) == 65_536)
    #expect(!settings.boolean(.webSocketAllowPublic))
    #expect(settings.strings(.feedsEnabled) == ["sim"])
    #expect(settings.rate(.httpOrderRate) == Rate("10 per second"))
    for key in Key.allCases { #expect(settings.source(of: key) == .fallback) }
  }

  @Test func `later sources win over earlier ones`() throws {
    let file = file(["ws": .table(["port": .integer(1), "host": .string("127.0.0.2")]), "user": .string("file")])
    let both = try Settings(file: file, environment: ["TICKGATE_WS_PORT": "2"])
    #expect(both.integer(.webSocketPort) == 2)
    #expect(both.string(.user) == "file")
    let all = try Settings(
      file: file, environment: ["TICKGATE_WS_PORT": "2"], flags: Flags(parsing: ["--ws.port=3", "--ws.port", "4"]))
    #expect(all.integer(.webSocketPort) == 4)
    #expect(all.string(.webSocketHost) == "127.0.0.2")
    #expect(all.source(of: .webSocketPort) == .flag(name: "--ws.port"))
    #expect(all.source(of: .user) == .file(path: "t.toml"))
  }

  @Test func `OpenAlgo names count between the file and our own names`() throws {
    let file = file(["ws": .table(["port": .integer(1)])])
    let alias = try Settings(file: file, environment: ["WEBSOCKET_PORT": "2", "WS_AUTH_GRACE_SECONDS": "7"])
    #expect(alias.integer(.webSocketPort) == 2)
    #expect(alias.integer(.webSocketAuthSeconds) == 7)
    #expect(alias.source(of: .webSocketPort) == .environment(variable: "WEBSOCKET_PORT"))
    let own = try Settings(file: file, environment: ["WEBSOCKET_PORT": "2", "TICKGATE_WS_PORT": "3"])
    #expect(own.integer(.webSocketPort) == 3)
    #expect(try Settings(file: file, environment: ["WEBSOCKET_PORT": ""]).integer(.webSocketPort) == 1)
    // What our own name overrides need not be right.
    #expect(error(environment: ["WEBSOCKET_PORT": "x", "TICKGATE_WS_PORT": "3"]) == "")
    #expect(error(environment: ["WEBSOCKET_PORT": "x"]).contains("environment variable WEBSOCKET_PORT"))
  }

  @Test func `nested tables become dotted keys`() throws {
    let feeds: SettingsTree = .table(["zerodha": .table(["url": .string("ws://127.0.0.1:1")])])
    #expect(try Settings(file: file(["feeds": feeds])).string(.zerodhaURL) == "ws://127.0.0.1:1")
  }

  @Test func `the state directory is put into endpoints wherever it came from`() throws {
    let settings = try Settings(flags: Flags(parsing: ["--state_dir", "/tmp/x"]))
    #expect(settings.strings(.busPublish) == ["tcp://127.0.0.1:5556", "ipc:///tmp/x/bus.sock"])
    let twice = try Settings(flags: Flags(parsing: ["--bus.publish", "ipc://{state_dir}/{state_dir}"]))
    #expect(twice.strings(.busPublish) == ["ipc://state/state"])
  }

  @Test(arguments: ["true", "TRUE", "yes", "on", "1", " true "])
  func `booleans have the usual spellings`(text: String) throws {
    #expect(try Settings(environment: ["TICKGATE_WS_ALLOW_PUBLIC": text]).boolean(.webSocketAllowPublic))
  }

  @Test func `lists are comma separated and may be empty`() throws {
    let settings = try Settings(environment: ["TICKGATE_BUS_PUBLISH": " ipc://a , tcp://127.0.0.1:1"])
    #expect(settings.strings(.busPublish) == ["ipc://a", "tcp://127.0.0.1:1"])
    #expect(try Settings(environment: ["TICKGATE_BUS_PUBLISH": ""]).strings(.busPublish).isEmpty)
    #expect(error(environment: ["TICKGATE_BUS_PUBLISH": "ipc://a,,ipc://b"]).contains("bus.publish"))
  }

  @Test(arguments: [
    ("--ws.prot", "--ws.port"), ("--ws.clients", "--ws.clients_max"), ("--stat_dir", "--state_dir"),
    ("--bus.pubilsh", "--bus.publish"), ("--confg", "--config"),
  ])
  func `an unknown flag names the nearest one`(given: String, meant: String) {
    let text = error(arguments: [given, "1"])
    #expect(text == "flag \(given): unknown setting \"\(given)\"; did you mean \"\(meant)\"?")
  }

  @Test func `an unknown key of the file names file, key and the nearest`() {
    let text = error(file: file(["http": .table(["prot": .integer(1)])]))
    #expect(text == "file t.toml: unknown setting \"http.prot\"; did you mean \"http.port\"?")
    #expect(error(file: file(["colour": .string("red")])) == "file t.toml: unknown setting \"colour\"")
  }

  @Test func `an unknown variable with our prefix is an error, reserved and foreign ones are not`() {
    #expect(
      error(environment: ["TICKGATE_WS_PROT": "1"])
        == "environment variable TICKGATE_WS_PROT: unknown setting \"TICKGATE_WS_PROT\";"
        + " did you mean \"TICKGATE_WS_PORT\"?")
    let fine = [
      "TICKGATE_CORE": "1", "TICKGATE_SEED": "1", "TICKGATE_SHARED_DATA": "/", "TICKGATE_CONFIG": "x",
      "TICKGATE_KEY": "x",
    ]
    #expect(error(environment: fine) == "")
    #expect(error(environment: ["PATH": "/bin", "TICKGATEX": "1"]) == "")
  }

  @Test func `all problems are reported at once`() {
    let text = error(
      file: file(["nope": .integer(1), "ws": .table(["port": .string("8765")])]),
      environment: ["TICKGATE_HTTP_PORT": "99999"])
    #expect(text.split(separator: "\n").count == 3)
    #expect(text.contains("ws.port (file t.toml): expected integer 0 to 65535, got text"))
    #expect(
      text.contains(
        "http.port (environment variable TICKGATE_HTTP_PORT): 99999 is not allowed; expected integer 0 to 65535"))
  }

  @Test func `a table nested without end is an unknown key`() {
    var tree = SettingsTree.integer(1)
    for _ in 0..<50 { tree = .table(["a": tree]) }
    #expect(error(file: Settings.File(path: "t.toml", tree: tree)).contains("unknown setting"))
    #expect(error(file: Settings.File(path: "t.toml", tree: .integer(3))).contains("unknown setting"))
  }
}
