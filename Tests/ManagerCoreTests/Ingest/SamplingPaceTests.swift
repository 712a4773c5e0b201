import ManagerCore
import Protocol
import Testing

@Suite struct SamplingPaceTests {
  private static let second: Int64 = 1_000_000_000

  /// Takes batches at these seconds of the boot clock; the manager's clock is 1,000 s ahead. Gives the pauses
  /// in whole seconds of the boot clock.
  private func pauses(
    _ seconds: [Int64], orders: [UInt64]? = nil, since: Int64? = 0, interval: Int64? = nil,
    earlier: Int64? = nil
  ) throws -> [ClosedRange<Int64>] {
    let life = StreamKey(
      server: try #require(ServerID("00000000-0000-4000-8000-000000000001")), boot: BootID("b"),
      incarnation: "i")
    var pace = SamplingPace(
      since: since.map { Stamp(bootNanoseconds: $0 * Self.second, wallNanoseconds: 0) },
      interval: interval.map { $0 * Self.second },
      earlier: earlier.map {
        LastBatch(stream: life, order: 0, nanoseconds: ($0 + 1_000) * Self.second)
      })
    var found: [ClosedRange<Int64>] = []
    for (place, at) in seconds.enumerated() {
      let pause = pace.take(
        order: orders?[place] ?? UInt64(place + 1),
        stamp: Stamp(bootNanoseconds: at * Self.second, wallNanoseconds: 0),
        nanoseconds: (at + 1_000) * Self.second)
      if let pause {
        found.append(
          (pause.range.lowerBound / Self.second - 1_000)...(pause.range.upperBound / Self.second
            - 1_000))
        #expect(pause.spansRuns == (found.count == 1 && earlier != nil))
      }
    }
    return found
  }

  @Test func aHoleBetweenConsecutiveBatchesIsAPause() throws {
    #expect(try pauses([0, 10, 20, 45, 55]) == [20...45])
    #expect(try pauses([0, 10, 32, 42]) == [], "late, as a busy machine is")
    #expect(try pauses([0, 1, 2, 10, 11, 19, 20]) == [2...10, 11...19])
  }

  @Test func whatIsMissingIsNoPauseButALoss() throws {
    #expect(try pauses([0, 10, 20, 60, 70], orders: [1, 2, 3, 7, 8]) == [])
  }

  @Test func whatWasSampledBeforeIsJudgedByTheIntervalThatTheAgentTells() throws {
    #expect(try pauses([0, 1, 2, 12, 13, 14, 15], since: 12, interval: 1) == [2...12])
    #expect(try pauses([0, 1, 2, 12, 13, 14, 15], since: nil, interval: 1) == [2...12])
    #expect(try pauses([0, 1, 2, 12, 13, 14, 15], since: 12, interval: 10) == [])
  }

  @Test func aPauseThatBeganUnderAnEarlierRunOfTheManagerIsTold() throws {
    #expect(try pauses([20, 21, 22], since: 21, interval: 1, earlier: 2) == [2...20])
    #expect(try pauses([20, 21, 22], since: 21, interval: 10, earlier: 2) == [])
    #expect(
      try pauses([20, 30, 40], since: 21, interval: 1, earlier: 2) == [], "it is as slow now")
    #expect(try pauses([20, 21, 22], since: 21, earlier: 2) == [], "an agent that does not tell")
    #expect(
      try pauses([20, 21, 22], orders: [2, 3, 4], since: 21, interval: 1, earlier: 2) == [],
      "that is a loss")
  }

  /// Clocks that an agent can say, at their ends.
  @Test func noClockIsTooLong() {
    let most = WireLimits.stampNanoseconds - 1
    for interval in [nil, Int64(1)] {
      var pace = SamplingPace(
        since: Stamp(bootNanoseconds: -most, wallNanoseconds: 0), interval: interval, earlier: nil)
      let clocks = [-most, -most, 0, most, most, most]
      let found = clocks.enumerated().compactMap { place, boot in
        pace.take(
          order: UInt64(place + 1), stamp: Stamp(bootNanoseconds: boot, wallNanoseconds: 0),
          nanoseconds: Int64(place))
      }
      #expect(found.isEmpty)
    }
  }

  @Test func whatWasSampledBeforeTheIntervalWasToldIsNotJudged() throws {
    #expect(try pauses([0, 1, 2, 12, 13, 14, 15], since: 12) == [])
    #expect(try pauses([0, 1, 2, 12, 13, 14, 24, 25], since: 12) == [14...24])
  }

  @Test func anotherIntervalIsNoPause() throws {
    #expect(try pauses([0, 60, 120, 121, 122, 123]) == [])
    #expect(try pauses([0, 1, 2, 12, 22, 32]) == [])
    #expect(try pauses([0, 10, 11, 12]) == [], "an agent that was not told an interval yet")
  }
}
