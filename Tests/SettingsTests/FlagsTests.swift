import Settings
import Testing

@Suite struct FlagsTests {
  private func error(_ arguments: [String]) -> String {
    do throws(SettingsError) {
      _ = try Flags(parsing: arguments)
      return ""
    } catch {
      return error.description
    }
  }

  @Test func `values stand behind a blank or an equals sign`() throws {
    let flags = try Flags(parsing: ["--ws.port", "1", "--http.port=2", "--user=a=b", "--bus.ingest="])
    #expect(flags.values.map(\.key) == [.webSocketPort, .httpPort, .user, .busIngest])
    #expect(flags.values.map(\.text) == ["1", "2", "a=b", ""])
  }

  @Test func `a boolean may stand alone`() throws {
    let flags = try Flags(parsing: ["--ws.allow_public", "--http.allow_public", "false", "--bus.allow_public"])
    #expect(flags.values.map(\.text) == ["true", "false", "true"])
  }

  @Test func `the configuration file is found in both spellings`() throws {
    #expect(try Flags(parsing: ["--config", "a.toml"]).configurationPath == "a.toml")
    #expect(try Flags(parsing: ["--config=a.toml", "--ws.port", "1"]).configurationPath == "a.toml")
    #expect(try Flags(parsing: []).configurationPath == nil)
  }

  @Test func `negative numbers are values, not flags`() throws {
    #expect(try Flags(parsing: ["--ws.port", "-1"]).values.map(\.text) == ["-1"])
  }

  @Test func `missing values and stray words are errors`() {
    #expect(error(["--ws.port"]) == "--ws.port: the value is missing")
    #expect(error(["--ws.port", "--http.port=1"]) == "--ws.port: the value is missing")
    #expect(error(["--config"]) == "--config: the value is missing")
    #expect(error(["serve"]) == "unexpected argument \"serve\"; settings are given as --name value")
    #expect(error(["-p", "1"]).split(separator: "\n").count == 2)
    #expect(error(["--"]).contains("unknown setting"))
  }
}
