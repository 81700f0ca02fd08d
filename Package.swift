// swift-tools-version: 6.2
import PackageDescription

// The core (everything on the tick path) needs no package but swift-log, and builds and tests alone in
// seconds: `TICKGATE_CORE=1 swift test --scratch-path .build/core`. Without that variable the whole product is built.
let coreOnly = Context.environment["TICKGATE_CORE"] == "1"

// Every target of ours: Swift 6 mode, no warning survives.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

// Targets on the tick path: class fields are read and written from one thread each, so the dynamic exclusivity
// checks only cost time there (measured: 2 times on class-field code).
let hot: [SwiftSetting] =
  strict + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

// Tests in release run the optimised product; optimising themselves would only take minutes.
let tests: [SwiftSetting] = strict + [.unsafeFlags(["-Onone"], .when(configuration: .release))]

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

var dependencies: [Package.Dependency] = [
  .package(url: "https://github.com/apple/swift-log", from: "1.16.2")
]

var targets: [Target] = [
  // C: only what Swift cannot say.
  .target(name: "CLinux"),
  .systemLibrary(name: "CUring", pkgConfig: "liburing", providers: [.apt(["liburing-dev"])]),
  .systemLibrary(name: "CZMQ", providers: [.apt(["libzmq3-dev"])]),
  .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
  .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),

  // The core, in the order of who may import whom.
  .target(name: "Market", swiftSettings: hot),
  .target(name: "JSONText", swiftSettings: hot),
  .target(name: "Settings", swiftSettings: strict),
  .target(name: "TickRing", dependencies: ["CLinux", "Market"], swiftSettings: hot),
  .target(
    name: "Reactor", dependencies: ["CLinux", "COpenSSL", "CUring", "Market", "TickRing", logging],
    swiftSettings: hot),
  .target(name: "WebSocket", dependencies: ["CZlib"], swiftSettings: hot),
  .target(name: "Normalize", dependencies: ["CLinux", "Market", "JSONText"], swiftSettings: hot),
  .target(
    name: "Feeds",
    dependencies: ["CLinux", "Market", "JSONText", "TickRing", "Reactor", "WebSocket", "Normalize", logging],
    swiftSettings: hot),
  .target(
    name: "Fanout",
    dependencies: ["CZMQ", "Market", "JSONText", "TickRing", "Reactor", "WebSocket", logging],
    swiftSettings: hot),
  .target(name: "Sandbox", dependencies: ["Market"], swiftSettings: hot),
  .target(
    name: "Simulator", dependencies: ["Market", "JSONText", "TickRing", "Reactor", "WebSocket", logging],
    swiftSettings: hot),
]

// `TICKGATE_TESTS=ReactorTests,WebSocketTests` leaves the other test targets of the core out, to build in seconds.
let wantedTests = Context.environment["TICKGATE_TESTS"]?.split(separator: ",").map(String.init)

let testsOfCore: [(name: String, dependencies: [Target.Dependency])] = [
  ("MarketTests", ["Market"]),
  ("JSONTextTests", ["JSONText"]),
  ("SettingsTests", ["Settings"]),
  ("TickRingTests", ["TickRing", "Market", "CLinux"]),
  ("ReactorTests", ["Reactor", "TickRing", "CLinux", "Market", logging]),
  ("WebSocketTests", ["WebSocket"]),
  ("NormalizeTests", ["Normalize", "Market", "JSONText"]),
  ("FeedsTests", ["Feeds", "JSONText", "Simulator", "Normalize", "TickRing", "Market", "Reactor", logging]),
  ("FanoutTests", ["Fanout", "Market", "TickRing", "Reactor", "WebSocket", "JSONText", "CZMQ"]),
  ("SandboxTests", ["Sandbox", "Market"]),
  ("SimulatorTests", ["Simulator", "Normalize", "Market", "Reactor", "WebSocket", "JSONText"]),
]
targets.append(.target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: tests))
for test in testsOfCore where wantedTests?.contains(test.name) ?? true {
  targets.append(
    .testTarget(name: test.name, dependencies: test.dependencies + ["TestSupport"], swiftSettings: tests))
}

// What the Autobahn suite talks to (scripts/conformance): no part of the product's build.
if coreOnly {
  targets.append(
    .executableTarget(
      name: "tickgate-echo", dependencies: ["Reactor", "TickRing", "WebSocket", logging], path: "Tests/Conformance",
      exclude: ["judge.py"], swiftSettings: strict))
}

if !coreOnly {
  dependencies += [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.81.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
  ]
  targets += [
    .target(
      name: "Brokerage",
      dependencies: [
        "CZlib", "JSONText", "Market", "Normalize", logging,
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "Crypto", package: "swift-crypto"),
      ],
      swiftSettings: strict),
    .target(
      name: "OrderGateway",
      dependencies: [
        "Market", "TickRing", "Sandbox", logging,
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "tickgate",
      dependencies: [
        "Market", "JSONText", "TickRing", "Reactor", "WebSocket", "Normalize", "Feeds", "Fanout", "Sandbox",
        "Brokerage", "OrderGateway", "Simulator", "Settings", logging,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "TOMLKit", package: "TOMLKit"),
      ],
      swiftSettings: strict),
    .target(name: "CMallocCount", path: "Sources/Bench/CMallocCount"),
    .executableTarget(
      name: "tickgate-bench",
      dependencies: [
        "CLinux", "CMallocCount", "CUring", "CZMQ", "Market", "JSONText", "TickRing", "Reactor", "WebSocket",
        "Normalize", "Feeds", "Fanout", "Simulator", logging,
        .product(name: "Histogram", package: "hdrhistogram-swift"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/Bench",
      exclude: ["CMallocCount"],
      swiftSettings: hot),
    .testTarget(
      name: "BrokerageTests",
      dependencies: [
        "TestSupport", "Brokerage", "CZlib", "Market", "Normalize", logging,
        .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Crypto", package: "swift-crypto"),
      ],
      swiftSettings: tests),
    .testTarget(
      name: "OrderGatewayTests", dependencies: ["TestSupport", "OrderGateway", "Sandbox", "Market", "TickRing"],
      swiftSettings: tests),
  ]
}

let package = Package(name: "tickgate", dependencies: dependencies, targets: targets)
