import AgentCore
import Protocol
import Testing

@testable import NodeAgent

/// The reader over real files: what is told of a target that comes, goes, or is mounted anew.
@Suite struct JobStatsReaderTests {
  private struct Site {
    let tree: TemporaryTree
    private let task: CollectorTask

    /// - Parameter keeping: as on the machine itself: what is small is read at once, and stays open.
    init(keeping: Bool = false) throws {
      tree = try TemporaryTree()
      let host =
        keeping
        ? HostRoot.asMachine(tree.path, keepingIn: KeptFiles(.any)) : HostRoot(tree.path)
      task = JobsCollector().task(host, ContextSource(host, freshMilliseconds: 0))
      try tree.write("/sys/fs/lustre/version", "2.15.8\n")
    }

    func write(_ target: String, instance: Int = 1, _ jobs: [String: Int]) throws {
      var text = "job_stats:\n"
      for (name, bytes) in jobs.sorted(by: { $0.key < $1.key }) {
        text += "- job_id:          \(name)\n"
        text += "  read_bytes:      { samples: 1, unit: bytes, min: 1, max: 1, sum: \(bytes) }\n"
      }
      try tree.write("/proc/fs/lustre/obdfilter/\(target)/job_stats", text)
      try tree.write("/sys/fs/lustre/obdfilter/\(target)/instance", "\(instance)\n")
    }

    func leftovers() throws -> [String] {
      guard case .units(let list) = task.work, case .units(let units) = list() else { return [] }
      return units.flatMap { unit -> [String] in
        guard case .sampled(let collection) = unit.collect() else { return [] }
        return collection.leftovers.map(\.text)
      }
    }

    /// Bytes read by target and job.
    func read() throws -> [String: [String: UInt64]] {
      guard case .units(let list) = task.work, case .units(let units) = list() else { return [:] }
      var found: [String: [String: UInt64]] = [:]
      for unit in units {
        guard case .sampled(let collection) = unit.collect() else { continue }
        #expect(collection.leftovers.isEmpty)
        for report in collection.jobs {
          found[report.target.label] = Dictionary(
            uniqueKeysWithValues: report.top.map { ($0.job, $0.increase.readBytes) })
        }
      }
      return found
    }
  }

  @Test(arguments: [false, true])
  func whatIsNotUnderstoodIsToldInEachCycle(keeping: Bool) throws {
    let site = try Site(keeping: keeping)
    try site.write("fs-OST0000", ["dd.0": 100])
    try site.tree.write("/sys/fs/lustre/obdfilter/fs-OST0000/instance", "none\n")
    for _ in 0..<6 { #expect(try site.leftovers() == ["none\n"]) }
  }

  @Test func aTargetsOwnReportDoesNotWaitForItsJobs() throws {
    let site = try Site()
    try site.write("fs-OST0000", ["dd.0": 100])
    let host = HostRoot(site.tree.path)
    let lanes = [OSTCollector() as any Collector, JobsCollector()].map { collector in
      let task = collector.task(host, ContextSource(host, freshMilliseconds: 0))
      guard case .units(let list) = task.work, case .units(let units) = list() else { return "" }
      return units.map(\.lane).joined(separator: " ")
    }
    #expect(lanes == ["obdfilter.fs-OST0000", "jobs of obdfilter.fs-OST0000"])
  }

  @Test func aTargetOfBeforeCountsFromTheSecondReading() throws {
    let site = try Site()
    try site.write("fs-OST0000", ["dd.0": 100])
    #expect(try site.read().isEmpty)
    try site.write("fs-OST0000", ["dd.0": 107, "cp.1": 5])
    #expect(try site.read() == ["fs-OST0000": ["dd.0": 7, "cp.1": 5]])
  }

  @Test func aTargetThatComesCountsFromItsMountOn() throws {
    let site = try Site()
    try site.write("fs-OST0000", ["dd.0": 100])
    _ = try site.read()
    try site.write("fs-OST0001", ["dd.0": 3])
    #expect(try site.read()["fs-OST0001"] == ["dd.0": 3])
  }

  @Test func aTargetThatIsMountedAnewCountsFromItsMountOn() throws {
    let site = try Site()
    try site.write("fs-OST0000", ["dd.0": 100])
    _ = try site.read()
    try site.write("fs-OST0000", instance: 2, ["dd.0": 150])
    #expect(try site.read() == ["fs-OST0000": ["dd.0": 150]])
  }

  @Test func aFileThatCanNotBeReadForAWhileLosesNothing() throws {
    let site = try Site()
    try site.write("fs-OST0000", ["dd.0": 100])
    _ = try site.read()
    let file = "/proc/fs/lustre/obdfilter/fs-OST0000/job_stats"
    try site.tree.remove(file)
    try site.tree.fifo(file)
    #expect(try site.read()["fs-OST0000"] == nil, "a FIFO is not opened, let alone waited for")
    try site.tree.remove(file)
    try site.write("fs-OST0000", ["dd.0": 130])
    #expect(try site.read() == ["fs-OST0000": ["dd.0": 30]])
  }

  @Test func whatATargetDidBeforeItWasReadForTheFirstTimeIsNotCounted() throws {
    let site = try Site()
    try site.tree.directory("/proc/fs/lustre/obdfilter/fs-OST0000")
    #expect(try site.read().isEmpty)
    try site.write("fs-OST0000", ["dd.0": 100])
    #expect(try site.read().isEmpty, "it was there before: its counters may be old")
    try site.write("fs-OST0000", ["dd.0": 101])
    #expect(try site.read() == ["fs-OST0000": ["dd.0": 1]])
  }

  @Test func aFileLargerThanAnyBufferIsReadInPieces() throws {
    let site = try Site()
    let jobs = Dictionary(uniqueKeysWithValues: (0..<6_000).map { ("job.\($0)", $0) })
    try site.write("fs-OST0000", [:])
    _ = try site.read()
    try site.write("fs-OST0000", jobs)
    let told = try #require(try site.read()["fs-OST0000"])
    #expect(told["job.5999"] == 5_999 && told["job.5980"] == 5_980)
  }

  /// Whatever comes, goes, counts or stands still, and for however long.
  @Test(arguments: 0..<8)
  func aFileThatSaysTheSameTellsTheSame(seed: Int) throws {
    var random = SystemRandomNumberGenerator()
    let (plain, keeping) = (try Site(), try Site(keeping: true))
    var jobs = ["dd.0": 100, "cp.1": 5]
    for _ in 0..<40 {
      switch Int.random(in: 0..<8, using: &random) {
      case 0: jobs["job.\(Int.random(in: 0..<4, using: &random))"] = 3
      case 1: jobs["dd.0", default: 0] += 7
      case 2: jobs["cp.1"] = nil
      case 3: jobs["dd.0"] = 1
      default: break
      }
      for site in [plain, keeping] { try site.write("fs-OST0000", jobs) }
      #expect(try keeping.read() == plain.read())
    }
  }

  @Test func aFileThatGrowsBeyondTheBufferIsFollowed() throws {
    let site = try Site(keeping: true)
    var jobs = ["dd.0": 100]
    for _ in 0..<4 {
      try site.write("fs-OST0000", jobs)
      _ = try site.read()
    }
    for place in 0..<2_000 { jobs["job.\(place)"] = 1 }
    jobs["dd.0"] = 107
    try site.write("fs-OST0000", jobs)
    #expect(try site.read()["fs-OST0000"]?["dd.0"] == 7)
    jobs = ["dd.0": 109]
    for _ in 0..<2 {
      try site.write("fs-OST0000", jobs)
      #expect(try site.read()["fs-OST0000"] != nil)
    }
    jobs["dd.0"] = 110
    try site.write("fs-OST0000", jobs)
    #expect(try site.read() == ["fs-OST0000": ["dd.0": 1]])
  }

  @Test func inspectTellsWhatJobsDidSinceTheyBegan() throws {
    let site = try Site()
    try site.write("fs-OST0000", ["dd.0": 100])
    let look = try site.tree.look("jobs")
    #expect(look.collections.flatMap(\.jobs).flatMap(\.top).map(\.increase.readBytes) == [100])
    #expect(look.value("lustre_job_stats_jobs", ["target": "fs-OST0000"]) == "1")
  }
}
