import Protocol
import Testing

@testable import ManagerCore

@Suite struct MetricAnswerJSONTests {
  @Test func itsOwnJSONIsThatOfTheEncoder() async throws {
    var random = SplitMix(seed: 4)
    for round in 0..<300 {
      var answer = MetricAnswer(
        metric: "m", unit: "a\"\\/\n\u{1}é", kind: .counter, isRate: round % 2 == 0,
        fromNanoseconds: Int64(bitPattern: random.next()), throughNanoseconds: 0, groups: [],
        tiers: round % 3 == 0 ? nil : ["raw", "1m"])
      if round % 5 == 0 {
        answer.unreadable = (0..<(round % 3)).map {
          MetricAnswer.Gap(
            fromNanoseconds: Int64($0), throughNanoseconds: .max, file: "history/é", reason: "a\"b")
        }
      }
      for number in 0..<(round % 4) {
        var group = MetricAnswer.Group(labels: ["b": "\(number)", "a": "x\tÿ", "a.b": ""])
        group.value = number == 1 ? nil : double(&random)
        group.minimum = -0.0
        group.peak = number == 2 ? nil : double(&random)
        group.lastSecondsAgo = double(&random)
        group.points = (0..<20).map { _ in
          MetricAnswer.Point(nanoseconds: Int64(bitPattern: random.next()), value: double(&random))
        }
        answer.groups.append(group)
      }
      let text = String(decoding: Array(await answer.canonicalJSON.joined()), as: UTF8.self)
      #expect(text == String(decoding: try CanonicalJSON.encode(answer), as: UTF8.self))
    }
  }

  @Test func groupsThatShareTheirTimesAndHaveHolesAreThoseOfTheEncoder() async throws {
    var random = SplitMix(seed: 9)
    for round in 0..<60 {
      var answer = MetricAnswer(
        metric: "m", unit: "bytes", kind: .counter, isRate: true, fromNanoseconds: 0,
        throughNanoseconds: 1, groups: [])
      let begin = Int64(bitPattern: random.next()) >> (round % 2 == 0 ? 40 : 1)
      for _ in 0..<4 {
        var group = MetricAnswer.Group(labels: [:])
        for place in Int64(0)..<40 where random.next() % 4 > 0 {
          let time = begin + place * 86_400_000_001 + (random.next() % 9 == 0 ? 1 : 0)
          let value = random.next() % 20 == 0 ? Double.nan : double(&random)
          group.points.append(MetricAnswer.Point(nanoseconds: time, value: value))
        }
        answer.groups.append(group)
      }
      let text = String(decoding: Array(await answer.canonicalJSON.joined()), as: UTF8.self)
      // The encoder knows no number that is none; ours leaves its point out.
      for place in answer.groups.indices {
        answer.groups[place].points.removeAll { !$0.value.isFinite }
      }
      #expect(text == String(decoding: try CanonicalJSON.encode(answer), as: UTF8.self))
    }
  }

  /// Fractions of all lengths, powers of two, ties between two shortest texts, and the ends of the
  /// range in which digits are made here.
  @Test func numbersReadAsTheStandardLibraryWritesThem() {
    var random = SplitMix(seed: 11)
    var wrong: [Double] = []
    func check(_ value: Double) {
      var expected = value.description
      if expected.hasSuffix(".0") { expected.removeLast(2) }
      let text = [UInt8](unsafeUninitializedCapacity: DecimalText.longest) { room, count in
        if let begin = room.baseAddress { count = DecimalText.put(value, at: begin) - begin }
      }
      if String(decoding: text, as: UTF8.self) != expected { wrong.append(value) }
    }
    check(1_941_070_050_939_097.75)
    check(-1_154_244_226_751_618.25)
    for _ in 0..<200_000 {
      var significand = random.next() & 0xf_ffff_ffff_ffff
      switch random.next() % 8 {
      case 0: significand &= ~0 << (random.next() % 52)
      case 1: significand = random.next() % 3
      case 2: significand = 0xf_ffff_ffff_ffff - random.next() % 3
      default: break
      }
      let exponent = 1_023 - 9 + random.next() % 65
      check(Double(bitPattern: random.next() << 63 | exponent << 52 | significand))
      check(Double(random.next() >> 20) / Double(1 + random.next() % 90_000))
      check(Double(random.next() % 10_000_000) / 1_000)
    }
    #expect(wrong.isEmpty)
  }

  private func double(_ random: inout SplitMix) -> Double {
    switch random.next() % 5 {
    case 0: Double(random.next() % 1_000)
    case 1: -Double(random.next() % 1_000) / 8
    case 2: Double(random.next())
    case 3: Double(random.next() % 1_000_000) / 7
    default:
      {
        let any = Double(bitPattern: random.next())
        return any.isFinite ? any : 0.1
      }()
    }
  }
}
