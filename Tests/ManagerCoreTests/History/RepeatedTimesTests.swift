import Protocol
import Testing

@testable import ManagerCore

@Suite struct RepeatedTimesTests {
  @Test func whatOverlapsIsOne() throws {
    var times = RepeatedTimes()
    for (from, through) in [(50, 60), (10, 20), (58, 70), (30, 30), (90, 80), (20, 22)] {
      times.add(from: Int64(from), through: Int64(through))
    }
    let contained = (0...100).filter { times.contains(Int64($0)) }
    #expect(contained == Array(10...22) + Array(50...70))
    let encoded = try CanonicalJSON.encode(times)
    #expect(try CanonicalJSON.decode(RepeatedTimes.self, from: encoded) == times)
    times.add(from: .min, through: .max)
    #expect(times.contains(.min) && times.contains(0) && times.contains(.max))
  }

  /// Against a set of all times, in any order; then far more than are kept apart.
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func allThatWereAddedStayIn(_ seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    var times = RepeatedTimes()
    var added: Set<Int64> = []
    for _ in 0..<60 {
      let from = Int64(random.next() % 2_000)
      let through = from + Int64(random.next() % 20)
      times.add(from: from, through: through)
      if from < through { added.formUnion(from...through) }
    }
    #expect((0...2_100).allSatisfy { times.contains($0) == added.contains($0) })
    var many = RepeatedTimes()
    let starts = (0..<3_000).map { _ in Int64(random.next() % 1_000_000_000) }
    for start in starts { many.add(from: start, through: start + 5) }
    #expect(starts.allSatisfy { many.contains($0) && many.contains($0 + 5) })
    let size = try CanonicalJSON.encode(many).count
    #expect(size < 60_000, "\(size)")
  }
}
