/// A file of the stats family: `stats`, `md_stats` and the like. Counters that never counted are
/// left out by Lustre. Three shapes of a line: count; count, minimum, maximum, sum; and those with
/// the sum of squares behind (2.14 and later).
package struct StatsFile: Hashable, Sendable {
  package struct Counter: Hashable, Sendable {
    package var name: String
    /// 1, and 2 for the second counter of the same name in one file (2.10 has two `statfs`).
    package var occurrence: Int
    package var samples: UInt64
    /// As printed, but `usec`, `sec` and `regs` read as `usecs`, `secs` and `reqs`.
    package var unit: String
    package var values: Values?
  }

  /// 64 bits each, as the kernel printed them.
  package struct Values: Hashable, Sendable {
    package var minimum: UInt64
    package var maximum: UInt64
    package var sum: UInt64
    package var sumOfSquares: UInt64?
  }

  /// Nanoseconds since the epoch.
  package var snapshotTime: Int64?
  /// As printed; a new one means that the counters were cleared (2.15 and later).
  package var startTime: String?
  package var startNanoseconds: Int64?
  package var counters: [Counter] = []
  package init() {}
}

/// Where the numbers of a stats file stand that may be others in the next reading.
package struct StatsPlaces: Sendable {
  package enum Role: Sendable {
    case samples, minimum, maximum, sum
    /// It is kept nowhere; a larger one, or one with a sign, is perhaps no such number.
    case none(limit: UInt64, mayBeNegative: Bool)
  }
  package struct Place: Sendable {
    package var range: Range<Int>
    package var counter: Int
    package var role: Role
  }
  package fileprivate(set) var all: [Place] = []
  package init() {}
}

/// Parses the stats family; leftovers are lines of other shapes.
package enum StatsParser {
  package static func parse(_ bytes: Span<UInt8>) -> Parsed<StatsFile> {
    var places = StatsPlaces()
    return parse(bytes, &places)
  }

  package static func parse(
    _ bytes: Span<UInt8>, _ places: inout StatsPlaces
  ) -> Parsed<StatsFile> {
    var file = StatsFile()
    var leftovers = Leftovers()
    var seen: [String: Int] = [:]
    var index = 0
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      if content.isEmpty { continue }
      if header(bytes, content, &file, &places) { continue }
      guard var counter = counter(bytes, content, file.counters.count, &places) else {
        leftovers.keep(bytes, content)
        continue
      }
      counter.occurrence = (seen[counter.name] ?? 0) + 1
      seen[counter.name] = counter.occurrence
      file.counters.append(counter)
    }
    return Parsed(file, leftovers)
  }

  /// `snapshot_time`, `start_time` and `elapsed_time`; the last is a duration that nobody needs.
  private static func header(
    _ bytes: Span<UInt8>, _ line: Range<Int>, _ file: inout StatsFile,
    _ places: inout StatsPlaces
  ) -> Bool {
    if bytes.hasPrefix("elapsed_time", line) {
      guard let time = time(bytes, (line.lowerBound + 12)..<line.upperBound) else { return false }
      places.note(time.numbers)
      return true
    }
    if bytes.hasPrefix("snapshot_time", line) {
      guard let time = time(bytes, (line.lowerBound + 13)..<line.upperBound) else { return false }
      places.note(time.numbers)
      file.snapshotTime = time.nanoseconds
      return true
    }
    if bytes.hasPrefix("start_time", line) {
      guard let time = time(bytes, (line.lowerBound + 10)..<line.upperBound) else { return false }
      file.startTime = time.text
      file.startNanoseconds = time.nanoseconds
      return true
    }
    return false
  }

  /// `SECONDS[.FRACTION] [secs.nsecs|secs.usecs|secs]`, with or without parentheses and a colon
  /// before. 2.10 pads the fraction with blanks, old releases do not pad it at all: it is a number
  /// of nanoseconds or microseconds, not digits behind a point.
  private static func time(
    _ bytes: Span<UInt8>, _ range: Range<Int>
  ) -> (nanoseconds: Int64, text: String, numbers: [Range<Int>])? {
    var rest = bytes.trimmed(range)
    if let first = rest.first, bytes[first] == UInt8(ascii: ":") {
      rest = bytes.trimmed((first + 1)..<rest.upperBound)
    }
    var end = rest.lowerBound
    while end < rest.upperBound, bytes[end] &- 0x30 < 10 { end += 1 }
    guard let seconds = bytes.unsigned(rest.lowerBound..<end).flatMap({ Int64(exactly: $0) })
    else { return nil }
    var text = String(seconds)
    var numbers = [rest.lowerBound..<end]
    var fraction: Int64 = 0
    if end < rest.upperBound, bytes[end] == UInt8(ascii: ".") {
      var start = end + 1
      while start < rest.upperBound, Span<UInt8>.isBlank(bytes[start]) { start += 1 }
      end = start
      while end < rest.upperBound, bytes[end] &- 0x30 < 10 { end += 1 }
      guard let value = bytes.unsigned(start..<end), value < 1_000_000_000 else { return nil }
      let isMicroseconds = bytes.find("usecs", in: end..<rest.upperBound) != nil
      fraction = Int64(value) &* (isMicroseconds ? 1_000 : 1)
      text += "." + bytes.text(start..<end)
      numbers.append(start..<end)
    }
    let (scaled, over) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = scaled.addingReportingOverflow(fraction)
    return over || carry ? nil : (sum, text, numbers)
  }

  /// `NAME COUNT samples [UNIT] [MIN MAX SUM [SUMSQ]]`. A name may hold blanks, so the line is cut
  /// at ` samples [` and the count is the last word before it.
  private static func counter(
    _ bytes: Span<UInt8>, _ line: Range<Int>, _ index: Int, _ places: inout StatsPlaces
  ) -> StatsFile.Counter? {
    guard let cut = bytes.find(" samples [", in: line),
      let close = bytes.first(UInt8(ascii: "]"), in: (cut + 10)..<line.upperBound)
    else { return nil }
    let head = bytes.trimmed(line.lowerBound..<cut)
    var split = head.upperBound
    while split > head.lowerBound && !Span<UInt8>.isBlank(bytes[split - 1]) { split -= 1 }
    let name = bytes.trimmed(head.lowerBound..<split)
    // A count is never negative and a name never long; both bounds keep garbage out of labels.
    guard !name.isEmpty, name.count <= 128, close - cut - 10 <= 64,
      let samples = bytes.unsigned(split..<head.upperBound)
    else { return nil }
    var values: StatsFile.Values?
    let numbers = bytes.fields((close + 1)..<line.upperBound)
    if !numbers.isEmpty {
      guard numbers.count == 3 || numbers.count == 4, let minimum = bytes.bits(numbers[0]),
        let maximum = bytes.bits(numbers[1]), let sum = bytes.bits(numbers[2])
      else { return nil }
      values = StatsFile.Values(minimum: minimum, maximum: maximum, sum: sum)
      if numbers.count == 4 {
        guard let squares = bytes.bits(numbers[3]) else { return nil }
        values?.sumOfSquares = squares
      }
    }
    places.note(counter: index, split..<head.upperBound, numbers)
    return StatsFile.Counter(
      name: bytes.text(name), occurrence: 1, samples: samples,
      unit: unit(bytes.text((cut + 10)..<close)), values: values)
  }

  private static func unit(_ printed: String) -> String {
    switch printed {
    case "usec": "usecs"
    case "sec": "secs"
    case "regs": "reqs"
    default: printed
    }
  }
}

extension StatsPlaces {
  /// A time that is kept nowhere.
  fileprivate mutating func note(_ numbers: [Range<Int>]) {
    // Seconds that fit in nanoseconds, and their fraction.
    for (range, limit) in zip(numbers, [9_000_000_000, 999_999_999] as [UInt64]) {
      all.append(
        Place(range: range, counter: -1, role: .none(limit: limit, mayBeNegative: false)))
    }
  }

  fileprivate mutating func note(
    counter: Int, _ samples: Range<Int>, _ numbers: [Range<Int>]
  ) {
    let roles: [Role] = [
      .samples, .minimum, .maximum, .sum, .none(limit: .max, mayBeNegative: true),
    ]
    for (range, role) in zip([samples] + numbers, roles) {
      all.append(Place(range: range, counter: counter, role: role))
    }
  }
}
