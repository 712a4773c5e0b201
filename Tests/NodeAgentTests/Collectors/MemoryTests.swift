import AgentCore
import NodeAgent
import Protocol
import Testing

/// What a cycle remembers for the next must never show: a later cycle tells what a fresh agent would.
@Suite struct MemoryTests {
  private static let target = "/obdfilter/fs-OST0000"

  private static func tree() throws -> TemporaryTree {
    let tree = try TemporaryTree()
    try tree.write("/sys/fs/lustre/version", "2.15.5\n")
    try tree.write("/proc/fs/lustre\(target)/uuid", "fs-OST0000_UUID\n")
    try tree.write("/proc/fs/lustre\(target)/num_exports", "7\n")
    return tree
  }

  private static func collect(_ tasks: [CollectorTask]) -> (sections: [Section], samples: [Sample])
  {
    var found: (sections: [Section], samples: [Sample]) = ([], [])
    for case .sampled(let collection) in tasks.flatMap(answers) {
      found.sections += collection.sections
      found.samples += collection.samples
    }
    return found
  }

  private static func answers(_ task: CollectorTask) -> [CollectorAnswer] {
    switch task.work {
    case .whole(let collect): return [collect()]
    case .units(let list):
      guard case .units(let units) = list() else { return [] }
      return units.map { $0.collect() }
    }
  }

  /// The agent that has seen the tree before, and one that has not.
  private static func expectEqual(_ tasks: [CollectorTask], _ tree: TemporaryTree) -> [Sample] {
    let (sections, samples) = collect(tasks)
    let fresh = collect(CollectorTask.all(reading: HostRoot(tree.path)))
    #expect(sections == fresh.sections)
    #expect(samples == fresh.samples)
    return samples
  }

  private static func exports(_ samples: [Sample]) -> [SampleBits] {
    samples.filter { $0.declaration.key.metric == Metric.exports.name }.map(\.bits)
  }

  @Test func aParameterThatMovesToAnotherRootIsFoundThere() throws {
    let tree = try Self.tree()
    let tasks = CollectorTask.all(reading: HostRoot(tree.path))
    #expect(Self.exports(Self.expectEqual(tasks, tree)) == [7])
    try tree.write("/proc/fs/lustre\(Self.target)/num_exports", "8\n")
    #expect(Self.exports(Self.expectEqual(tasks, tree)) == [8])
    try tree.remove("/proc/fs/lustre\(Self.target)/num_exports")
    try tree.write("/sys/fs/lustre\(Self.target)/num_exports", "9\n")
    #expect(Self.exports(Self.expectEqual(tasks, tree)) == [9])
    try tree.remove("/sys/fs/lustre\(Self.target)/num_exports")
    #expect(Self.exports(Self.expectEqual(tasks, tree)) == [])
    try tree.write("/proc/fs/lustre\(Self.target)/num_exports", "10\n")
    #expect(Self.exports(Self.expectEqual(tasks, tree)) == [10])
  }

  @Test func aParameterThatCanNoLongerBeReadIsAFailureOnce() throws {
    let tree = try Self.tree()
    let host = HostRoot(tree.path)
    let collector = try #require(CollectorTask.all(reading: host).first { $0.name == "ost" })
    _ = Self.answers(collector)
    try tree.remove("/proc/fs/lustre\(Self.target)/num_exports")
    try tree.fifo("/proc/fs/lustre\(Self.target)/num_exports")
    let answer = try #require(Self.answers(collector).first)
    guard case .sampled(let collection) = answer else {
      Issue.record("nothing was sampled")
      return
    }
    #expect(collection.failures.map(\.source) == ["obdfilter.fs-OST0000.num_exports"])
  }

  @Test func aSectionThatChangesIsToldAsItIsNow() throws {
    let tree = try Self.tree()
    let tasks = CollectorTask.all(reading: HostRoot(tree.path))
    _ = Self.expectEqual(tasks, tree)
    try tree.write("/proc/fs/lustre\(Self.target)/uuid", "other_UUID\n")
    _ = Self.expectEqual(tasks, tree)
    try tree.write("/proc/fs/lustre\(Self.target)/uuid", "fs-OST0000_UUID\n")
    _ = Self.expectEqual(tasks, tree)
  }
}
