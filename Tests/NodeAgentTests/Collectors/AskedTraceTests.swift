import AgentCore
import Glibc
import Testing

@testable import NodeAgent

/// What a trace keeps open says at once whatever the path would say.
@Suite struct AskedTraceTests {
  /// A tree whose files stay open as those of procfs do.
  private struct Site {
    let tree: TemporaryTree
    let files: KeptFiles
    let host: HostRoot

    init(limit: Int = 100) throws {
      tree = try TemporaryTree()
      files = KeptFiles(.any, limit: limit)
      host = HostRoot.asMachine(tree.path, keepingIn: files)
    }

    func trace(_ paths: [String]) throws -> AskedTrace {
      AskedTrace(
        ReadTrace(
          accesses: try paths.map {
            .contents(path: $0, bytes: try host.read($0), isKept: true)
          }), host, turn: 0, epoch: host.memory.epoch)
    }

    func trace(_ access: ReadTrace.Access) -> AskedTrace {
      AskedTrace(ReadTrace(accesses: [access]), host, turn: 0, epoch: host.memory.epoch)
    }
  }

  /// Nothing, or the last file's contents.
  private func told(_ trace: AskedTrace, _ host: HostRoot) -> String? {
    switch trace.ask(host, Listings()) {
    case .none: return nil
    case .numbers: return "numbers"
    case .other(let accesses):
      guard case .contents(_, let bytes, _) = accesses.last else { return "other" }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  private func stand(_ trace: AskedTrace, _ host: HostRoot) {
    for _ in 0...AskedTrace.patience { #expect(told(trace, host) == nil) }
  }

  @Test(arguments: [
    "/proc/fs/lustre/x", "/sys/fs/lustre/x", "/proc/sys/lnet/x", "/proc/x",
    "/proc/fs/lustre/job_stats",
  ])
  func whatAnOpenFileSaysIsSeenAtOnce(path: String) throws {
    for (before, after) in [
      ("1\n", "2\n"), ("1\n", "12\n"), ("12\n", "1\n"), ("1\n", ""),
      (String(repeating: "a", count: 2_048), String(repeating: "a", count: 2_049)),
      (String(repeating: "a", count: 2_047), String(repeating: "a", count: 200_000)),
      (String(repeating: "a", count: 9_000), String(repeating: "a", count: 8_999) + "b"),
      (String(repeating: "a", count: 9_000), "a"),
    ] {
      let site = try Site()
      try site.tree.write(path, before)
      let trace = try site.trace([path])
      stand(trace, site.host)
      #expect(site.files.count == 1, "it is open")
      try site.tree.write(path, after)
      #expect(told(trace, site.host) == after)
    }
  }

  @Test func anOrdinaryFileIsNeverTakenForItsPath() throws {
    let tree = try TemporaryTree()
    try tree.write("/proc/fs/lustre/x", "1\n")
    let files = KeptFiles()
    let host = HostRoot.asMachine(tree.path, keepingIn: files)
    let access = ReadTrace.Access.contents(
      path: "/proc/fs/lustre/x", bytes: Array("1\n".utf8), isKept: true)
    let trace = AskedTrace(ReadTrace(accesses: [access]), host, turn: 0, epoch: 0)
    stand(trace, host)
    #expect(files.count == 0)
    try tree.write("/proc/fs/lustre/y", "2\n")
    #expect(rename("\(tree.path)/proc/fs/lustre/y", "\(tree.path)/proc/fs/lustre/x") == 0)
    #expect(told(trace, host) == "2\n")
  }

  /// An entry of procfs that goes away with what it tells of, and comes back under the same path.
  @Test func anEntryThatGoesAndComesIsSeenEachTime() throws {
    let host = HostRoot("/")
    let before = host.memory.files.count
    let file = try OpenFile(path: "/dev/null", O_RDONLY)
    // The last that there is: the lowest free one is given, and no other test gets it meanwhile.
    var limit = rlimit()
    #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
    let number = fcntl(file.number, F_DUPFD_CLOEXEC, Int32(min(limit.rlim_cur, 65_536)) - 1)
    try #require(number >= 0)
    let path = "/proc/self/fdinfo/\(number)"
    let known = try host.read(path)
    let trace = AskedTrace(
      ReadTrace(accesses: [.contents(path: path, bytes: known, isKept: true)]), host, turn: 0,
      epoch: host.memory.epoch)
    stand(trace, host)
    #expect(host.memory.files.count == before + 1)
    let epoch = host.memory.epoch
    close(number)
    #expect(told(trace, host) == "other")
    #expect(host.memory.files.count == before, "what is gone is not kept")
    #expect(host.memory.epoch > epoch, "what was not there is looked for again")
    // It is back, as something else.
    let other = try OpenFile(path: "/dev/null", O_WRONLY | O_APPEND)
    #expect(dup2(other.number, number) == number)
    defer { close(number) }
    let now = String(decoding: try host.read(path), as: UTF8.self)
    #expect(now != String(decoding: known, as: UTF8.self))
    #expect(told(trace, host) == now)
  }

  @Test func aDirectoryOfWhatHasEndedIsGone() throws {
    let host = HostRoot("/")
    var process = pid_t()
    var words = [strdup("sleep"), strdup("60"), nil]
    defer { for word in words { free(word) } }
    #expect(posix_spawnp(&process, "sleep", nil, nil, &words, nil) == 0)
    let path = "/proc/\(process)/task"
    let names = try host.directories(path)
    let trace = AskedTrace(
      ReadTrace(accesses: [.directories(path: path, parent: nil, names: names)]), host, turn: 0,
      epoch: host.memory.epoch)
    stand(trace, host)
    #expect(host.memory.files.count == 1)
    kill(process, SIGKILL)
    waitpid(process, nil, 0)
    #expect(told(trace, host) == "other")
    #expect(host.memory.files.count == 0)
  }

  @Test func whatADirectoryListsIsSeenAtOnce() throws {
    let site = try Site()
    let path = "/proc/fs/lustre/obdfilter"
    try site.tree.directory("\(path)/fs-OST0000")
    let access = ReadTrace.Access.directories(
      path: path, parent: "/proc/fs/lustre", names: ["fs-OST0000"])
    let trace = site.trace(access)
    stand(trace, site.host)
    #expect(site.files.count == 1)
    try site.tree.directory("\(path)/fs-OST0001")
    #expect(told(trace, site.host) == "other")
  }

  /// Unmounted and mounted again between two cycles: the directory that is open lists nothing any more.
  @Test func aDirectoryThatIsMadeAnewIsAskedByItsPath() throws {
    let site = try Site()
    let path = "/proc/fs/lustre/obdfilter"
    try site.tree.directory("\(path)/fs-OST0000")
    let trace = site.trace(.directories(path: path, parent: nil, names: ["fs-OST0000"]))
    stand(trace, site.host)
    #expect(rmdir("\(site.tree.path)\(path)/fs-OST0000") == 0)
    #expect(rmdir("\(site.tree.path)\(path)") == 0)
    try site.tree.directory("\(path)/fs-OST0000")
    stand(trace, site.host)
    #expect(site.files.count == 1, "the new one is open")
    try site.tree.directory("\(path)/fs-OST0001")
    #expect(told(trace, site.host) == "other")
  }

  /// A directory that holds nothing looks as one does that is gone.
  @Test func whatComesIntoAnEmptyDirectoryIsSeenAlsoWhenItIsMadeAnew() throws {
    let site = try Site()
    let path = "/proc/fs/lustre/mdt"
    try site.tree.directory(path)
    let trace = site.trace(.directories(path: path, parent: nil, names: []))
    stand(trace, site.host)
    #expect(site.files.count == 0)
    #expect(rmdir("\(site.tree.path)\(path)") == 0)
    try site.tree.directory("\(path)/fs-MDT0000")
    #expect(told(trace, site.host) == "other")
  }

  @Test func whatAParentDoesNotListIsSeenWhenItComes() throws {
    let site = try Site()
    try site.tree.directory("/proc/fs/lustre/mgs")
    let trace = site.trace(
      .directories(path: "/proc/fs/lustre/mdt", parent: "/proc/fs/lustre", names: nil))
    stand(trace, site.host)
    #expect(site.files.count == 1)
    try site.tree.directory("/proc/fs/lustre/mdt/fs-MDT0000")
    #expect(told(trace, site.host) == "other")
  }

  /// A file that has nothing to say is no sign that something went away.
  @Test func anEmptyFileIsReadByItsPath() throws {
    let site = try Site()
    let path = "/proc/fs/lustre/x"
    try site.tree.write(path, "")
    let epoch = site.host.memory.epoch
    for _ in 0..<3 { #expect(try site.host.readAgain(path).isEmpty) }
    #expect(site.files.count == 0)
    #expect(site.host.memory.epoch == epoch)
    try site.tree.write(path, "1\n")
    for _ in 0..<2 { #expect(try site.host.readAgain(path) == Array("1\n".utf8)) }
    #expect(site.files.count == 1)
    try site.tree.write(path, "")
    for _ in 0..<2 { #expect(try site.host.readAgain(path).isEmpty) }
    #expect(site.host.memory.epoch == epoch + 1)
  }

  @Test func whatIsLookedForEachTimeIsSeenWhenItComes() throws {
    let site = try Site()
    let path = "/sys/fs/lustre/version"
    let access = ReadTrace.Access.absent([path], looks: ReadTrace.absenceTurns)
    let trace = AskedTrace(
      ReadTrace(accesses: [access]), site.host, turn: 0, epoch: site.host.memory.epoch,
      looksAlways: true)
    for _ in 0..<(3 * ReadTrace.absenceTurns) { #expect(told(trace, site.host) == nil) }
    try site.tree.write(path, "2.15.0\n")
    #expect(told(trace, site.host) == "other")
  }

  @Test func noMoreStaysOpenThanMay() throws {
    let site = try Site(limit: 2)
    let paths = (0..<5).map { "/proc/fs/lustre/x\($0)" }
    for path in paths { try site.tree.write(path, "1\n") }
    let trace = try site.trace(paths)
    stand(trace, site.host)
    #expect(site.files.count == 2)
    for path in paths {
      try site.tree.write(path, "2\n")
      #expect(told(trace, site.host) == "2\n")
      try site.tree.write(path, "1\n")
      for _ in 0..<(2 * AskedTrace.patience) { #expect(told(trace, site.host) == nil) }
      #expect(site.files.count <= 2)
    }
  }

  @Test func filesOfClientsLeaveHalfOfTheRoomToOthers() throws {
    let site = try Site(limit: 4)
    let paths = (0..<5).map { "/proc/fs/lustre/mdt/fs-MDT0000/exports/\($0)@tcp/uuid" }
    for path in paths { try site.tree.write(path, "1\n") }
    let trace = AskedTrace(
      ReadTrace(
        accesses: paths.map { .contents(path: $0, bytes: Array("1\n".utf8), isKept: false) }),
      site.host, turn: 0, epoch: site.host.memory.epoch)
    stand(trace, site.host)
    #expect(site.files.count == 2)
    try site.tree.write(paths[0], "2\n")
    #expect(told(trace, site.host) == "2\n")
    #expect(site.files.count == 0)
  }

  @Test func whatIsLetGoIsClosed() throws {
    let site = try Site()
    for place in 0..<3 { try site.tree.write("/proc/fs/lustre/x\(place)", "1\n") }
    do {
      let trace = try site.trace((0..<3).map { "/proc/fs/lustre/x\($0)" })
      stand(trace, site.host)
      #expect(site.files.count == 3)
    }
    #expect(site.files.count == 0)
  }
}
