import Protocol
import Testing

@testable import ManagerCore

@Suite struct ExpositionTests {
  @Test func familiesAndLabelsAreSortedAndEscaped() {
    let families = [
      MetricFamily(
        "b_total", .counter, help: "Back\\slash and\nline",
        samples: [
          .init(.unsigned(.max), ["z": "q\"u\\o\nte", "a": "1"]), .init(.unsigned(1)),
        ]),
      MetricFamily(
        "a", .gauge, help: "Gauge", samples: [.init(.number(0.5)), .init(.number(-.infinity))]),
      MetricFamily("none", .gauge, help: "Empty", samples: []),
    ]
    #expect(
      PrometheusText.render(families) == #"""
        # HELP a Gauge
        # TYPE a gauge
        a -Inf
        # HELP b_total Back\\slash and\nline
        # TYPE b_total counter
        b_total 1
        b_total{a="1",z="q\"u\\o\nte"} 18446744073709551615

        """#)
  }

  @Test func namesThatPrometheusRefusesArePutRightAndDuplicatesJoined() {
    let families = [
      MetricFamily(
        "9 lives", .unrecognised, help: "x", samples: [.init(.unsigned(1), ["a-b": "1", "e": ""])]),
      MetricFamily("_9_lives", .gauge, help: "y", samples: [.init(.unsigned(2), ["a_b": "1"])]),
      MetricFamily("", .gauge, help: "z", samples: [.init(.unsigned(3), ["0": "é"])]),
    ]
    #expect(
      PrometheusText.render(families) == """
        # HELP _ z
        # TYPE _ gauge
        _{_0="é"} 3
        # HELP _9_lives x
        # TYPE _9_lives untyped
        _9_lives{a_b="1"} 2

        """)
  }

  @Test func numbersAreExact() {
    func text(_ bits: UInt64, _ kind: SeriesKind, _ decimals: UInt8) -> String {
      MetricValue(bits: bits, of: counter(kind: kind, decimals: decimals)).text
    }
    #expect(text(.max, .counter, 0) == "18446744073709551615")
    #expect(text(.max, .counter, 9) == "18446744073.709551615")
    #expect(text(5, .counter, 2) == "0.05")
    #expect(text(UInt64(bitPattern: -5), .gauge, 1) == "-0.5")
    #expect(text(1 << 63, .gauge, 0) == "-9223372036854775808")
    #expect(text(0, .gauge, 3) == "0.000")
    #expect(MetricValue.number(.nan).text == "NaN")
    #expect(MetricValue.number(1.5e300).text == "1.5e+300")
  }

  @Test func onlyValuesThatHoldNowAreShown() throws {
    var catalogue = SeriesCatalogue()
    let metric = Metric.readBytes.name
    let near = catalogue.id(of: series(metric, .target("t1")))
    let far = catalogue.id(of: series(metric, .target("t2")))
    let gone = catalogue.id(of: series(metric, .target("t3")))
    let foreign = catalogue.id(of: series("lustre_new_total", .target("t1")))
    let wrong = catalogue.id(of: series(metric, .target("t1"), kind: .gauge))
    let here = try stream().server
    let lost = try stream(server: 2).server
    var latest = LatestValues()
    latest.take(one(near, 7, at: 1_000), from: here)
    latest.take(one(near, 3, at: 990), from: lost)
    latest.take(one(far, 8, at: 1_000), from: lost)
    latest.take(one(gone, 9, at: 700), from: here)
    latest.take(one(foreign, 1, at: 1_000), from: here)
    latest.take(one(wrong, 1, at: 1_000), from: here)
    let families = latest.families(
      catalogue: catalogue, now: moment(1_010), isCurrent: { $0 == here },
      labels: { subject in
        guard case .target(let id) = subject else { return nil }
        return ["target": id, "fs": "fs1"]
      })
    #expect(
      PrometheusText.render(families) == """
        # HELP lustre_new_total Reported by an agent of another version, in bytes
        # TYPE lustre_new_total counter
        lustre_new_total{fs="fs1",operation="r",target="t1"} 1
        # HELP lustre_read_bytes_total Bytes read
        # TYPE lustre_read_bytes_total counter
        lustre_read_bytes_total{fs="fs1",operation="r",target="t1"} 7

        """)
    latest.prune(now: moment(4_500))
    #expect(latest.count == 4)
    #expect(latest[gone] == nil)
    #expect(latest[near]?.bits == 7)
  }

  private func series(_ metric: String, _ subject: StoredSubject, kind: SeriesKind = .counter)
    -> StoredSeries
  {
    StoredSeries(
      subject: subject, metric: metric, labels: ["operation": "r", "target": "mine"], kind: kind,
      unit: "bytes", decimals: 0, width: 64)
  }

  private func one(_ id: SeriesID, _ bits: UInt64, at seconds: Int64) -> StoredBatch {
    StoredBatch(
      order: 1, nanoseconds: seconds * second,
      samples: [StoredSample(series: id, source: 1, bits: bits)])
  }
}

@Suite struct ReservedLabelTests {
  @Test func aLabelNeverTakesANameThatIsPrometheussOwn() {
    let family = MetricFamily(
      "m", .gauge, help: "h",
      samples: [MetricFamily.Sample(.unsigned(1), ["__name__": "x", "__": "y", "_a": "z"])])
    let text = PrometheusText.render([family])
    #expect(text.contains("_name__=\"x\""))
    #expect(!text.contains("{__") && !text.contains(",__"))
  }
}
