import ManagerCore
import Protocol
import Testing

@Suite struct JobBookTests {
  private static let second: Int64 = 1_000_000_000

  private static func stream(_ incarnation: String = "a") throws -> StreamKey {
    StreamKey(
      server: try #require(ServerID("11111111-2222-4333-8444-555555555555")), boot: BootID("b"),
      incarnation: incarnation)
  }

  private static func report(
    _ sequence: UInt64, _ jobs: [String: UInt64] = ["dd.0": 10], rest: UInt64 = 0
  ) -> JobReport {
    let stamp = Stamp(bootNanoseconds: 0, wallNanoseconds: 0)
    return JobReport(
      sequence: sequence, target: TargetReference(label: "fs-OST0000"), since: stamp, began: stamp,
      top: jobs.sorted { $0.key < $1.key }.map {
        JobIncrease(job: $0.key, increase: JobCounters(writtenBytes: $0.value, ioOperations: 1))
      }, rest: JobCounters(writtenBytes: rest), restJobs: rest > 0 ? 1 : 0, jobs: 7)
  }

  private static func span(_ report: JobReport, _ target: String = "T0", at end: Int64) -> JobSpan {
    JobSpan(
      report, target: target, fromNanoseconds: (end - 10) * second, throughNanoseconds: end * second
    )
  }

  private static func moment(_ seconds: Int64) -> Moment {
    Moment(monotonicNanoseconds: seconds * second, wallNanoseconds: seconds * second)
  }

  private func take(
    _ book: inout JobBook, _ report: JobReport, _ target: String = "T0", at end: Int64
  ) throws -> Bool {
    book.take(
      report, Self.span(report, target, at: end), from: try Self.stream(), now: Self.moment(end))
  }

  @Test func reportsOfAMinuteBecomeOneSpanATarget() throws {
    var book = JobBook()
    for number in 1...6 {
      #expect(try take(&book, Self.report(UInt64(number), rest: 1), at: Int64(number) * 10))
    }
    #expect(try take(&book, Self.report(7, ["cp.1": 3]), "T1", at: 60))
    #expect(book.cut(now: Self.moment(69)).isEmpty)
    let writes = book.cut(now: Self.moment(70))
    #expect(writes.map(\.sequence) == [7])
    let spans = writes.flatMap(\.spans)
    #expect(spans.map(\.target) == ["T0", "T1"])
    #expect(spans[0].top.map(\.increase.writtenBytes) == [60])
    #expect(spans[0].rest.writtenBytes == 6)
    #expect(spans[0].coveredNanoseconds == 60 * Self.second)
    #expect(spans[0].fromNanoseconds == 0 && spans[0].throughNanoseconds == 60 * Self.second)
  }

  /// The manager's clock was an hour ahead for a while: what was done before is not said to be later.
  @Test func aStepOfTheClockEndsASpan() throws {
    var book = JobBook()
    func take(_ sequence: UInt64, at end: Int64, now: Int64) throws {
      let report = Self.report(sequence)
      #expect(
        book.take(
          report, Self.span(report, at: end), from: try Self.stream(), now: Self.moment(now)))
    }
    try take(1, at: 10, now: 10)
    try take(2, at: 20, now: 20)
    try take(3, at: 3_630, now: 30)
    try take(4, at: 40, now: 40)
    try take(5, at: 50, now: 50)
    let spans = book.spans(ended: 0...Int64.max)
    #expect(spans.map(\.throughNanoseconds).sorted() == [20, 50, 3_630].map { $0 * Self.second })
    let writes = book.cut(now: Self.moment(60), force: true)
    #expect(writes.map(\.sequence) == [2, 3, 5])
    #expect(
      writes.flatMap(\.spans).reduce(0) { $0 + ($1.top.first?.increase.writtenBytes ?? 0) } == 50)
    // One that jumps to and fro without end makes no more rows than seconds.
    for sequence in 6...1_000 as ClosedRange<UInt64> {
      try take(sequence, at: sequence % 2 == 0 ? 100 : 9_000, now: 100)
    }
    #expect(book.spans(ended: 0...Int64.max).count == 4)
  }

  @Test func aReportIsCountedOnce() throws {
    var book = JobBook()
    book.resume(try Self.stream(), stored: 4)
    #expect(try take(&book, Self.report(4), at: 10) == false, "the store has it")
    #expect(try take(&book, Self.report(5), at: 20))
    #expect(try take(&book, Self.report(5), at: 20) == false, "sent again after a new session")
    let writes = book.cut(now: Self.moment(20), force: true)
    #expect(try take(&book, Self.report(5), at: 20) == false)
    #expect(book.storedSequence(try Self.stream()) == 4, "not before it is written")
    book.wrote(writes)
    #expect(book.storedSequence(try Self.stream()) == 5)
    #expect(book.cut(now: Self.moment(99), force: true).isEmpty)
  }

  @Test func whatCouldNotBeWrittenIsTriedAgainAndSeenMeanwhile() throws {
    var book = JobBook()
    #expect(try take(&book, Self.report(1), at: 10))
    let first = book.cut(now: Self.moment(10), force: true)
    #expect(book.spans(ended: 0...100 * Self.second).count == 1)
    #expect(try take(&book, Self.report(2), at: 20))
    #expect(book.spans(ended: 0...100 * Self.second).count == 2)
    #expect(book.spans(ended: 15 * Self.second...100 * Self.second).count == 1)
    let second = book.cut(now: Self.moment(20), force: true)
    #expect(second.count == 2 && second.first == first.first)
    book.wrote(second)
    #expect(book.spans(ended: 0...100 * Self.second).isEmpty)
  }

  @Test func aSpanOfTooManyNamesKeepsThoseThatDidMostAndEveryByte() throws {
    let many = Dictionary(
      uniqueKeysWithValues: (0..<3_000).map { ("job.\($0)", UInt64($0 + 1)) })
    let others = Dictionary(
      uniqueKeysWithValues: (0..<3_000).map { ("other.\($0)", UInt64(10_000 + $0)) })
    var span = Self.span(Self.report(1, many), at: 10)
    span.merge(Self.span(Self.report(2, others), at: 20))
    #expect(span.top.count <= WireLimits.topJobs)
    let sum = (many.values.reduce(0, +)) + (others.values.reduce(0, +))
    #expect(span.top.reduce(span.rest.writtenBytes) { $0 + $1.increase.writtenBytes } == sum)
    #expect(span.top.contains { $0.job == "other.2999" })
    #expect(span.restJobs > 0)
  }

  /// What an agent says of jobs that it did not name, and of times, may be anything.
  @Test func whatAnAgentMakesUpOverflowsNothing() {
    var odd = Self.report(1, Dictionary(uniqueKeysWithValues: (0..<4_096).map { ("a.\($0)", 1) }))
    odd.restJobs = .max
    var span = Self.span(odd, at: 10)
    for number in 0..<3 as Range<UInt64> {
      // Of the longest time that is kept, all of it the same.
      span.merge(
        JobSpan(
          Self.report(2, ["b.\(number)": 1]), target: "T0",
          fromNanoseconds: -WireLimits.stampNanoseconds, throughNanoseconds: 10 * Self.second))
    }
    #expect(span.restJobs == .max)
    #expect(span.coveredNanoseconds == 10 * Self.second + WireLimits.stampNanoseconds)
    span.coveredNanoseconds = .max
    let view = JobTopView(
      [span, span], by: .write, limit: 2, targets: ["T0": "fs-OST0000"], fromNanoseconds: 0,
      throughNanoseconds: 20 * Self.second)
    #expect(view.coverage == 1)
  }

  @Test func theViewRanksAndLeavesNothingOut() {
    let spans = [
      Self.span(Self.report(1, ["a": 5, "b": 50], rest: 7), "T0", at: 10),
      Self.span(Self.report(2, ["a": 60, "c": 1], rest: 2), "T1", at: 20),
      Self.span(Self.report(3, ["z": 999]), "gone", at: 20),
    ]
    let view = JobTopView(
      spans, by: .write, limit: 2, targets: ["T0": "fs-OST0000", "T1": "fs-OST0001", "T2": "x"],
      fromNanoseconds: 0, throughNanoseconds: 20 * Self.second)
    #expect(view.jobs.map(\.job) == ["a", "b"])
    #expect(view.jobs.map(\.targets) == [2, 1])
    #expect(view.jobs.map(\.increase.writtenBytes) == [65, 50])
    #expect(view.otherJobs == 1 && view.others.writtenBytes == 1)
    #expect(view.unnamed.writtenBytes == 9 && view.total.writtenBytes == 125)
    #expect(view.targets == 2 && view.silentTargets == ["x"])
    #expect(abs(view.coverage - 20.0 / 40.0) < 1e-9)
    #expect(view.coveredSeconds == 10 && view.newestSecondsAgo == 0)
  }

  /// A minute is one row: it can not be cut, so the answer is of all of it.
  @Test func whatBeganBeforeTheTimeAskedForWidensIt() {
    let spans = [
      JobSpan(
        Self.report(1, ["a": 60]), target: "T0", fromNanoseconds: 0,
        throughNanoseconds: 60 * Self.second),
      JobSpan(
        Self.report(2, ["a": 20]), target: "T1", fromNanoseconds: 58 * Self.second,
        throughNanoseconds: 63 * Self.second),
    ]
    let view = JobTopView(
      spans, by: .write, limit: 5, targets: ["T0": "x", "T1": "y", "T2": "z"],
      fromNanoseconds: 58 * Self.second, throughNanoseconds: 63 * Self.second)
    #expect(view.fromNanoseconds == 58 * Self.second && view.beganNanoseconds == 0)
    #expect(view.coveredSeconds == 60)
    // 60 of 63 s, and 5 of 5 s.
    #expect(abs(view.coverage - 65.0 / 68.0) < 1e-9)
    let none = JobTopView(
      [], by: .write, limit: 5, targets: ["T0": "x"], fromNanoseconds: 5, throughNanoseconds: 9)
    #expect(none.beganNanoseconds == 5 && none.coverage == 0)
  }

  @Test func aJobThatDidNothingByTheMeasureIsNotRankedByIt() {
    let view = JobTopView(
      [Self.span(Self.report(1, ["a": 5]), at: 10)], by: .metadata, limit: 5,
      targets: ["T0": "fs-OST0000"], fromNanoseconds: 0, throughNanoseconds: 20 * Self.second)
    #expect(view.jobs.isEmpty && view.otherJobs == 1 && view.others.writtenBytes == 5)
  }
}
