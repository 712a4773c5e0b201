import Protocol
import Testing

@testable import ManagerCore

@Suite struct MetricAnswerJSONTests {
  @Test func itsOwnJSONIsThatOfTheEncoder() throws {
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
      let text = String(decoding: answer.canonicalJSON, as: UTF8.self)
      #expect(text == String(decoding: try CanonicalJSON.encode(answer), as: UTF8.self))
    }
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
