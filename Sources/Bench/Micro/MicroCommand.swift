import ArgumentParser
import CLinux
import CMallocCount
import Fanout
import JSONText
import Market
import Normalize
import Simulator
import TickRing
import WebSocket

struct MicroCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "micro", abstract: "CPU time and allocations of the pieces of the tick path.",
    discussion: "With --check, fails when a figure is above benchmarks/thresholds.json.")

  @Option(help: "Repetitions of each piece; the least time counts.") var repetitions = 40
  @Option(help: "Thresholds to check against.") var check: String?
  @Option(help: "The name of one piece: the others are left out.") var only: String?
  @Flag(help: "Check allocations only: a busy machine cannot change those.") var allocationsOnly = false

  func run() throws {
    var measure = Measure(repetitions: repetitions, only: only)
    Pieces.decode(&measure)
    Pieces.decodeAngel(&measure)
    Pieces.decodeDhan(&measure)
    Pieces.decodeUpstox(&measure)
    Pieces.ring(&measure)
    Pieces.encode(&measure)
    BookPieces.run(&measure)
    Pieces.mask(&measure)
    Pieces.index(&measure)
    if only == nil { Pieces.threads(&measure) }
    for row in measure.rows { print(row.text) }
    guard let check else { return }
    let problems = try Thresholds(Self.read(check)).problems(measure.rows, allocationsOnly: allocationsOnly)
    for problem in problems { print("ABOVE THRESHOLD: \(problem)") }
    if !problems.isEmpty { throw ExitCode(1) }
    print("all \(measure.rows.count) pieces within \(check)")
  }

  private static func read(_ path: String) throws -> [UInt8] {
    guard let bytes = readFile(path) else { throw ValidationError("cannot read \(path)") }
    return bytes
  }
}

/// One measured piece.
struct MeasuredPiece {
  var name: String
  var nanos: Double
  var allocations: UInt64

  var text: String {
    let rounded = (nanos * 10).rounded() / 10
    return "\(name + String(repeating: " ", count: max(1, 34 - name.count)))\(rounded) ns   \(allocations) allocations"
  }
}

/// Times short loops by the thread's CPU clock; the least of many repetitions resists noise.
struct Measure {
  let repetitions: Int
  /// The only piece that is measured; nil for all.
  let only: String?
  private(set) var rows: [MeasuredPiece] = []
  static let loops = 20_000

  init(repetitions: Int, only: String? = nil) {
    self.repetitions = repetitions
    self.only = only
  }

  /// - Parameters:
  ///   - per: operations that one call of the body performs.
  mutating func piece(_ name: String, per: Int = 1, _ body: (Int) -> Void) {
    guard only == nil || only == name else { return }
    for index in 0..<Self.loops { body(index) }
    var least = Int64.max
    let allocations = tg_thread_allocations()
    for _ in 0..<repetitions {
      let start = tg_thread_cpu_nanos()
      for index in 0..<Self.loops { body(index) }
      least = min(least, tg_thread_cpu_nanos() - start)
    }
    let allocated = tg_thread_allocations() - allocations
    add(MeasuredPiece(name: name, nanos: Double(least) / Double(Self.loops * per), allocations: allocated))
  }

  /// A piece that was measured in another way.
  mutating func add(_ piece: MeasuredPiece) { rows.append(piece) }
}

/// `benchmarks/thresholds.json`: {"piece": {"ns": most, "allocations": most}}.
struct Thresholds {
  private let root: JSONValue

  init(_ text: [UInt8]) throws { root = try JSONDocument(text).root }

  func problems(_ rows: [MeasuredPiece], allocationsOnly: Bool) -> [String] {
    var problems: [String] = []
    for row in rows {
      guard let limit = root[row.name], let nanos = limit["ns"]?.double, let most = limit["allocations"]?.integer else {
        problems.append("\(row.name): no threshold")
        continue
      }
      if !allocationsOnly, row.nanos > nanos { problems.append("\(row.name): \(row.nanos) ns, allowed \(nanos)") }
      if row.allocations > UInt64(most) {
        problems.append("\(row.name): \(row.allocations) allocations, allowed \(most)")
      }
    }
    return problems
  }
}
