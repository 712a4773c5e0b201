import Foundation
import ManagerCore
import NodeAgent
import Platform
import Protocol
import Testing

@testable import Manager

/// The samples of a day and what each tier answers of them over the API of a real manager, before and
/// after the samples are gone.
@Suite(.serialized) struct TierAnswersSerialTests {
  /// Twenty hours of the day before yesterday, each half a minute, one reset and one burst.
  private struct Load {
    var counter: [HistoryPoint] = []
    var gauge: [HistoryPoint] = []

    init(day: HistoryDay) {
      var bits: UInt64 = 1_000
      for number in 0..<2_400 {
        let time = day.begin + 3_600 * Given.second + Int64(number) * 30 * Given.second + 7
        bits += UInt64(number % 7) * 512 + (number == 700 ? 1 << 30 : 0)
        if number == 1_500 { bits = 40 }
        counter.append(HistoryPoint(nanoseconds: time, source: 1, bits: bits))
        let level = Int64((number * 7_919) % 10_007) - 5_000
        gauge.append(HistoryPoint(nanoseconds: time, source: 1, bits: UInt64(bitPattern: level)))
      }
    }

    var increase: Double {
      zip(counter, counter.dropFirst()).reduce(0) { sum, pair in
        sum + Double(pair.1.bits >= pair.0.bits ? pair.1.bits - pair.0.bits : pair.1.bits)
      }
    }
    var seconds: Double {
      guard let first = counter.first, let last = counter.last else { return 0 }
      return Double(last.nanoseconds - first.nanoseconds) / 1e9
    }
    var levels: [Double] { gauge.map { Double(Int64(bitPattern: $0.bits)) } }

    func blocks(_ stream: StreamKey) -> [HistoryBlock] {
      stride(from: 0, to: counter.count, by: 120).map { first in
        HistoryBlock(
          of: (first..<min(first + 120, counter.count)).map { place in
            StoredBatch(
              order: UInt64(place) + 1, nanoseconds: counter[place].nanoseconds,
              samples: [
                StoredSample(series: 1_000, source: 1, bits: counter[place].bits),
                StoredSample(series: 1_001, source: 1, bits: gauge[place].bits),
              ])
          }, in: stream)
      }
    }
  }

  /// Spans that are answered from each tier, and have all of the day before yesterday in them.
  private static let spans = [("1m", 285_120), ("10m", 4 * 86_400), ("1h", 25 * 86_400)]

  private func fill(_ directory: String, _ load: Load) async throws {
    let store = try StateStore(directory: StateDirectory(path: directory + "/manager"))
    let server = try #require(try await store.servers().first?.id)
    var write = HistoryWrite()
    func series(_ metric: String, _ kind: SeriesKind) -> StoredSeries {
      StoredSeries(
        subject: .server(server), metric: metric, labels: [:], kind: kind, unit: "bytes",
        decimals: 0, width: 64)
    }
    write.series = [
      (1_000, series("test_bytes_total", .counter)), (1_001, series("test_level", .gauge)),
    ]
    write.blocks = load.blocks(
      StreamKey(server: server, boot: BootID("b"), incarnation: "i"))
    try await store.append(write, nanoseconds: Clock.wall())
    try store.close()
  }

  private func check(_ site: LiveSite, _ load: Load, _ when: String) async throws {
    for (tier, seconds) in Self.spans {
      let name: Comment = "\(tier) \(when)"
      let rate = try await site.metric("test_bytes_total", seconds: seconds, isRate: true)
      #expect(rate.tiers == [tier], name)
      #expect(rate.unreadable == nil, name)
      let sum = try #require(rate.groups.first, name)
      #expect(sum.value == load.increase / load.seconds, name)
      #expect(sum.samples == load.counter.count && sum.resets == 1, name)
      // The burst came within half a minute.
      let exact = Double(1 << 30 + 700 % 7 * 512) / 30
      let peak = try #require(sum.peak, name)
      #expect(peak >= exact && peak <= exact * 1.008, name)
      #expect(sum.maximum.map { $0 <= peak } == true, name)
      let reading = try await site.metric("test_bytes_total", seconds: seconds)
      #expect(reading.groups.first?.value == load.counter.last.map { Double($0.bits) }, name)
      #expect(reading.groups.first?.peak == nil, name)
      let level = try await site.metric("test_level", seconds: seconds)
      #expect(level.tiers == [tier], name)
      let group = try #require(level.groups.first, name)
      #expect(group.value == load.levels.last, name)
      #expect(group.minimum == load.levels.min() && group.maximum == load.levels.max(), name)
      #expect(group.samples == load.gauge.count, name)
    }
  }

  @Test func everyTierAnswersWhatTheSamplesSaidAlsoWhenTheyAreGone() async throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let day = HistoryDay(number: HistoryDay(of: Clock.wall()).number - 2)
    let load = Load(day: day)
    try await withManager(directory: directory) { try await $0.enrol("oss01") }
    try await fill(directory, load)
    let raw = "\(directory)/manager/history/\(HistoryFile.raw(day).name)"
    try await withManager(directory: directory) { site in
      try await eventually("the day is put together", within: .seconds(60)) {
        try await site.metric("test_level", seconds: 25 * 86_400).tiers == ["1h"]
      }
      try await check(site, load, "with its samples")
      #expect(FileManager.default.fileExists(atPath: raw))
    }
    try await withManager(directory: directory, retention: .seconds(86_400)) { site in
      try await eventually("the samples are gone", within: .seconds(60)) {
        !FileManager.default.fileExists(atPath: raw)
      }
      try await check(site, load, "without its samples")
      let oss = try await site.server("oss01")
      #expect(oss.losses.isEmpty)
    }
  }
}
