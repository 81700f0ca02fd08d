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
