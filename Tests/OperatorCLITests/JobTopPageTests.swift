import ManagerCore
import Protocol
import Testing

@testable import OperatorCLI

@Suite struct JobTopPageTests {
  private static let second: Int64 = 1_000_000_000

  private static func view(rest: JobCounters, limit: Int = 20) -> JobTopView {
    let span = JobSpan(
      target: "T0", fromNanoseconds: 0, throughNanoseconds: 300 * second,
      coveredNanoseconds: 300 * second,
      top: [
        JobIncrease(
          job: "dd.0",
          increase: JobCounters(readBytes: 3 << 30, writtenBytes: 0, ioOperations: 3_072)),
        JobIncrease(
          job: "cp\u{1b}[31m",
          increase: JobCounters(readBytes: 1 << 30, ioOperations: 20, metadataOperations: 12)),
      ], rest: rest, restJobs: 4, jobs: 6, untracked: 0)
    return JobTopView(
      [span], by: .read, limit: limit, targets: ["T0": "fs1-OST0000", "T1": "fs1-OST0001"],
      fromNanoseconds: 0, throughNanoseconds: 600 * second)
  }

  @Test func jobsAreRankedWithSharesAndRatesAndNothingIsLeftOut() throws {
    let text = JobTopPage.render(
      try Reply(Self.view(rest: JobCounters(readBytes: 1 << 30))), Style(width: 160))
    #expect(
      text == """
        Jobs by bytes read, the last 10 min on 1 of 2 targets; 50 % of that time was looked at, last 5 min ago

        JOB         SHARE     READ      READ/S  WRITTEN  WRITTEN/S  IO OPS  IO OPS/S  MD OPS  MD OPS/S  TARGETS
        dd.0         60 %  3.0 GiB  10.2 MiB/s      0 B      0 B/s    3072    10.2/s       0       0/s        1
        cp\\x1b[31m   20 %  1.0 GiB  3.41 MiB/s      0 B      0 B/s      20  0.0667/s      12  0.0400/s        1
        (unnamed)    20 %  1.0 GiB  3.41 MiB/s      0 B      0 B/s       0       0/s       0       0/s        -
        (all)       100 %  5.0 GiB  17.1 MiB/s      0 B      0 B/s    3092    10.3/s      12  0.0400/s        1

        Jobs that were not among those that did most of a target count as unnamed: each job's numbers are at least what stands here.
        No job was told of by: fs1-OST0001.

        """)
  }

  @Test func numbersThatNoManagerCanMeanAreBorne() throws {
    var view = Self.view(rest: JobCounters())
    view.total.readBytes = 1
    for coverage in [1e17, -1e17, .nan, .infinity] {
      view.coverage = coverage
      let text = JobTopPage.render(.init(view: view, raw: .null), Style(width: 160))
      #expect(text.contains(coverage == 1e17 ? "; 100 % of" : "; 0 % of"))
      #expect(text.contains("dd.0            -  3.0 GiB"))
    }
  }

  @Test func theTimeIsThatOfTheNumbers() throws {
    var view = Self.view(rest: JobCounters())
    view.beganNanoseconds = view.fromNanoseconds - 42 * Self.second
    func title() throws -> String? {
      JobTopPage.render(try Reply(view), Style(width: 160)).split(separator: "\n").first
        .map(String.init)
    }
    #expect(try title()?.contains("the last \(Quantities.span(642)) on") == true)
    #expect(try title()?.contains("asked") == false)
    view.fromNanoseconds = view.throughNanoseconds - 5 * Self.second
    let text = try #require(try title())
    #expect(text.hasSuffix("(asked were 5 s: jobs are kept by the minute)"), "\(text)")
  }

  @Test func jobsBeyondTheLimitAreOneRow() throws {
    let text = JobTopPage.render(
      try Reply(Self.view(rest: JobCounters(), limit: 1)), Style(width: 160))
    #expect(text.contains("(1 other job)"))
    #expect(!text.contains("unnamed"))
  }
}
