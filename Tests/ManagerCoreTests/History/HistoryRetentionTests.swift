import Testing

@testable import ManagerCore

@Suite struct HistoryRetentionTests {
  private let day = HistoryDay.nanoseconds

  private func file(_ name: String, _ tier: RollUpTier?, _ end: Int64, _ bytes: Int64 = 100)
    -> HistoryRetention.File
  {
    HistoryRetention.File(name: name, tier: tier, end: end * day, bytes: bytes)
  }

  private func names(
    _ retention: HistoryRetention, _ files: [HistoryRetention.File], now: Int64
  ) -> [String] {
    retention.surplus(of: files, raw: 7 * day, now: now * day).map {
      "\($0.file.name) \($0.reason.rawValue)"
    }
  }

  @Test func eachTierHasItsAge() {
    let files = [
      file("raw-1", nil, 90), file("raw-2", nil, 95), file("1m", .minute, 10),
      file("1m-new", .minute, 11), file("10m", .tenMinutes, 1), file("1h", .hour, 1),
    ]
    #expect(names(HistoryRetention(), files, now: 100) == ["1m age", "raw-1 age"])
  }

  @Test func tooMuchTakesTheOldestDaysFirstAndNeverTheNewest() {
    var retention = HistoryRetention()
    retention.bytes = 350
    let files = [
      file("raw-3", nil, 100), file("raw-1", nil, 98), file("raw-2", nil, 99),
      file("1m-1", .minute, 60), file("1m-2", .minute, 101), file("1h", .hour, 101),
    ]
    #expect(names(retention, files, now: 100) == ["raw-1 size", "raw-2 size", "1m-1 size"])
    retention.bytes = 1
    #expect(names(retention, files, now: 100) == ["raw-1 size", "raw-2 size", "1m-1 size"])
    retention.bytes = 500
    #expect(names(retention, files, now: 100) == ["raw-1 size"])
  }

  @Test func whatIsSetAsideGoesFirstAndInItsTime() {
    var retention = HistoryRetention()
    var files = [file("raw-1", nil, 98), file("raw-2", nil, 99), file("1h", .hour, 101)]
    for (name, tier, end) in [
      ("raw-9", nil, 97), ("1h-9", .hour, 60), ("raw-8", nil, 80),
    ] as [(String, RollUpTier?, Int64)] {
      var aside = file(name, tier, end)
      aside.isSetAside = true
      files.append(aside)
    }
    #expect(names(retention, files, now: 100) == ["raw-8 age"])
    retention.bytes = 400
    #expect(names(retention, files, now: 100) == ["raw-8 age", "1h-9 size"])
    retention.bytes = 200
    #expect(
      names(retention, files, now: 100) == ["raw-8 age", "1h-9 size", "raw-9 size", "raw-1 size"])
  }

  @Test func theTierIsOneThatIsKeptLongEnough() {
    var retention = HistoryRetention()
    #expect(retention.tier(forSpan: UInt64(day / 24), raw: 7 * day) == nil)
    #expect(retention.tier(forSpan: UInt64(day), raw: 7 * day) == .minute)
    #expect(retention.tier(forSpan: UInt64(day / 24), raw: day / 48) == .minute)
    retention.ages[.minute] = day / 2
    #expect(retention.tier(forSpan: UInt64(day), raw: 7 * day) == .tenMinutes)
    #expect(retention.tier(forSpan: UInt64(9_000 * day), raw: 7 * day) == .hour)
  }

  @Test func manySeriesAreAnsweredFromAWiderTier() {
    let retention = HistoryRetention()
    func tier(_ span: Int64, _ series: Int, _ seconds: Int64 = 10) -> RollUpTier? {
      retention.tier(
        forSpan: UInt64(span), raw: 7 * day, series: series, interval: seconds * 1_000_000_000)
    }
    // An hour has 361 samples at 10 s, 61 minutes and 7 times ten minutes.
    #expect(tier(day / 24, 11_080) == nil)
    #expect(tier(day / 24, 11_081) == .minute)
    #expect(tier(day / 24, 11_081, 60) == nil)
    #expect(tier(day / 24, 65_573) == .minute)
    #expect(tier(day / 24, 65_574) == .tenMinutes)
    #expect(tier(day, 2_775) == .minute)
    #expect(tier(day, 2_776) == .tenMinutes)
    #expect(tier(day, 100_000) == .hour)
    #expect(tier(365 * day, .max) == .hour)
  }

  @Test func daysAreWrittenAndReadAsTheCalendarHasThem() throws {
    for (number, text) in [
      (0, "1970-01-01"), (-1, "1969-12-31"), (11_016, "2000-02-29"), (20_779, "2026-11-22"),
    ] as [(Int64, String)] {
      #expect(HistoryDay(number: number).text == text)
      #expect(HistoryDay(text)?.number == number)
    }
    for number in Int64(10_000)..<30_000 {
      let day = HistoryDay(number: number)
      #expect(HistoryDay(day.text) == day)
    }
    #expect(HistoryDay("2026-02-30") == nil)
    #expect(HistoryDay("2026-1-1") == nil)
    #expect(HistoryDay("2026-01-\(Int64.max)") == nil)
    #expect(HistoryDay.after(month: "2026-12")?.text == "2027-01-01")
  }
}
