import AgentCore
import Testing

/// Following numbers gives what parsing gives, or nothing at all.
@Suite struct CountedTextTests {
  private static let before = """
    snapshot_time             1510782606.789180921 secs.nsecs
    read_bytes                22 samples [bytes] 4096 4194304 90112
    statfs                    71 samples [reqs]
    getattr                   9 samples [usecs] 1 44 120 5000

    """

  /// Sample 10 times the counter, plus 0 … 3 for count, minimum, maximum, sum.
  private func text(_ before: String) -> CountedText {
    var places = StatsPlaces()
    let bytes = Array(before.utf8)
    _ = StatsParser.parse(bytes.span, &places)
    return CountedText(
      places.all.map { place in
        switch place.role {
        case .samples: CountedText.Number(place.range, sample: place.counter * 10)
        case .minimum:
          CountedText.Number(place.range, sample: place.counter * 10 + 1, mayBeNegative: true)
        case .maximum:
          CountedText.Number(place.range, sample: place.counter * 10 + 2, mayBeNegative: true)
        case .sum:
          CountedText.Number(place.range, sample: place.counter * 10 + 3, mayBeNegative: true)
        case .none(let limit, let mayBeNegative):
          CountedText.Number(
            place.range, sample: -1, mayBeNegative: mayBeNegative, limit: limit)
        }
      })
  }

  private func follow(_ text: inout CountedText, _ old: String, _ new: String) -> [Int: UInt64]? {
    let (old, new) = (Array(old.utf8), Array(new.utf8))
    guard let found = text.follow(from: old.span, to: new.span) else { return nil }
    return Dictionary(found.map { ($0.sample, $0.bits) }, uniquingKeysWith: { $1 })
  }

  private func parsed(_ text: String) -> [Int: UInt64] {
    let bytes = Array(text.utf8)
    var numbers: [Int: UInt64] = [:]
    for (place, counter) in StatsParser.parse(bytes.span).value.counters.enumerated() {
      numbers[place * 10] = counter.samples
      numbers[place * 10 + 1] = counter.values?.minimum
      numbers[place * 10 + 2] = counter.values?.maximum
      numbers[place * 10 + 3] = counter.values?.sum
    }
    return numbers
  }

  @Test func numbersThatGrowAndShrinkAreFollowed() throws {
    var text = text(Self.before)
    var old = Self.before
    for (from, to) in [
      ("22 samples", "123456 samples"), ("71 samples", "7 samples"),
      ("90112", "18446744073709551615"),
      (" 120 ", " -5 "), ("1510782606.789180921", "1510782616.1"), ("5000", "1"),
      ("123456 samples", "0 samples"), ("-5", "9223372036854775807"),
    ] {
      let new = old.replacing(from, with: to)
      #expect(new != old)
      #expect(try #require(follow(&text, old, new)) == parsed(new), "\(from) to \(to)")
      old = new
    }
  }

  @Test(arguments: [
    ("statfs", "statfz"), ("[usecs]", "[usec]"), ("22 samples", "-22 samples"),
    ("71 samples", "18446744073709551616 samples"), ("9 samples [usecs] 1", "9 samples [usecs] x"),
    ("1510782606.789180921", "1510782606.1234567890"), ("1510782606.", "9300000000."),
    ("statfs                    71 samples [reqs]\n", ""),
    ("5000\n", "5000\nnew 1 samples [reqs]\n"),
    ("5000\n", "5000"), (" 44 ", "  "), (" 44 ", " 44 45 "),
  ])
  func whateverElseChangesIsLeftToTheParser(from: String, to: String) {
    var text = text(Self.before)
    let new = Self.before.replacing(from, with: to)
    #expect(new != Self.before)
    #expect(follow(&text, Self.before, new) == nil)
    // And nothing has changed by that.
    let later = Self.before.replacing("22", with: "23")
    #expect(follow(&text, Self.before, later) == parsed(later))
  }
}
