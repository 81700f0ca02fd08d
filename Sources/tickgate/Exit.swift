import ArgumentParser
import Glibc

/// How the process ends (sysexits): 0, 1, 64 usage, 65 input that cannot be read, 69 something needed is unavailable, 78
/// configuration.
enum Exit {
  static let failure: Int32 = 1
  static let data: Int32 = 65
  static let usage: Int32 = 64
  static let unavailable: Int32 = 69
  static let configuration: Int32 = 78

  /// Says why on standard error and gives the error that makes the parser exit with the code.
  static func because(_ message: String, code: Int32) -> ExitCode {
    printError("tickgate: \(message)")
    return ExitCode(code)
  }
}

/// Writes a line to standard error.
func printError(_ line: String) {
  let text = line + "\n"
  _ = text.withCString { Glibc.write(STDERR_FILENO, $0, strlen($0)) }
}
