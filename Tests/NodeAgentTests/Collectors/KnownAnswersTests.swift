import AgentCore
import Glibc
import Protocol
import Testing

@testable import NodeAgent

/// An agent that does only what has changed tells what one tells that does everything.
@Suite struct KnownAnswersTests {
  private struct Told: Equatable {
    var sections: [Section] = []
    var samples: [Sample] = []
    var leftovers: Set<String> = []
    var failures: Set<String> = []
  }

  private struct Agent {
    let source: ContextSource
    let tasks: [CollectorTask]

    init(_ host: HostRoot) {
      let source = ContextSource(host)
      self.source = source
      // Jobs are told as what they did since the reading before, which a new agent does not know.
      tasks = allCollectors.filter { $0.name != "jobs" }.map { $0.task(host, source) }
    }

    func cycle() -> Told {
      source.expire()
      var told = Told()
      for answer in tasks.flatMap(Self.answers) {
        guard case .sampled(let collection) = answer else { continue }
        told.sections += collection.sections
        told.samples += collection.samples
        told.leftovers.formUnion(collection.leftovers.map { "\($0.source) \($0.text)" })
        told.failures.formUnion(collection.failures.map { "\($0.source) \($0.reason)" })
      }
      return told
    }

    private static func answers(_ task: CollectorTask) -> [CollectorAnswer] {
      switch task.work {
      case .whole(let collect): return [collect()]
      case .units(let list):
        guard case .units(let units) = list() else { return [] }
        return units.map { $0.collect() }
      }
    }
  }

  private static func files(_ tree: TemporaryTree) throws -> [String] {
    var files: [String] = []
    func walk(_ folder: String) throws {
      for entry in try HostRoot(tree.path).entries(folder) {
        let path = folder == "/" ? "/\(entry.name)" : "\(folder)/\(entry.name)"
        if entry.isDirectory == true {
          try walk(path)
        } else if entry.isDirectory == false {
          files.append(path)
        }
      }
    }
    try walk("/")
    return files.sorted()
  }

  /// As long as an absence may be taken for granted, by the trace and by those who look for a file.
  private static let patience = 2 * ReadTrace.absenceTurns

  @Test(arguments: Layout.allCases, 0..<2)
  func whateverChangesIsToldAsANewAgentTellsIt(layout: Layout, seed: Int) async throws {
    let server = try ServerTree(layout)
    let tree = server.tree
    var random = Seeded(
      UInt64(seed) &* 4 &+ UInt64(layout.rawValue.utf8.reduce(0) { $0 &+ Int($1) }))
    let remembering = Agent(HostRoot.asMachine(tree.path))
    var removed: [(path: String, bytes: [UInt8])] = []
    for _ in 0..<12 {
      let path = try #require(try Self.files(tree).randomElement(using: &random))
      let bytes = try HostRoot(tree.path).read(path)
      // What another file says is told at once; what comes and goes, when it is looked for.
      var cycles = 0
      switch Int.random(in: 0..<6, using: &random) {
      case 0:
        try tree.remove(path)
        removed.append((path, bytes))
        cycles = Self.patience
      case 1:
        if let (path, bytes) = removed.popLast() { try tree.write(path, bytes) }
        cycles = Self.patience
      case 2: try tree.write(path, Array(bytes.prefix(bytes.count / 2)))
      case 3:
        let nid = "10.0.0.\(Int.random(in: 2..<250, using: &random))@tcp"
        for root in ["/proc/fs/lustre", "/sys/fs/lustre", "/sys/kernel/debug/lustre"]
        where HostRoot(tree.path).isDirectory("\(root)/obdfilter/fs-1-OST000a/exports") {
          try tree.write("\(root)/obdfilter/fs-1-OST000a/exports/\(nid)/uuid", "a-client\n")
        }
      default:
        // Another digit in many places, and the same length: as counters change.
        let digit = UInt8.random(in: 0x30...0x39, using: &random)
        try tree.write(
          path,
          bytes.map {
            (0x30...0x39).contains($0) && Bool.random(using: &random) ? digit : $0
          })
      }
      for _ in 0..<cycles { _ = remembering.cycle() }
      let fresh = Agent(HostRoot(tree.path)).cycle()
      #expect(remembering.cycle() == fresh, "after \(path)")
      // Other tests share the few threads.
      await Task.yield()
    }
  }

  /// The same with files that stay open, in which whatever changes does so in place.
  @Test(arguments: Layout.allCases, 0..<2)
  func whateverIsWrittenIntoOpenFilesIsTold(layout: Layout, seed: Int) async throws {
    let server = try ServerTree(layout)
    let tree = server.tree
    var random = Seeded(
      UInt64(seed) &* 4 &+ UInt64(layout.rawValue.utf8.reduce(0) { $0 &+ Int($1) }))
    let files = KeptFiles(.any)
    let remembering = Agent(HostRoot.asMachine(tree.path, keepingIn: files))
    for _ in 0..<12 {
      for _ in 0...(AskedTrace.patience + 1) { _ = remembering.cycle() }
      #expect(files.count > 10)
      let path = try #require(try Self.files(tree).randomElement(using: &random))
      let bytes = try HostRoot(tree.path).read(path)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: try tree.write(path, Array(bytes.prefix(bytes.count / 2)))
      case 1: try tree.write(path, bytes + bytes)
      default:
        try tree.write(
          path,
          bytes.flatMap { byte -> [UInt8] in
            guard (0x30...0x39).contains(byte) else { return [byte] }
            let digit = UInt8.random(in: 0x30...0x39, using: &random)
            return Int.random(in: 0..<9, using: &random) == 0 ? [digit, digit] : [digit]
          })
      }
      let fresh = Agent(HostRoot(tree.path)).cycle()
      #expect(remembering.cycle() == fresh, "after \(path)")
      await Task.yield()
    }
  }

  /// Counters that count are followed without doing the work, also when they grow by a digit.
  @Test func countersThatCountAreFollowed() throws {
    let server = try ServerTree(.v215)
    let agent = Agent(HostRoot.asMachine(server.tree.path, keepingIn: KeptFiles(.any)))
    let path = "/proc/fs/lustre/obdfilter/fs-1-OST000a/stats"
    let text = String(decoding: try HostRoot(server.tree.path).read(path), as: UTF8.self)
    for _ in 0..<6 { _ = agent.cycle() }
    for factor in ["7", "12", "", "9"] {
      try server.tree.write(path, text.replacing(" samples", with: "\(factor) samples"))
      #expect(agent.cycle() == Agent(HostRoot(server.tree.path)).cycle())
    }
  }

  @Test func aChangedNumberIsToldAtOnce() throws {
    let server = try ServerTree(.v215)
    let agent = Agent(HostRoot.asMachine(server.tree.path))
    _ = agent.cycle()
    let before = agent.cycle()
    let path = "/sys/fs/lustre/obdfilter/fs-1-OST000a/num_exports"
    try server.tree.write(path, "4711\n")
    let after = agent.cycle()
    #expect(before != after)
    #expect(after == Agent(HostRoot(server.tree.path)).cycle())
  }

  /// The work is done again only when something has changed.
  @Test func workIsLeftOutWhileNothingChanges() throws {
    let tree = try TemporaryTree()
    try tree.write("/proc/a", "1")
    let host = HostRoot.asMachine(tree.path)
    var done = 0
    func ask() -> CollectorAnswer {
      host.memory.answers.answer("x", host, Listings(), facts: 1) { recorder in
        done += 1
        var gathering = Gathering("x", host, recorder: recorder)
        gathering.sample(.load1, gathering.read(path: "/proc/a").map { Int64($0.count) })
        return gathering.answer(orNotApplicable: "nothing")
      }
    }
    for _ in 0..<5 { _ = ask() }
    #expect(done == 1)
    try tree.write("/proc/a", "22")
    var bits: [SampleBits] = []
    if case .sampled(let collection) = ask() { bits = collection.samples.map(\.bits) }
    #expect(done == 2 && bits == [2])
    _ = ask()
    #expect(done == 2)
  }

  @Test func numbersAreFollowedWithoutTheWork() throws {
    let tree = try TemporaryTree()
    try tree.write("/proc/a", "n 5 samples [reqs]\n")
    let host = HostRoot.asMachine(tree.path)
    var done = 0
    func ask() -> [SampleBits] {
      let answer = host.memory.answers.answer("x", host, Listings(), facts: 1) { recorder in
        done += 1
        var gathering = Gathering("x", host, recorder: recorder)
        guard let bytes = gathering.read(path: "/proc/a") else { return .failed(reason: "") }
        var places = StatsPlaces()
        let file = StatsParser.parse(bytes.span, &places).value
        for counter in file.counters {
          gathering.sample(.load1, bits: counter.samples, of: .server)
        }
        gathering.counts(StatsSeries.counted(places, Array(file.counters.indices)))
        return .sampled(gathering.collection)
      }
      guard case .sampled(let collection) = answer else { return [] }
      return collection.samples.map(\.bits)
    }
    #expect(ask() == [5])
    for number: SampleBits in [6, 123, 7, .max, 0] {
      try tree.write("/proc/a", "n \(number) samples [reqs]\n")
      #expect(ask() == [number] && ask() == [number])
    }
    #expect(done == 1)
    try tree.write("/proc/a", "n 5 samples [reqs]\nm 6 samples [reqs]\n")
    #expect(ask() == [5, 6] && done == 2)
  }

  /// A read that fails is tried as if for the first time, each time.
  @Test func whatFailsIsNotRemembered() throws {
    let tree = try TemporaryTree()
    try tree.fifo("/proc/a")
    let host = HostRoot.asMachine(tree.path)
    var done = 0
    for _ in 0..<3 {
      _ = host.memory.answers.answer("x", host, Listings(), facts: 1) { recorder in
        done += 1
        var gathering = Gathering("x", host, recorder: recorder)
        _ = gathering.read(path: "/proc/a")
        return .sampled(gathering.collection)
      }
    }
    #expect(done == 3)
  }
}

private struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed &+ 0x9e37_79b9_7f4a_7c15 }
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
