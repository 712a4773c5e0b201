import Protocol
import Simulator
import Testing

/// A second, independent reading of the simulator's files for the tests.
enum Reading {
  static let second: Int64 = 1_000_000_000
  /// 2026-01-01 00:00:00 UTC.
  static let start: Int64 = 1_767_225_600 * second

  static func site(
    _ configuration: SiteConfiguration, seed: UInt64 = 42, at seconds: Int64 = 0
  ) -> SimulatedSite {
    var site = SimulatedSite(configuration: configuration, seed: seed, startedAt: start)
    site.advance(to: seconds * second)
    return site
  }

  static func text(_ tree: [String: [UInt8]], _ path: String) throws -> String {
    String(decoding: try #require(tree[path], "no file \(path)"), as: UTF8.self)
  }

  static func number(_ tree: [String: [UInt8]], _ path: String) throws -> UInt64 {
    try #require(UInt64(text(tree, path).dropLast()))
  }

  struct Stats {
    var startTime: String?
    var samples: [String: UInt64] = [:]
    var sums: [String: UInt64] = [:]
  }

  static func stats(_ text: String) -> Stats {
    var stats = Stats()
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      if words[0] == "start_time" { stats.startTime = words[1] }
      guard words.count > 3, words[2] == "samples" else { continue }
      stats.samples[words[0]] = UInt64(words[1])
      if words.count > 6 { stats.sums[words[0]] = UInt64(words[6]) }
    }
    return stats
  }

  static func stats(_ tree: [String: [UInt8]], _ path: String) throws -> Stats {
    stats(try text(tree, path))
  }

  /// Paths of all files with this last part.
  static func paths(_ tree: [String: [UInt8]], endingIn suffix: String) -> [String] {
    tree.keys.filter { $0.hasSuffix(suffix) }.sorted()
  }
}
