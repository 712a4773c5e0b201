import AgentCore
import Glibc
import NodeAgent
import Platform
import Protocol

extension Measurement {
  /// One cycle of everything that the agent reads and makes of it, up to the bytes that TLS would
  /// get: all collectors, also those that are slower than others, the report, the link.
  static let cycle = Measurement(
    name: "cycle",
    summary:
      "--root DIR [--rounds N] [--chroot yes] [--busy yes]: processor time of a cycle, with --busy of "
      + "targets whose statistics count on in between"
  ) { options in
    var root = try options.text("root")
    if options.text("chroot", or: "no") == "yes" {
      linkThreads(below: root)
      // So that the tree lies at `/`, as a server's files do.
      guard chroot(root) == 0, chdir("/") == 0 else {
        throw BenchFailure("chroot \(root): error \(errno); it needs root")
      }
      root = "/"
    }
    guard let server = ServerID("00000000-0000-4000-8000-000000000001") else { return }
    var cycle = AgentCycle(HostRoot.asMachine(root), server)
    let rounds = try options.number("rounds", or: 200)
    // The first makes the tables and tells everything; the others see what there is and what not.
    try await cycle.run()
    print("series \(cycle.series)")
    for _ in 0..<min(rounds, 30) { try await cycle.run() }
    let isBusy = options.text("busy", or: "no") == "yes"
    let statistics = isBusy ? CountingFiles(below: root) : CountingFiles()
    for _ in 0..<rounds {
      statistics.count()
      let begun = AgentCycle.processorTime()
      try await cycle.run()
      print("cycle_us \(Double(AgentCycle.processorTime() - begun) / 1_000)")
    }
  }
}

/// The runtime looks for its threads in `/proc` and traps when they are not there. They are found by
/// way of a procfs at `.proc`, which holds nothing else that the agent would read.
private func linkThreads(below root: String) {
  for thread in getpid()..<(getpid() + 4_000) {
    symlink("../.proc/\(thread)", "\(root)/proc/\(thread)")
  }
}

/// Files of the stats family, whose counters can be made to count.
private struct CountingFiles {
  private var files: [(path: String, bytes: [UInt8])] = []

  init() {}

  init(below root: String) {
    for top in ["proc/fs/lustre", "sys/fs/lustre", "sys/kernel/debug/lustre"] {
      add(root == "/" ? "/\(top)" : "\(root)/\(top)")
    }
  }

  private mutating func add(_ folder: String) {
    guard let stream = opendir(folder) else { return }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      let path = "\(folder)/\(name)"
      if name == "." || name == ".." { continue }
      if entry.pointee.d_type == UInt8(DT_DIR) { add(path) }
      if name == "stats" || name == "md_stats", let bytes = try? DurableFile.read(path) {
        files.append((path, bytes))
      }
    }
  }

  /// The next digit of the number of each counter, which keeps the file's length.
  func count() {
    for (path, bytes) in files {
      guard let now = try? DurableFile.read(path), now.count == bytes.count,
        let stream = fopen(path, "r+")
      else { continue }
      defer { fclose(stream) }
      let mark = Array(" samples [".utf8)
      var next = now
      for place in next.indices.dropLast(mark.count) where place > 0 {
        guard next[place] == mark[0], next[place..<(place + mark.count)].elementsEqual(mark),
          next[place - 1] &- 0x30 < 10
        else { continue }
        next[place - 1] = next[place - 1] == 0x39 ? 0x30 : next[place - 1] + 1
      }
      fwrite(next, 1, next.count, stream)
    }
  }
}

private struct AgentCycle {
  private let runner: CollectorRunner
  private let source: ContextSource
  private var reporter = CycleReport()
  private var link: AgentLink
  private(set) var series = 0

  init(_ host: HostRoot, _ server: ServerID) {
    source = ContextSource(host)
    // Every collector in every cycle: also those that leave themselves more time.
    runner = CollectorRunner(
      allCollectors.map { [source] in AgentCycle.hurried($0.task(host, source)) })
    link = AgentLink(
      identity: AgentLink.Identity(
        server: server, boot: host.bootID(), incarnation: "bench", hostname: "bench",
        agentVersion: "bench", readsTree: false))
    _ = link.connected(now: Clock.boot(), certificateExpired: false)
    let welcome = Welcome(
      session: "bench", collectMilliseconds: 1_000, durableOrder: 0, renewWithinSeconds: 0)
    _ = link.received(.welcome(welcome), now: Clock.boot())
  }

  /// The same task without any pause.
  private static func hurried(_ task: CollectorTask) -> CollectorTask {
    switch task.work {
    case .whole(let collect): CollectorTask(name: task.name, collect: collect)
    case .units(let list):
      CollectorTask(name: task.name) {
        guard case .units(let units) = list() else { return list() }
        return .units(
          units.map { CollectorUnit(subject: $0.subject, lane: $0.lane, collect: $0.collect) })
      }
    }
  }

  /// Of all threads.
  static func processorTime() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  mutating func run() async throws {
    let stamp = Stamp(bootNanoseconds: Clock.boot(), wallNanoseconds: Clock.wall())
    // As it is with cycles of a second and more.
    source.expire()
    let cycle = await runner.cycle(patience: .seconds(30))
    let report = reporter.make(cycle, now: stamp)
    link.collected(report.ends, samples: report.samples, jobs: report.jobs, stamp: stamp)
    var bytes = 0
    while let frame = link.nextFrame(stamp: stamp) { bytes += frame.encoded().count }
    // The manager would have it now.
    _ = link.received(.acknowledge(order: .max >> 1), now: Clock.boot())
    series = report.samples.count
    guard series > 0, bytes > 0, cycle.stalled.isEmpty else {
      throw BenchFailure("nothing was read, or not all came back")
    }
  }
}
