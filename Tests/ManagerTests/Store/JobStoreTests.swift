import Foundation
import ManagerCore
import Protocol
import Testing

@testable import Manager

@Suite struct JobStoreTests {
  private static func span(_ target: String, ended: Int64, jobs: [String: UInt64]) -> JobSpan {
    JobSpan(
      target: target, fromNanoseconds: ended - Given.second, throughNanoseconds: ended,
      coveredNanoseconds: Given.second,
      top: jobs.sorted { $0.key < $1.key }.map {
        JobIncrease(
          job: $0.key, increase: JobCounters(readBytes: $0.value, metadataOperations: .max))
      }, rest: JobCounters(writtenBytes: .max, ioOperations: 3), restJobs: 2, jobs: 9, untracked: 1)
  }

  private static func write(_ sequence: UInt64, _ spans: [JobSpan]) -> JobBook.Write {
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
    #expect(try await reopened.spans(of: ["T0", "T1"], ended: range) == Array(spans[..<2]))
    #expect(try await reopened.spans(of: ["T1"], ended: range) == [spans[1]])
    #expect(try await reopened.sequence(of: Given.stream(1)) == 7)
    #expect(try await reopened.sequence(of: Given.stream(2)) == 0)
    #expect(try directory.permissions("jobs") == 0o700)
  }

  @Test func aFileThatWasEmptiedIsFound() async throws {
    let directory = try TemporaryDirectory()
    do {
      let store = try JobStore(directory: directory.path)
      #expect(try store.emptyFiles().isEmpty)
      for day in 0...1 {
        try await store.append(
          [Self.write(9, [])], nanoseconds: Given.now + Int64(day) * Given.day)
      }
      #expect(try store.emptyFiles().isEmpty)
    }
    let path = directory.path + "/jobs-2026-11-23.sqlite"
    for ending in ["-wal", "-shm"] {
      try? FileManager.default.removeItem(atPath: path + ending)
    }
    try Data().write(to: URL(fileURLWithPath: path))
    #expect(try JobStore(directory: directory.path).emptyFiles() == [path])
  }

  @Test func theHighestSequenceCountsOverDays() async throws {
    let directory = try TemporaryDirectory()
    let store = try JobStore(directory: directory.path)
    try await store.append([Self.write(9, [])], nanoseconds: Given.now)
    try await store.append([Self.write(12, [])], nanoseconds: Given.now + Given.day)
    try await store.append([Self.write(11, [])], nanoseconds: Given.now + Given.day)
    #expect(try await store.sequence(of: Given.stream(1)) == 12)
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
    #expect(try await store.spans(of: ["T0"], ended: range).count == 1)
  }

  /// Midnight lay between the time to which the clock was set back and that of what was not yet written.
  @Test func whatEndedOnALaterDayThanTheClockSaysIsFound() async throws {
    let directory = try TemporaryDirectory()
    let store = try JobStore(directory: directory.path)
    let ahead = Self.span("T0", ended: Given.now + Given.day, jobs: ["a": 1])
    try await store.append([Self.write(1, [ahead])], nanoseconds: Given.now)
    let range = (Given.now + Given.day - 1)...(Given.now + 2 * Given.day)
    #expect(try await store.spans(of: ["T0"], ended: range) == [ahead])
  }

  @Test func aFileThatIsNoneOfOursIsRefusedInWords() async throws {
    let directory = try TemporaryDirectory()
    try directory.put("jobs-2026-11-22.sqlite", Array("this is no database at all".utf8))
    let store = try JobStore(directory: directory.path)
    let path = directory.path + "/jobs-2026-11-22.sqlite"
    let refused = await #expect(throws: DiagnosticError.self) {
      try await store.append([Self.write(1, [])], nanoseconds: Given.now)
    }
    // Told as it is, also to who asks over the API.
    #expect(refused?.diagnostic.code == "state-directory-unusable")
    #expect(refused?.diagnostic.subject == path)
    #expect(refused?.diagnostic.remedy.contains("-wal") == true)
  }
}
