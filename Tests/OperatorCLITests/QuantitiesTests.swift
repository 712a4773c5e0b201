import Testing

@testable import OperatorCLI

@Suite struct QuantitiesTests {
  @Test(arguments: [
    (0, "0 B"), (512, "512 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
    (1_048_524, "1023.9 KiB"), (1_048_575, "1.0 MiB"), (1_319_413_953_331, "1.2 TiB"),
    (UInt64.max, "16.0 EiB"),
  ])
  func bytesHaveOneDecimalAndNeverAWholeStep(count: UInt64, text: String) {
    #expect(Quantities.bytes(count) == text)
  }

  @Test(arguments: [
    (0, "0"), (9_999, "9999"), (10_000, "10.0 k"), (999_960, "1.0 M"), (34_500_000, "34.5 M"),
    (UInt64.max, "18.4 E"),
  ])
  func countsAreExactWhileTheyAreShort(count: UInt64, text: String) {
    #expect(Quantities.count(count) == text)
  }

  @Test(arguments: [
    (-5, "0 s"), (0.99, "0 s"), (42.7, "42 s"), (60, "1 min"), (200, "3 min 20 s"),
    (3_600, "1 h"), (7_320, "2 h 2 min"), (93_600, "1 d 2 h"), (1e300, "1000000 d"),
  ])
  func spansAreCutToTwoUnits(seconds: Double, text: String) {
    #expect(Quantities.span(seconds) == text)
    #expect(Quantities.ago(seconds) == "\(text) ago")
  }

  @Test func whatIsNotKnownIsADash() {
    #expect(Quantities.bytes(nil) == "-")
    #expect(Quantities.count(nil) == "-")
    #expect(Quantities.span(nil) == "-")
    #expect(Quantities.ago(.nan) == "-")
    #expect(Quantities.span(.infinity) == "-")
    #expect(Quantities.measure(nil, unit: "bytes", perSecond: true) == "-")
    #expect(Quantities.measure(.nan, unit: "", perSecond: false) == "-")
    #expect(Quantities.percent(1, of: 0) == "-")
    #expect(Quantities.moment(nil) == "-")
  }

  @Test(arguments: [
    (0, "bytes", true, "0 B/s"), (1_293_942, "bytes", true, "1.23 MiB/s"),
    (12_900_000, "bytes", false, "12.3 MiB"), (1_073_000_000, "bytes", false, "1023 MiB"),
    (0.5, "bytes", true, "0.50 B/s"), (3_400, "1", true, "3.40 k/s"), (12, "1", false, "12"),
    (2.5, "1", false, "2.50"), (1e30, "1", false, "1000000000000 E"),
    (-2_048, "bytes", false, "-2.00 KiB"),
    (12, "seconds", false, "12.0 s"), (250, "microseconds", false, "250 us"),
    (1_500, "microseconds", false, "1.50 ms"), (7_320, "seconds", false, "2 h 2 min"),
    (0.0012, "1", false, "0.0012"), (64, "requests", true, "64 requests/s"),
    (6_400, "requests", false, "6.40 k requests"),
    (45, "celsius\u{1b}[2J", false, "45 celsius\\x1b[2J"),
  ])
  func measuresCarryTheirUnit(value: Double, unit: String, perSecond: Bool, text: String) {
    #expect(Quantities.measure(value, unit: unit, perSecond: perSecond) == text)
  }

  @Test func momentsAreInUTCAndSayHowFarOffTheyAre() {
    #expect(Quantities.moment(0) == "1970-01-01 00:00:00 UTC")
    #expect(Quantities.expiry(nil, now: 0) == "never")
    #expect(
      Quantities.expiry(Fixture.now, now: Fixture.now - 90_000_000_000)
        == "2026-08-01 12:00:00 UTC (in 1 min 30 s)")
    #expect(Quantities.expiry(.max, now: .min) == Quantities.moment(.max))
  }

  @Test func textFromElsewhereNeverReachesTheTerminalAsControl() {
    #expect(printable("plain ünïcode") == "plain ünïcode")
    #expect(printable("a\u{1b}[2Jb\u{7f}\u{9b}c") == "a\\x1b[2Jb\\x7f\\x9bc")
    #expect(printable("a\nb\tc\u{202e}d") == "a b c\\x202ed")
  }
}
