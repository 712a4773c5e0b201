/// The `Date` header's fixed form, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
enum HTTPDate {
  private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// `seconds` since the epoch, not before it.
  static func text(seconds: Int64) -> String {
    let day = max(seconds, 0) / 86_400
    let second = max(seconds, 0) % 86_400
    let (year, month, date) = civil(day: day)
    let time = [second / 3_600, second / 60 % 60, second % 60].map(twoDigits)
    return "\(days[Int(day % 7)]), \(twoDigits(date)) \(months[Int(month - 1)]) \(year) "
      + "\(time.joined(separator: ":")) GMT"
  }

  private static func twoDigits(_ number: Int64) -> String {
    number < 10 ? "0\(number)" : "\(number)"
  }

  /// Years begin in March here, so that the leap day is a year's last and the months before it have
  /// a regular pattern; eras are the calendar's 400 years of 146,097 days.
  private static func civil(day: Int64) -> (year: Int64, month: Int64, date: Int64) {
    let shifted = day + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let date = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, date)
  }
}
