import AgentCore
import Glibc
import NodeAgent
import Platform
import Protocol

extension Measurement {
  /// Entries a second of one core, from the file to the report: read in pieces as the agent does,
  /// scanned, compared with the reading before, ranked.
  static let jobStats = Measurement(
    name: "job-stats", summary: "job_stats entries a second on one core, by grammar"
  ) { options in
    let jobs = try options.number("jobs", or: 10_000)
    let rounds = try options.number("rounds", or: 30)
    let directory = options.text("dir", or: "/dev/shm")
    for grammar in JobText.Grammar.allCases {
      let speeds = try JobStatsSpeed(
        grammar: grammar, jobs: jobs, directory: "\(directory)/iml-bench-jobs.\(getpid())"
      ).measure(rounds: rounds)
      for speed in speeds { print("jobids_per_second_\(grammar.rawValue) \(Int(speed))") }
    }
  }
}

private struct JobStatsSpeed {
  /// Readings of one life of a follower, each with one job in ten that did something.
  private static let readings = 4

  let grammar: JobText.Grammar
  let jobs: Int
  let directory: String

  func measure(rounds: Int) throws -> [Double] {
    guard mkdir(directory, 0o700) == 0 else {
      throw BenchFailure("\(directory) can not be made: error \(errno)")
    }
    var paths: [String] = []
    defer {
      for path in paths { unlink("\(directory)\(path)") }
      rmdir(directory)
    }
    for reading in 0..<Self.readings {
      let bytes = JobText(grammar: grammar).file(jobs: 0..<jobs, reading: reading)
      paths.append("/job_stats.\(reading)")
      try write(bytes, to: "\(directory)/job_stats.\(reading)")
      if reading == 0 { print("bytes_per_entry_\(grammar.rawValue) \(bytes.count / jobs)") }
    }
    let host = HostRoot(directory)
    var buffer: [UInt8] = []
    var speeds: [Double] = []
    for round in 0..<rounds {
      var follower = JobFollower(countsSince: nil, seed: UInt64(round) &* 0x9e37_79b9)
      for (reading, path) in paths.enumerated() {
        let begun = Clock.thread()
        let report = try read(host, path, &buffer, &follower)
        let seconds = Double(Clock.thread() - begun) / 1e9
        // The first reading fills the table; those after it are what goes on for ever.
        if reading == 0 { continue }
        guard let report, report.jobs == UInt64(jobs),
          report.restJobs + UInt64(report.top.count)
            == UInt64((jobs + 9) / 10)
        else { throw BenchFailure("\(grammar.rawValue): not all jobs were followed") }
        speeds.append(Double(jobs) / seconds)
      }
    }
    return speeds
  }

  private func read(
    _ host: HostRoot, _ path: String, _ buffer: inout [UInt8], _ follower: inout JobFollower
  ) throws -> JobReport? {
    var scanner = JobStatsScanner()
    follower.begin(Stamp(bootNanoseconds: Clock.boot(), wallNanoseconds: Clock.wall()))
    try host.stream(path, buffer: &buffer) { bytes, piece in
      switch piece {
      case .some: return scanner.scan(bytes, into: &follower)
      case .full: scanner.skipLine(bytes)
      case .last: scanner.finish(bytes, into: &follower)
      }
      return 0
    }
    guard scanner.leftovers.texts.isEmpty else {
      throw BenchFailure("not understood: \(scanner.leftovers.texts)")
    }
    return follower.end(isWhole: true, target: TargetReference(label: "bench-OST0000"))
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    try FileText.write(bytes, to: path)
  }
}
