import Glibc
import Settings
import Testing

/// The table is complete, and what is made from it is in step with it.
@Suite struct TableTests {
  @Test func `every key has one row, in the order of the keys`() {
    #expect(Definition.table.map(\.key) == Key.allCases)
  }

  @Test func `every default is allowed and given back by the accessor of its type`() throws {
    let settings = try Settings()
    for definition in Definition.table {
      let key = definition.key
      switch definition.kind {
      case .text(let isEmptyAllowed), .path(let isEmptyAllowed):
        #expect(isEmptyAllowed || !settings.string(key).isEmpty)
      case .choice(let words): #expect(words.contains(settings.string(key)))
      case .integer(let range): #expect(range.contains(settings.integer(key)))
      case .powerOfTwo(let range):
        #expect(range.contains(settings.integer(key)) && settings.integer(key).nonzeroBitCount == 1)
      case .boolean: #expect(!settings.boolean(key), "what opens something is off by default")
      case .strings(let choices): #expect(settings.strings(key).allSatisfy { choices?.contains($0) ?? true })
      case .rate: #expect(settings.rate(key).count > 0)
      case .timeOfDay: #expect((0..<1440).contains(settings.minuteOfDay(key)))
      }
    }
  }

  @Test func `no two keys share a name in the environment`() {
    let names = Key.allCases.map(\.environmentName) + Environment.reserved + Environment.aliases.map(\.variable)
    #expect(Set(names).count == names.count)
    #expect(Key.webSocketPort.environmentName == "TICKGATE_WS_PORT")
    #expect(Key.stateDirectory.environmentName == "TICKGATE_STATE_DIR")
  }

  @Test func `the committed configuration file is the generated one`() throws {
    let path = String(#filePath.dropLast("Tests/SettingsTests/TableTests.swift".count)) + "config/tickgate.toml"
    let generated = SettingsText.configurationFile()
    if getenv("TICKGATE_WRITE_CONFIG") != nil {
      let file = try #require(fopen(path, "w"))
      fputs(generated, file)
      fclose(file)
    }
    let committed = try #require(contents(path), "\(path) is missing")
    #expect(
      committed == generated,
      "run: TICKGATE_WRITE_CONFIG=1 TICKGATE_CORE=1 swift test --scratch-path .build/core --filter TableTests")
  }

  @Test func `the generated file has every key once, commented out, below its table`() {
    var section = ""
    var names: [String] = []
    for line in SettingsText.configurationFile().split(separator: "\n") {
      #expect(line.count <= 120)
      if line.first == "[" { section = line.dropFirst().dropLast() + "." }
      let words = line.split(separator: " ")
      if line.first == "#", line.dropFirst().first != " ", words.count > 2, words[1] == "=" {
        names.append(section + words[0].dropFirst())
      }
    }
    #expect(names == Key.allCases.map(\.name))
  }

  @Test func `the help lists every key with its variable`() {
    let help = SettingsText.help()
    for definition in Definition.table {
      #expect(help.contains(definition.key.environmentName))
      #expect(help.contains(definition.key.flagName) == !definition.isSecret)
    }
  }

  private func contents(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var byte = getc(file)
    while byte != EOF {
      bytes.append(UInt8(truncatingIfNeeded: byte))
      byte = getc(file)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
