import AgentCore
import Protocol
import Testing

/// The followed increases against the model's own count, in full.
@Suite struct JobFollowerTests {
  private static let target = TargetReference(label: "fs-OST0000")

  private static func stamp(_ number: Int64) -> Stamp {
    Stamp(bootNanoseconds: number, wallNanoseconds: number)
  }

  /// One reading in pieces of random sizes.
  private static func reading(
    _ text: [UInt8], _ follower: inout JobFollower, at moment: Int64, _ dice: inout JobDice
  ) -> JobReport? {
    var scanner = JobStatsScanner()
    follower.begin(stamp(moment))
    var held: [UInt8] = []
    var position = 0
    while position < text.count {
      let end = min(text.count, position + 1 + dice.below(700))
      held += text[position..<end]
      position = end
      let taken = scanner.scan(held.span, into: &follower)
      held.removeFirst(taken)
    }
    scanner.finish(held.span, into: &follower)
    #expect(scanner.leftovers.texts.isEmpty)
    return follower.end(isWhole: true, target: target)
  }

  private static func read(
    _ text: [UInt8], _ follower: inout JobFollower, at moment: Int64, _ dice: inout JobDice
  ) throws -> JobReport {
    let report = reading(text, &follower, at: moment, &dice)
    return try #require(report)
  }

  /// All jobs sorted by each measure: what the report must say.
  private static func expected(
    _ done: [(name: [UInt8], amount: JobCounters)], limit: Int
  ) -> (top: [JobIncrease], rest: JobCounters, restJobs: UInt64) {
    let active = done.filter { !$0.amount.isZero }
    var named: Set<[UInt8]> = []
    for measure in JobMeasure.allCases {
      let ranked = active.filter { $0.amount[measure] > 0 }.sorted {
        $0.amount[measure] != $1.amount[measure]
          ? $0.amount[measure] > $1.amount[measure] : $0.name.lexicographicallyPrecedes($1.name)
      }
      named.formUnion(ranked.prefix(limit).map(\.name))
    }
    let top = active.filter { named.contains($0.name) }
      .sorted { $0.name.lexicographicallyPrecedes($1.name) }
      .map { JobIncrease(job: JobName.text($0.name), increase: $0.amount) }
    let others = active.filter { !named.contains($0.name) }
    return (top, others.reduce(JobCounters()) { $0 + $1.amount }, UInt64(others.count))
  }

  private static func entry(_ read: String, opens: String, start: String = "5") -> [UInt8] {
    Array(
      """
      job_stats:
      - job_id:          dd.0
        snapshot_time:   1749555518.685497069 secs.nsecs
        start_time:      \(start).000000001 secs.nsecs
        read_bytes:      { samples:  4, unit: bytes, min: 1, max: 1, sum: \(read) }
        open:            { samples:  \(opens), unit: usecs, min: 1, max: 1, sum: 1, sumsq: 1 }

      """.utf8)
  }

  /// More than 64 bits are no number of the kernel's; the job's other numbers go on.
  @Test func aNumberThatIsTooLargeIsLeftOutAndTheJobGoesOn() throws {
    let large = "18446744073709551616"
    var follower = JobFollower(countsSince: nil, seed: 1)
    func read(_ text: [UInt8], at moment: Int64) -> (JobReport?, [String]) {
      var scanner = JobStatsScanner()
      follower.begin(Self.stamp(moment))
      #expect(scanner.scan(text.span, into: &follower) == text.count)
      let nothing: [UInt8] = []
      scanner.finish(nothing.span, into: &follower)
      return (follower.end(isWhole: true, target: Self.target), scanner.leftovers.texts)
    }
    #expect(read(Self.entry("1000", opens: "10"), at: 1).0 == nil)
    for (number, text) in [
      Self.entry(large, opens: "12"), Self.entry("1000", opens: large),
      Self.entry("1000", opens: "12", start: large),
    ].enumerated() {
      let (report, leftovers) = read(text, at: Int64(number) + 2)
      #expect(leftovers.count == 1 && leftovers.first?.contains(large) == true)
      let done = report?.top.first?.increase ?? JobCounters()
      #expect(done == JobCounters(metadataOperations: number == 0 ? 2 : 0))
    }
    let (report, leftovers) = read(Self.entry("1007", opens: "13"), at: 9)
    #expect(leftovers.isEmpty)
    #expect(
      report?.top.first?.increase == JobCounters(readBytes: 7, metadataOperations: 1))
  }

  private static func name(_ dice: inout JobDice) -> [UInt8] {
    let number = dice.below(60)
    switch number % 6 {
    case 0: return Array("dd.\(number)".utf8)
    case 1: return Array("cp.\(number) with space".utf8)
    case 2: return Array("fio:\(number):\"host\" #1".utf8)
    case 3: return Array("kworker/\(number)\\x".utf8)
    case 4: return Array("j\(number)".utf8) + [0xff, 0xc3]
    default: return Array("task@\(number)@node.site-ää".utf8.prefix(31))
    }
  }

  private static func amount(_ dice: inout JobDice, least: UInt64 = 0) -> JobCounters {
    // A few heavy jobs, many light ones, and ties.
    func draw(_ dice: inout JobDice) -> UInt64 {
      switch dice.below(4) {
      case 0: 0
      case 1: UInt64(dice.below(3))
      default: UInt64(1) << UInt64(dice.below(40))
      }
    }
    let reads = draw(&dice)
    let writes = draw(&dice)
    return JobCounters(
      readBytes: least + reads, writtenBytes: least + writes,
      // The kernel never has bytes without an operation.
      ioOperations: 3 + UInt64(dice.below(5)), metadataOperations: least + draw(&dice))
  }

  @Test(arguments: JobGrammar.allCases, [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
  func increasesAreThoseOfAnIndependentCount(grammar: JobGrammar, seed: UInt64) throws {
    var dice = JobDice(seed &* 0x1_0001)
    var kernel = JobKernel(grammar)
    var follower = JobFollower(countsSince: nil, seed: seed, limit: 5)
    var absentSince: [[UInt8]: Int] = [:]
    for _ in 0..<40 { kernel.work(Self.name(&dice), Self.amount(&dice, least: 1)) }
    let first = Self.reading(kernel.read().text, &follower, at: 0, &dice)
    #expect(first == nil, "where jobs stand")

    for reading in 1...60 {
      let known = kernel.entries.filter { $0.counters.readBytes > 0 }.map(\.name)
      if dice.below(20) == 0, !known.isEmpty {
        // Old files tell that an entry is a new one only by a counter that is lower than it was.
        for entry in kernel.entries { absentSince[entry.name] = reading }
        kernel.clear()
        for _ in 0..<15 {
          let name = known[dice.below(known.count)]
          absentSince[name] = nil
          kernel.work(name, grammar.tellsStart ? Self.amount(&dice) : JobCounters(ioOperations: 1))
        }
      } else {
        for _ in 0..<dice.below(30) {
          let name = Self.name(&dice)
          if let since = absentSince[name], !grammar.tellsStart, reading - since < 3 { continue }
          absentSince[name] = nil
          kernel.work(name, Self.amount(&dice, least: 1))
        }
        for _ in 0..<dice.below(4) {
          let name = Self.name(&dice)
          kernel.forget(name)
          absentSince[name] = reading
          if grammar.tellsStart, dice.below(2) == 0 { kernel.work(name, Self.amount(&dice)) }
        }
      }
      // The kernel may step over an entry that it still has.
      let skipped = dice.below(5) == 0 ? kernel.entries.first.map { [$0.name] } ?? [] : []
      let (text, done) = kernel.read(skipping: Set(skipped))
      let report = try Self.read(text, &follower, at: Int64(reading), &dice)
      let truth = Self.expected(done, limit: 5)
      #expect(report.top == truth.top, "reading \(reading)")
      #expect(report.rest == truth.rest, "reading \(reading)")
      #expect(report.restJobs == truth.restJobs, "reading \(reading)")
      #expect(report.since == Self.stamp(Int64(reading - 1)) && !report.isPartial)
      if reading < 60, !skipped.isEmpty {
        // It comes back in the next one; else it would be taken for gone, which is right too.
        let again = kernel.read()
        let next = try Self.read(again.text, &follower, at: Int64(reading), &dice)
        #expect(next.top == Self.expected(again.done, limit: 5).top, "after reading \(reading)")
      }
    }
  }

  @Test func aTargetThatWasMountedSinceCountsFromItsFirstReading() throws {
    var kernel = JobKernel(.v215)
    var dice = JobDice(7)
    kernel.work(Array("dd.0".utf8), JobCounters(readBytes: 9, ioOperations: 3))
    var follower = JobFollower(countsSince: Self.stamp(5), seed: 1)
    let report = try Self.read(kernel.read().text, &follower, at: 9, &dice)
    #expect(report.since == Self.stamp(5) && report.began == Self.stamp(9))
    #expect(
      report.top == [JobIncrease(job: "dd.0", increase: JobCounters(readBytes: 9, ioOperations: 3))]
    )
  }

  @Test func aReadingThatBrokeOffTakesNobodyForGone() throws {
    var kernel = JobKernel(.v212)
    var dice = JobDice(7)
    let names = (0..<50).map { Array("job.\($0)".utf8) }
    for name in names { kernel.work(name, JobCounters(readBytes: 1_000, ioOperations: 3)) }
    var follower = JobFollower(countsSince: nil, seed: 1, limit: 100)
    _ = Self.reading(kernel.read().text, &follower, at: 0, &dice)
    for name in names { kernel.work(name, JobCounters(readBytes: 1, ioOperations: 3)) }
    let text = kernel.read().text
    var seen = 0
    for round in 1...3 {
      // Three broken readings in a row: two absences would be the end of a job.
      var scanner = JobStatsScanner()
      follower.begin(Self.stamp(Int64(round)))
      _ = scanner.scan(Array(text.prefix(text.count / 2)).span, into: &follower)
      scanner.abandon()
      let broken = follower.end(isWhole: false, target: Self.target)
      let report = try #require(broken)
      #expect(report.isPartial)
      seen += report.top.count
    }
    let last = try Self.read(text, &follower, at: 4, &dice)
    #expect(seen + last.top.count == 50, "each increase is told once")
    #expect(last.jobs == 50)
  }

  @Test func twoEntriesOfOneNameAreTwoJobsOfOneName() throws {
    func text(_ a: Int, _ b: Int) -> [UInt8] {
      Array(
        """
        job_stats:
        - job_id:          a?b
          snapshot_time:   1510781837
          read_bytes:      { samples: 3, unit: bytes, min: 1, max: 1, sum: \(a) }
        - job_id:          a?b
          snapshot_time:   1510781837
          read_bytes:      { samples: 3, unit: bytes, min: 1, max: 1, sum: \(b) }

        """.utf8)
    }
    var dice = JobDice(7)
    var follower = JobFollower(countsSince: nil, seed: 1)
    _ = Self.reading(text(100, 50), &follower, at: 0, &dice)
    let report = try Self.read(text(110, 57), &follower, at: 1, &dice)
    #expect(report.top.reduce(0) { $0 + $1.increase.readBytes } + report.rest.readBytes == 17)
    #expect(Set(report.top.map(\.job)) == ["a?b"])
  }

  @Test func entriesBeyondTheLimitAreCountedAsNotFollowed() throws {
    var kernel = JobKernel(.v215)
    var dice = JobDice(7)
    for number in 0..<30 {
      kernel.work(Array("job.\(number)".utf8), JobCounters(readBytes: 9, ioOperations: 3))
    }
    var follower = JobFollower(countsSince: Self.stamp(0), seed: 1)
    follower.entryLimit = 10
    let report = try Self.read(kernel.read().text, &follower, at: 1, &dice)
    #expect(report.jobs == 10 && report.untracked == 20)
  }

  @Test func tenThousandComeAndGoWithoutAMixUp() throws {
    // Removal moves records about; an index that lost one would tell increases that never were.
    var dice = JobDice(11)
    var kernel = JobKernel(.v215)
    var follower = JobFollower(countsSince: nil, seed: 99, limit: 20_000)
    for number in 0..<3_000 {
      kernel.work(Array("j\(number)".utf8), JobCounters(readBytes: 5, ioOperations: 3))
    }
    _ = Self.reading(kernel.read().text, &follower, at: 0, &dice)
    for reading in 1...6 {
      kernel.entries.removeAll { _ in dice.below(3) == 0 }
      for _ in 0..<1_000 {
        kernel.work(
          Array("n\(dice.below(9_000))".utf8),
          JobCounters(readBytes: UInt64(dice.below(9)), ioOperations: 3))
      }
      let (text, done) = kernel.read()
      let report = try Self.read(text, &follower, at: Int64(reading), &dice)
      #expect(report.top == Self.expected(done, limit: 20_000).top)
      // An entry is let go after two readings without it.
      if reading > 1 { #expect(report.jobs <= UInt64(kernel.entries.count * 2)) }
    }
  }
}
