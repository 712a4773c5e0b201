import ManagerCore
import Protocol
import Testing

@testable import OperatorCLI

@Suite struct MetricAndTokenPageTests {
  @Test func queryPrintsARowAGroupWithUnitsAndResets() throws {
    #expect(
      MetricPage.render(try Reply(Fixture.metricAnswer), Style(width: 100)) == """
        lustre_ost_write_bytes_total: rate of a counter in bytes, the last 1 h

        TARGET       SERIES       VALUE    MIN         MAX  SAMPLES  RESETS       SEEN
        fs1-OST0000       1  1.23 MiB/s  0 B/s  5.00 MiB/s     3600       0    0 s ago
        fs1-OST0001       2           -      -           -       40       1  5 min ago

        """)
  }

  @Test func whatCanNotBeReadIsSaidAboveTheTable() throws {
    var answer = Fixture.metricAnswer
    answer.unreadable = [
      MetricAnswer.Gap(
        fromNanoseconds: 1_795_305_600_000_000_000, throughNanoseconds: 1_795_309_200_000_000_000,
        file: "history/raw-2026-11-22.sqlite.damaged", reason: "it is damaged: \u{202e}x")
    ]
    let text = MetricPage.render(try Reply(answer), Style(width: 200))
    #expect(
      text.contains(
        "Not readable from 2026-11-22 00:00:00 UTC to 2026-11-22 01:00:00 UTC: "
          + "history/raw-2026-11-22.sqlite.damaged: it is damaged: \\x202ex\n"))
  }

  @Test func aPeakHasAColumnWhereThereIsOne() throws {
    var answer = Fixture.metricAnswer
    answer.groups[0].peak = 52_428_800
    #expect(
      MetricPage.render(try Reply(answer), Style(width: 110)) == """
        lustre_ost_write_bytes_total: rate of a counter in bytes, the last 1 h

        TARGET       SERIES       VALUE    MIN         MAX        PEAK  SAMPLES  RESETS       SEEN
        fs1-OST0000       1  1.23 MiB/s  0 B/s  5.00 MiB/s  50.0 MiB/s     3600       0    0 s ago
        fs1-OST0001       2           -      -           -           -       40       1  5 min ago

        """)
    let csv = CSVTable(try Reply(answer))
    let place = try #require(csv.header.firstIndex(of: "peak_bytes_per_second"))
    #expect(csv.rows.map { $0[place] } == ["52428800", ""])
  }

  @Test func curveIsDrawnOnlyWhereBlocksCanBe() throws {
    let text = MetricPage.render(
      try Reply(Fixture.metricAnswer), Style(hasBlocks: true, width: 100))
    #expect(text.contains("0 s ago  ▁▂▃▄▅▆▇█▁▂▃▄▅▆▇█\n"))
    #expect(text.contains("5 min ago  ▁\n"))
  }

  @Test func curveBearsAnyPoints() {
    func draw(_ points: [MetricAnswer.Point], _ from: Int64 = 0, _ through: Int64 = 16) -> String {
      Sparkline.draw(points, from: from, through: through)
    }
    #expect(draw([]) == "")
    #expect(draw([.init(nanoseconds: 3, value: 1)], 5, 5) == "")
    #expect(draw([.init(nanoseconds: 99, value: 1)]) == "")
    #expect(
      draw([.init(nanoseconds: 0, value: .nan), .init(nanoseconds: 1, value: 1)])
        == " ▁              ")
    let wide = [Int64.min, Int64.max].map { MetricAnswer.Point(nanoseconds: $0, value: 1e308) }
    #expect(draw(wide, .min, .max).count == Sparkline.width)
    let apart = [-1.7e308, 1.7e308].enumerated().map {
      MetricAnswer.Point(nanoseconds: Int64($0), value: $1)
    }
    #expect(draw(apart).hasPrefix("▁▁"))
    // Sums of three and of two equal numbers, which differ in their last bits.
    let level = (0..<40).map { MetricAnswer.Point(nanoseconds: Int64($0), value: 0.23) }
    #expect(draw(level, 0, 40) == String(repeating: "▁", count: Sparkline.width))
  }

  @Test func sumOverAllSeriesIsOneRow() throws {
    var answer = Fixture.metricAnswer
    answer.groups = [MetricAnswer.Group(labels: [:])]
    let text = MetricPage.render(try Reply(answer), Style(width: 100))
    #expect(text.contains("\nGROUP  SERIES  VALUE"))
    #expect(text.contains("\nall         0      -"))
  }

  @Test func listOfMetricsWrapsItsHelp() throws {
    let metrics = [
      MetricListing(
        name: "lustre_ost_write_bytes_total", unit: "bytes", kind: .counter,
        help: "Bytes written to the target by clients, resets of the target accounted for."),
      MetricListing(name: "lustre_new", unit: "1", kind: .gauge, help: ""),
    ]
    #expect(
      MetricListPage.render(try Reply(metrics).elements(), Style(width: 100)) == """
        METRIC                        KIND     UNIT   HELP
        lustre_ost_write_bytes_total  counter  bytes  Bytes written to the target by clients, resets of the
                                                      target accounted for.
        lustre_new                    gauge    1

        """)
  }

  @Test func tokensShowWhetherTheyStillWork() throws {
    let hour: Int64 = 3_600_000_000_000
    func enrolment(_ id: String, uses: Int, in time: Int64, revoked: Bool = false)
      -> EnrolmentTokenView
    {
      EnrolmentTokenView(
        id: id, profile: .monitor, usesLeft: uses, expiresNanoseconds: Fixture.now + time,
        isRevoked: revoked, createdBy: "root")
    }
    let tokens = [
      enrolment("a1", uses: 1, in: hour), enrolment("b2", uses: 0, in: hour),
      enrolment("c3", uses: 1, in: -hour), enrolment("d4", uses: 1, in: hour, revoked: true),
    ]
    #expect(
      EnrolmentTokenTable.render(try Reply(tokens).elements(), now: Fixture.now, Style(width: 100))
        == """
        ID  STATE    PROFILE  LEFT  EXPIRES (UTC)                  MADE BY
        a1  active   monitor     1  2026-08-01 13:00 (in 60 min)   root
        b2  used up  monitor     0  2026-08-01 13:00 (in 60 min)   root
        c3  expired  monitor     1  2026-08-01 11:00 (60 min ago)  root
        d4  revoked  monitor     1  2026-08-01 13:00 (in 60 min)   root

        """)
    let bearers = [
      APITokenView(
        id: "a1", name: "grafana", role: .viewer, expiresNanoseconds: nil, isRevoked: false),
      APITokenView(
        id: "b2", name: "ci", role: .operator, expiresNanoseconds: Fixture.now - hour,
        isRevoked: false),
    ]
    #expect(
      APITokenTable.render(try Reply(bearers).elements(), now: Fixture.now, Style(width: 100))
        == """
        ID  NAME     ROLE      STATE    EXPIRES (UTC)
        a1  grafana  viewer    active   never
        b2  ci       operator  expired  2026-08-01 11:00 (60 min ago)

        """)
  }
}
