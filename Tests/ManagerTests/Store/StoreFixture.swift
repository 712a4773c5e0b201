import Foundation
import ManagerCore
import Protocol

@testable import Manager

/// A directory that goes with the test.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("iml-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func contents(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
  }

  func put(_ name: String, _ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
  }

  func permissions(_ name: String = "") throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
    return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
  }

  func setPermissions(_ mode: Int, _ name: String = "") throws {
    try FileManager.default.setAttributes(
      [.posixPermissions: NSNumber(value: mode)], ofItemAtPath: path + "/" + name)
  }
}

enum Given {
  static let second: Int64 = 1_000_000_000
  static let day = 86_400 * second
  /// 2026-11-22T00:00:00Z
  static let now: Int64 = 1_795_305_600 * second
  /// Some days later, whatever day it is.
  static let clock: @Sendable () -> Int64 = { now + 5 * day }

  static func server(_ number: Int) -> ServerID {
    let digits = String(number)
    let tail = String(repeating: "0", count: 12 - digits.count) + digits
    return ServerID("11111111-2222-4333-8444-\(tail)") ?? ServerID(uuid: UUID())
  }

  static func stream(_ number: Int, incarnation: String = "first") -> StreamKey {
    StreamKey(server: server(number), boot: BootID("boot"), incarnation: incarnation)
  }

  static func block(
    _ stream: StreamKey, orders: ClosedRange<UInt64>, from: Int64, through: Int64
  ) -> HistoryBlock {
    HistoryBlock(
      stream: stream, fromNanoseconds: from, throughNanoseconds: through,
      firstOrder: orders.lowerBound, lastOrder: orders.upperBound, samples: orders.count * 3,
      bytes: (0..<40).map { UInt8(truncatingIfNeeded: orders.lowerBound) &+ $0 })
  }

  static func series(_ metric: String, server number: Int = 1) -> StoredSeries {
    StoredSeries(
      subject: .server(server(number)), metric: metric, labels: ["device": "eth0", "a": "ü\"/"],
      kind: .counter, unit: "bytes", decimals: 0, width: 64)
  }

  static func code(_ error: any Error) -> String? { (error as? DiagnosticError)?.diagnostic.code }
}

/// Runs the body and gives the code of the diagnostic that it throws; `nil` when it throws none.
func refusal(_ body: () async throws -> Void) async -> Diagnostic? {
  do {
    try await body()
    return nil
  } catch {
    return (error as? DiagnosticError)?.diagnostic
  }
}
