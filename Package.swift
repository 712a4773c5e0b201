// swift-tools-version:6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]
// In rooms that see NIO or Foundation, members of glibc's structures (`stat`) belong to clang
// modules that no one can import, so visibility by import can not be had there.
let strictBesideGlibc: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .treatAllWarnings(as: .error),
]
// One file to install, whatever glibc the server has: release builds link everything in.
let oneFile: [LinkerSetting] = [
  .unsafeFlags(["-static-executable"], .when(configuration: .release))
]

func nio(_ name: String) -> Target.Dependency { .product(name: name, package: "swift-nio") }
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let arguments: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
func hummingbird(_ name: String) -> Target.Dependency {
  .product(name: name, package: "hummingbird")
}
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")

func room(
  _ name: String, _ dependencies: [Target.Dependency], settings: [SwiftSetting] = strict
) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
  name: "integrated-manager-for-lustre",
  products: [
    .executable(name: "iml", targets: ["iml"]),
    .executable(name: "iml-agent", targets: ["iml-agent"]),
    .executable(name: "iml-bench", targets: ["Bench"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    room("Protocol", []),
    room("AgentCore", ["Protocol"]),
    room("ManagerCore", ["Protocol"]),
    room("Platform", [logging]),
    room("Simulator", ["Protocol", "AgentCore", "ManagerCore"]),
    room(
      "NodeAgent",
      [
        "Protocol", "AgentCore", "Platform", nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"),
        nioSSL,
        x509, crypto, asn1, logging, signals, arguments,
      ], settings: strictBesideGlibc),
    room(
      "Manager",
      [
        "Protocol", "ManagerCore", "Platform", nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"),
        nio("NIOTLS"), nioSSL, x509, crypto, asn1, logging, lifecycle, signals, arguments, grdb,
        hummingbird("Hummingbird"), hummingbird("HummingbirdCore"), httpTypes,
      ]),
    room(
      "OperatorCLI",
      [
        "Protocol", "ManagerCore", "Platform", nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"),
        nioSSL, crypto, arguments, httpClient,
      ]),
    room(
      "Demo",
      [
        "Protocol", "AgentCore", "ManagerCore", "Platform", "Simulator", "NodeAgent", "Manager",
        "OperatorCLI", nio("NIOCore"), nio("NIOPosix"), arguments, logging, signals,
      ]),
    .executableTarget(
      name: "iml", dependencies: ["Manager", "OperatorCLI", "Demo", arguments],
      swiftSettings: strict, linkerSettings: oneFile),
    .executableTarget(
      name: "iml-agent", dependencies: ["NodeAgent", arguments], swiftSettings: strict,
      linkerSettings: oneFile),
    .executableTarget(
      name: "Bench",
      dependencies: [
        "Protocol", "AgentCore", "Platform", "NodeAgent", nio("NIOCore"), nio("NIOPosix"),
        nio("NIOTLS"), nioSSL,
      ], swiftSettings: strictBesideGlibc),
    tests("ProtocolTests", ["Protocol"]),
    tests("AgentCoreTests", ["AgentCore", "Protocol"]),
    tests("ManagerCoreTests", ["ManagerCore", "Protocol"]),
    tests("SimulatorTests", ["Simulator", "Protocol", "AgentCore", "ManagerCore"]),
    tests("NodeAgentTests", ["NodeAgent", "AgentCore", "Protocol", "Simulator"]),
    tests(
      "ManagerTests",
      [
        "Manager", "ManagerCore", "Protocol", "NodeAgent", "Platform", "AgentCore", x509, crypto,
        asn1, nioSSL,
        nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"), nio("NIOTLS"), grdb, logging,
        lifecycle, httpTypes, httpClient,
      ]),
    tests(
      "OperatorCLITests",
      ["OperatorCLI", "ManagerCore", "Protocol", nio("NIOCore"), nio("NIOPosix"), arguments]),
  ],
  swiftLanguageModes: [.v6]
)
