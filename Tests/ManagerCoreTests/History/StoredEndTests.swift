import ManagerCore
import Protocol
import Testing

@Suite struct StoredEndTests {
  private func end(before: UInt64, order: UInt64, from: Int64 = 100, through: Int64 = 900) throws
    -> StoredEnd
  {
    let server = try #require(ServerID("00000000-0000-4000-8000-000000000001"))
    return StoredEnd(
      stream: StreamKey(server: server, boot: BootID("b"), incarnation: "i"), order: order,
      written: order, before: before, from: from, through: through)
  }

  private func block(_ orders: ClosedRange<UInt64>, _ from: Int64, _ through: Int64) -> BlockSpan {
    BlockSpan(orders: orders, from: from, through: through)
  }

  @Test func eachGapHasTheTimesOfWhatIsAroundIt() throws {
    let blocks = [block(50...60, 500, 600), block(11...20, 110, 200)]
    let missing = try end(before: 5, order: 90).missing(among: blocks, reason: "why")
    #expect(missing.map(\.orders) == [6...10, 21...49, 61...90])
    #expect(missing.map(\.afterNanoseconds) == [99, 200, 600])
    #expect(missing.map(\.beforeNanoseconds) == [110, 500, 901])
  }

  @Test func withoutABlockAllOfTheDayIsMissing() throws {
    let missing = try end(before: 0, order: 9).missing(among: [], reason: "why")
    #expect(missing.map(\.orders) == [1...9])
    #expect(missing[0].afterNanoseconds == 99 && missing[0].beforeNanoseconds == 901)
  }

  @Test func whatIsWholeOrAbsurdLacksNothingAndBreaksNothing() throws {
    #expect(try end(before: 0, order: 9).missing(among: [block(1...9, 1, 2)], reason: "").isEmpty)
    #expect(try end(before: 9, order: 9).missing(among: [], reason: "").isEmpty)
    #expect(try end(before: .max, order: 9).missing(among: [], reason: "").isEmpty)
    let odd = try end(before: 0, order: .max, from: .min, through: .max)
      .missing(among: [], reason: "")
    #expect(odd[0].afterNanoseconds == nil && odd[0].beforeNanoseconds == .max)
  }
}
