// Certificates for tests, made once per run by the openssl command in a directory of its own. Any thread.

import Glibc

/// Files of one certificate authority and what it signed.
public struct TestCertificates: Sendable {
  public static let shared = TestCertificates()

  public let directory: String
  public var authority: String { directory + "/ca.pem" }

  private init() {
    var template = Array("/tmp/tickgate-tls-XXXXXX".utf8CString)
    directory =
      mkdtemp(&template) == nil ? "/nowhere" : String(decoding: template.dropLast().map(UInt8.init), as: UTF8.self)
    atexit { TestCertificates.run("rm -r \(TestCertificates.shared.directory)") }
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    Self.run("cd \(directory) && openssl req -x509 \(key) -keyout ca.key -out ca.pem -days 2 -subj /CN=authority")
    Self.run("cd \(directory) && openssl req -x509 \(key) -keyout self.key -out self.pem -days 2 -subj /CN=localhost")
    make("good", names: "DNS:localhost,IP:127.0.0.1")
    make("second", names: "DNS:second.example")
    make("expired", names: "DNS:localhost", days: -1)
  }

  private func make(_ name: String, names: String, days: Int = 2) {
    Self.run(
      """
      cd \(directory) && openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout \(name).key \
      -out \(name).csr -subj /CN=\(name) -addext subjectAltName=\(names) && \
      openssl x509 -req -in \(name).csr -CA ca.pem -CAkey ca.key -CAcreateserial -days \(days) \
      -copy_extensions copy -out \(name).pem
      """)
  }

  @discardableResult
  public static func run(_ command: String) -> String {
    guard let pipe = popen("(\(command)) 2>/dev/null", "r") else { return "" }
    defer { pclose(pipe) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&chunk, 1, chunk.count, pipe)
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk[0..<count]
    }
  }
}
