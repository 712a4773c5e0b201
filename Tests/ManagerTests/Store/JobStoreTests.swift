import Foundation
import ManagerCore
import Platform
import Protocol
import Testing

@testable import Manager

@Suite struct JobStoreTests {
  static func span(_ target: String, ended: Int64, jobs: [String: UInt64]) -> JobSpan {
    JobSpan(
      target: target, fromNanoseconds: ended - Given.second, throughNanoseconds: ended,
      coveredNanoseconds: Given.second,
      top: jobs.sorted { $0.key < $1.key }.map {
        JobIncrease(
          job: $0.key, increase: JobCounters(readBytes: $0.value, metadataOperations: .max))
      }, rest: JobCounters(writtenBytes: .max, ioOperations: 3), restJobs: 2, jobs: 9, untracked: 1)
  }

  static func write(_ sequence: UInt64, _ spans: [JobSpan]) -> JobBook.Write {
    JobBook.Write(stream: Given.stream(1), sequence: sequence, spans: spans)
  }

  @Test func spansComeBackAsTheyWereAlsoAfterReopening() async throws {
    let directory = try TemporaryDirectory()
    let spans = [
      Self.span("T0", ended: Given.now, jobs: ["dd.0": 1, "ä:\"x\"": 2]),
      Self.span("T1", ended: Given.now + 5, jobs: ["dd.0": 3]),
      Self.span("T0", ended: Given.now + 9, jobs: [:]),
    ]
    let store = try JobStore(directory: directory.path + "/jobs")
    try await store.append([Self.write(7, spans)], nanoseconds: Given.now)
    let reopened = try JobStore(directory: directory.path + "/jobs")
    let range = (Given.now - Given.day)...(Given.now + 5)
    #expect(try await reopened.spans(of: ["T0", "T1"], ended: range).spans == Array(spans[..<2]))
    #expect(try await reopened.spans(of: ["T1"], ended: range).spans == [spans[1]])
    #expect(try await reopened.sequence(of: Given.stream(1)) == 7)
    #expect(try await reopened.sequence(of: Given.stream(2)) == 0)
    #expect(try directory.permissions("jobs") == 0o700)
  }

  @Test func theHighestSequenceCountsOverDays() async throws {
    let directory = try TemporaryDirectory()
    let store = try JobStore(directory: directory.path)
    try await store.append([Self.write(9, [])], nanoseconds: Given.now)
    try await store.append([Self.write(12, [])], nanoseconds: Given.now + Given.day)
    try await store.append([Self.write(11, [])], nanoseconds: Given.now + Given.day)
    #expect(try await store.sequence(of: Given.stream(1)) == 12)
  }

  /// However many days are asked about.
  @Test func filesOfManyDaysAreNotAllHeldOpen() async throws {
    let directory = try TemporaryDirectory()
    let store = try JobStore(directory: directory.path)
    for day in 0..<40 {
      let at = Given.now + Int64(day) * Given.day
      try await store.append(
        [Self.write(UInt64(day + 1), [Self.span("T0", ended: at, jobs: ["a": 1])])],
        nanoseconds: at)
    }
    let range = Given.now...(Given.now + 40 * Given.day)
    #expect(try await store.spans(of: ["T0"], ended: range).spans.count == 40)
    let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter {
      number in
      let path = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/self/fd/\(number)")
      return path?.hasPrefix(directory.path) == true
    }
    #expect(open.count <= 48, "\(open.count)")
    store.close()
    let refused = await refusal { _ = try await store.sequence(of: Given.stream(1)) }
    #expect(refused?.code == "manager-stopping", "asked again, another manager answers")
  }

  @Test func daysPastTheirTimeAreRemovedAsFiles() async throws {
    let directory = try TemporaryDirectory()
    let store = try JobStore(directory: directory.path)
    for day in 0..<3 {
      let at = Given.now + Int64(day) * Given.day
      try await store.append(
        [Self.write(1, [Self.span("T0", ended: at, jobs: ["a": 1])])], nanoseconds: at)
    }
    try store.removeDays(endedBefore: Given.now + 2 * Given.day)
    let left = try FileManager.default.contentsOfDirectory(atPath: directory.path)
    #expect(left.filter { $0.hasSuffix(".sqlite") } == ["jobs-2026-11-24.sqlite"])
    let range = Given.now...(Given.now + 9 * Given.day)
    #expect(try await store.spans(of: ["T0"], ended: range).spans.count == 1)
  }

  /// Midnight lay between the time to which the clock was set back and that of what was not yet written.
  @Test func whatEndedOnALaterDayThanTheClockSaysIsFound() async throws {
    let directory = try TemporaryDirectory()
    let store = try JobStore(directory: directory.path)
    let ahead = Self.span("T0", ended: Given.now + Given.day, jobs: ["a": 1])
    try await store.append([Self.write(1, [ahead])], nanoseconds: Given.now)
    let range = (Given.now + Given.day - 1)...(Given.now + 2 * Given.day)
    #expect(try await store.spans(of: ["T0"], ended: range).spans == [ahead])
  }

  /// By their bytes: an é of one character, and of two.
  @Test func namesThatOnlyLookAlikeAreTwo() async throws {
    let directory = try TemporaryDirectory()
    let store = try JobStore(directory: directory.path)
    let names = ["caf\u{E9}.1", "cafe\u{301}.1"]
    let spans = names.enumerated().map { place, name in
      JobSpan(
        target: "T0", fromNanoseconds: Given.now, throughNanoseconds: Given.now + Int64(place),
        coveredNanoseconds: 0,
        top: [JobIncrease(job: name, increase: JobCounters(readBytes: UInt64(place) + 1))],
        rest: JobCounters(), restJobs: 0, jobs: 1, untracked: 0)
    }
    try await store.append([Self.write(1, spans)], nanoseconds: Given.now)
    var found = try await store.spans(of: ["T0"], ended: Given.now...(Given.now + 9)).spans
    func read(_ top: [(job: String, bytes: UInt64)]) -> [[UInt8]: UInt64] {
      Dictionary(uniqueKeysWithValues: top.map { (Array($0.job.utf8), $0.bytes) })
    }
    let expected: [[UInt8]: UInt64] = [Array(names[0].utf8): 1, Array(names[1].utf8): 2]
    let view = JobTopView(
      found, by: .read, limit: 9, targets: ["T0": "T0"], fromNanoseconds: Given.now,
      throughNanoseconds: Given.now + 9)
    #expect(read(view.jobs.map { ($0.job, $0.increase.readBytes) }) == expected)
    found[0].merge(found[1])
    #expect(read(found[0].top.map { ($0.job, $0.increase.readBytes) }) == expected)
  }

  /// The day's jobs do not lie in a log, of which one damaged bit can take all.
  @Test func anOrderlyEndLeavesWholeFiles() async throws {
    let directory = try TemporaryDirectory()
    let store = try JobStore(directory: directory.path)
    for day in 0...1 {
      let at = Given.now + Int64(day) * Given.day
      try await store.append(
        [Self.write(9, [Self.span("T0", ended: at, jobs: ["a": 1])])], nanoseconds: at)
    }
    let logs = { try FileManager.default.contentsOfDirectory(atPath: directory.path) }
    let first = directory.path + "/jobs-2026-11-22.sqlite-wal"
    #expect(FileStatus(path: first)?.size == 0, "that day is over")
    store.close()
    #expect(try logs().filter { $0.hasSuffix("-wal") }.isEmpty)
    let again = try JobStore(directory: directory.path)
    let range = Given.now...(Given.now + Given.day)
    #expect(try await again.spans(of: ["T0"], ended: range).spans.count == 2)
  }
}
