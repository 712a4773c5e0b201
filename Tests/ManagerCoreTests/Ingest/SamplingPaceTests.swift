import ManagerCore
import Protocol
import Testing

@Suite struct SamplingPaceTests {
  private static let second: Int64 = 1_000_000_000

  /// Takes batches at these seconds of the boot clock; the manager's clock is 1,000 s ahead. Gives the pauses
  /// in whole seconds of the boot clock.
  private func pauses(
    _ seconds: [Int64], orders: [UInt64]? = nil, since: Int64 = 0
  ) -> [ClosedRange<Int64>] {
    var pace = SamplingPace(
      since: Stamp(bootNanoseconds: since * Self.second, wallNanoseconds: 0))
    var found: [ClosedRange<Int64>] = []
    for (place, at) in seconds.enumerated() {
      let pause = pace.take(
        order: orders?[place] ?? UInt64(place + 1),
        stamp: Stamp(bootNanoseconds: at * Self.second, wallNanoseconds: 0),
        nanoseconds: (at + 1_000) * Self.second)
      if let pause {
        found.append(
          (pause.lowerBound / Self.second - 1_000)...(pause.upperBound / Self.second - 1_000))
      }
    }
    return found
  }

  @Test func aHoleBetweenConsecutiveBatchesIsAPause() {
    #expect(pauses([0, 10, 20, 45, 55]) == [20...45])
    #expect(pauses([0, 10, 32, 42]) == [], "late, as a busy machine is")
    #expect(pauses([0, 1, 2, 10, 11, 19, 20]) == [2...10, 11...19])
  }

  @Test func whatIsMissingIsNoPauseButALoss() {
    #expect(pauses([0, 10, 20, 60, 70], orders: [1, 2, 3, 7, 8]) == [])
  }

  @Test func whatWasSampledBeforeTheIntervalWasToldIsNotJudged() {
    #expect(pauses([0, 1, 2, 12, 13, 14, 15], since: 12) == [])
    #expect(pauses([0, 1, 2, 12, 13, 14, 24, 25], since: 12) == [14...24])
  }

  @Test func anotherIntervalIsNoPause() {
    #expect(pauses([0, 60, 120, 121, 122, 123]) == [])
    #expect(pauses([0, 1, 2, 12, 22, 32]) == [])
    #expect(pauses([0, 10, 11, 12]) == [], "an agent that was not told an interval yet")
  }
}
