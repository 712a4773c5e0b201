import Foundation
import ManagerCore
import Platform
import Protocol
import Testing

@testable import Manager

/// Reports of jobs at the real site, over a store that can not be read for a while.
@Suite struct JobSiteTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private static func report(_ sequence: UInt64) -> JobReport {
    let second = Int64(sequence) * Given.second
    return JobReport(
      sequence: sequence, target: TargetReference(label: "fs-OST0000"),
      since: Stamp(bootNanoseconds: second, wallNanoseconds: second),
      began: Stamp(bootNanoseconds: second + 1, wallNanoseconds: second + 1),
      top: [JobIncrease(job: "dd.0", increase: JobCounters(writtenBytes: 1_000))],
      rest: JobCounters(), restJobs: 0, jobs: 1, untracked: 0)
  }

  /// Those that waited in a session which another one has replaced: the new one sends all of them again, and
  /// a later one that was taken would pass for all before it.
  @Test func afterAReportThatCouldNotBeTakenNoneOfItsSessionIs() async throws {
    let lab = try await FrameSite(directory.path + "/state")
    let stream = Given.stream(1)
    let old = SessionHandle(server: stream.server, session: "old", stream: stream)
    let new = SessionHandle(server: stream.server, session: "new", stream: stream)
    let broken = directory.path + "/state/jobs/jobs-2026-11-22.sqlite"
    try FileManager.default.createDirectory(atPath: broken, withIntermediateDirectories: true)
    await lab.site.jobs(Self.report(5), old)
    try FileManager.default.removeItem(atPath: broken)
    await lab.site.jobs(Self.report(6), old)
    #expect(await lab.site.reportedBytes() == 0)
    await lab.site.jobs(Self.report(5), new)
    await lab.site.jobs(Self.report(6), new)
    #expect(await lab.site.reportedBytes() == 2_000)
  }
}

extension Site {
  fileprivate func reportedBytes() -> UInt64 {
    jobBook.spans(ended: 0...Int64.max).flatMap(\.top).reduce(0) { $0 + $1.increase.writtenBytes }
  }
}
