/// A day of UTC, numbered from 1970-01-01.
package struct HistoryDay: Hashable, Comparable, Sendable {
  package static let nanoseconds: Int64 = 86_400_000_000_000
  package var number: Int64
  package init(number: Int64) { self.number = number }
  /// The day that a time lies in.
  package init(of nanoseconds: Int64) {
    number = floorDivide(nanoseconds, HistoryDay.nanoseconds)
  }

  /// The first nanosecond, and the first after it.
  package var begin: Int64 { number &* HistoryDay.nanoseconds }
  package var end: Int64 { (number &+ 1) &* HistoryDay.nanoseconds }

  package static func < (a: HistoryDay, b: HistoryDay) -> Bool { a.number < b.number }

  /// The days that a range touches within some that there are.
  package static func clamped(_ range: ClosedRange<Int64>) -> ClosedRange<HistoryDay> {
    HistoryDay(of: range.lowerBound)...HistoryDay(of: range.upperBound)
  }

  /// `2026-01-31`
  package var text: String {
    let (year, month, day) = civil
    return "\(HistoryDay.padded(year, 4))-\(HistoryDay.padded(month, 2))-"
      + HistoryDay.padded(day, 2)
  }

  /// `2026-01`
  package var month: String {
    let (year, month, _) = civil
    return "\(HistoryDay.padded(year, 4))-\(HistoryDay.padded(month, 2))"
  }

  /// Takes `2026-01-31`; `nil` for anything else.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, let year = Int64(parts[0]), let month = Int64(parts[1]),
      let day = Int64(parts[2]), (0...9_999).contains(year), (1...12).contains(month),
      (1...31).contains(day)
    else { return nil }
    self.init(number: HistoryDay.number(year, month, day))
    guard self.text == text else { return nil }
  }

  /// The first day after a month, `2026-01`; `nil` for anything else.
  package static func after(month text: some StringProtocol) -> HistoryDay? {
    guard let first = HistoryDay("\(text)-01") else { return nil }
    let (year, month, _) = first.civil
    return HistoryDay(
      number: month == 12 ? number(year + 1, 1, 1) : number(year, month + 1, 1))
  }

  // Of the proleptic Gregorian calendar, in eras of 400 years that begin on a 1 March.

  private var civil: (year: Int64, month: Int64, day: Int64) {
    let shifted = number + 719_468
    let era = floorDivide(shifted, 146_097)
    let ofEra = shifted - era * 146_097
    let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let fromMarch = (5 * ofYear + 2) / 153
    let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
    return (
      yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * fromMarch + 2) / 5 + 1
    )
  }

  private static func number(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = floorDivide(year, 400)
    let ofEra = year - era * 400
    let ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}
