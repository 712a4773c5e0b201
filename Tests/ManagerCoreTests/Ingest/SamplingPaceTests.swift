import ManagerCore
import Protocol
import Testing

@Suite struct SamplingPaceTests {
  private static let second: Int64 = 1_000_000_000

  /// Takes batches at these seconds of the boot clock; the manager's clock is 1,000 s ahead. Gives the pauses
  /// in whole seconds of the boot clock.
  private func pauses(
    _ seconds: [Int64], orders: [UInt64]? = nil, interval: Int64 = 10
  ) throws -> [ClosedRange<Int64>] {
    var pace = SamplingPace()
    let key = try stream("a")
    var found: [ClosedRange<Int64>] = []
    for (place, at) in seconds.enumerated() {
      let pause = pace.take(
        key, order: orders?[place] ?? UInt64(place + 1),
        stamp: Stamp(bootNanoseconds: at * Self.second, wallNanoseconds: 0),
        nanoseconds: (at + 1_000) * Self.second, interval: interval * Self.second)
      if let pause {
        found.append(
          (pause.lowerBound / Self.second - 1_000)...(pause.upperBound / Self.second - 1_000))
      }
    }
    return found
  }

  @Test func aHoleBetweenConsecutiveBatchesIsAPause() throws {
    #expect(try pauses([0, 10, 20, 45, 55]) == [20...45])
    #expect(try pauses([0, 10, 32, 42]) == [], "late, as a busy machine is")
    #expect(try pauses([0, 1, 2, 10, 11], interval: 1) == [2...10])
  }

  @Test func whatIsMissingIsNoPauseButALoss() throws {
    #expect(try pauses([0, 10, 60, 70], orders: [1, 2, 7, 8]) == [])
  }

  @Test func anotherIntervalIsNoPause() throws {
    // The manager asks for one second now; the agent still goes by the minute once.
    #expect(try pauses([0, 60, 120, 121, 122], interval: 1) == [0...60])
    #expect(try pauses([0, 10, 20, 80, 140], interval: 10) == [20...80], "told once, then usual")
  }
}
