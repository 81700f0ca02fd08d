import Foundation
import Sandbox

// Where the suites find their data. Files of the tests, so allowed to use Foundation.

/// Locates files under `Tests/Fixtures` and makes directories that a test may fill.
enum Fixtures {
  static func url(_ path: String) -> URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures").appendingPathComponent(path)
  }

  static func files(in folder: String) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(at: url(folder), includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
  }

  /// A new directory that is removed when the body ends.
  static func withTemporaryDirectory(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "tickgate-sandbox-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }
}

/// A small generator with a printable seed; `TICKGATE_SEED` repeats a run.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// The seed of this run: from the environment, or new.
  static func chosenSeed() -> UInt64 {
    ProcessInfo.processInfo.environment["TICKGATE_SEED"].flatMap { UInt64($0) } ?? .random(in: 0 ... .max)
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
