import Glibc
@testable import NodeAgent
import Protocol
import Testing

@Suite struct HostRootTests {
  private func error(_ body: () throws -> Void) -> HostError? {
    do {
      try body()
      return nil
    } catch { return error as? HostError }
  }

  @Test func filesAreReadWholeWhateverTheirSize() throws {
    let tree = try TemporaryTree()
    for size in [0, 1, 4_095, 4_096, 4_097, 100_000, 262_144, 262_145, 1_000_000] {
      let bytes = (0..<size).map { UInt8($0 & 0xff) }
      try tree.write("/f", bytes)
      #expect(try HostRoot(tree.path).read("/f") == bytes)
    }
  }

  @Test func filesOfTheKernelSayTheirSizeIsZeroAndAreRead() throws {
    let text = try HostRoot("/").read("/proc/self/status")
    #expect(text.count > 100)
  }

  @Test func aFileAboveTheLimitIsRefused() throws {
    let tree = try TemporaryTree()
    try tree.write("/f", [UInt8](repeating: 1, count: 5_000))
    let root = HostRoot(tree.path)
    #expect(error { _ = try root.read("/f", limit: 4_999) } == .tooLarge(path: "/f", limit: 4_999))
    #expect(try root.read("/f", limit: 5_000).count == 5_000)
  }

  /// In LNet's `nis` and `peers` the position counts entries: only reading on gives all of them.
  @Test func filesAreReadOnAndNotByOffset() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    let text = [UInt8]("nid status\n".utf8)
    #expect(write(ends[1], text, text.count) == text.count)
    close(ends[1])
    let file = OpenFile(owning: ends[0])
    #expect(try HostRoot.contents(of: file, "nis", 100) == text)
  }

  @Test func nothingIsReadBeyondTheLimit() throws {
    let tree = try TemporaryTree()
    try tree.write("/f", [UInt8](repeating: 1, count: 2_000_000))
    for limit in [0, 100, 4_096, 10_000, 60_000, 262_143, 262_144, 1_000_000] {
      let file = try HostRoot(tree.path).openFile("/f")
      let own = try Self.bytesReadByThisThread()
      let begin = try Self.bytesReadByThisThread()
      #expect(
        error { _ = try HostRoot.contents(of: file, "/f", limit) }
          == .tooLarge(path: "/f", limit: limit))
      let read = try Self.bytesReadByThisThread() - begin - (begin - own)
      // The kernel's own numbers may have grown by a few digits.
      #expect(abs(read - (limit + 1)) < 16)
    }
  }

  /// `rchar` of proc_pid_io(5), which counts the bytes of this reading too.
  private static func bytesReadByThisThread() throws -> Int {
    let text = String(
      decoding: try HostRoot("/").read("/proc/thread-self/io"), as: UTF8.self)
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("rchar: ") })
    return try #require(Int(line.dropFirst(7)))
  }

  @Test func absenceIsToldFromFailure() throws {
    let tree = try TemporaryTree()
    try tree.write("/dir/f", "x")
    let root = HostRoot(tree.path)
    #expect(error { _ = try root.read("/none") }?.isAbsence == true)
    #expect(error { _ = try root.read("/dir/f/deeper") }?.isAbsence == true)
    #expect(error { _ = try root.list("/none") }?.reason == "no such file or directory (ENOENT)")
    let directory = error { _ = try root.read("/dir") }
    #expect(directory?.isAbsence == false && directory?.reason == "is a directory (EISDIR)")
    #expect(!root.exists("/none") && root.exists("/dir/f") && root.isDirectory("/dir"))
    #expect(!root.isDirectory("/dir/f"))
  }

  @Test(arguments: ["/../etc/passwd", "/a/../../etc", "..", "/dir/.."])
  func dotDotIsRefused(path: String) throws {
    let tree = try TemporaryTree()
    try tree.directory("/dir")
    #expect(error { _ = try HostRoot(tree.path).read(path) } == .outsideRoot(path: path))
    #expect(error { _ = try HostRoot("/").read(path) } == .outsideRoot(path: path))
  }

  @Test func linksStayBelowTheRoot() throws {
    let tree = try TemporaryTree()
    try tree.write("/etc/passwd", "of the tree")
    try tree.link("/absolute", to: "/etc/passwd")
    try tree.link("/dir/up", to: "../etc/passwd")
    try tree.link("/climbing", to: "../../../../../../etc/passwd")
    try tree.link("/dir/climbing", to: "../../etc/passwd")
    try tree.link("/loop", to: "loop")
    try tree.link("/outside", to: "/etc/shadow")
    try tree.link("/etc2", to: "/etc")
    let root = HostRoot(tree.path)
    #expect(try root.read("/absolute") == Array("of the tree".utf8), "the tree's own /etc")
    #expect(try root.read("/dir/up") == Array("of the tree".utf8))
    #expect(try root.read("/etc2/passwd") == Array("of the tree".utf8))
    #expect(error { _ = try root.read("/climbing") } == .outsideRoot(path: "/climbing"))
    #expect(error { _ = try root.read("/dir/climbing") } == .outsideRoot(path: "/dir/climbing"))
    #expect(error { _ = try root.read("/loop") }?.reason == "too many symbolic links (ELOOP)")
    #expect(error { _ = try root.read("/outside") }?.isAbsence == true)
    #expect(try root.list("/etc2") == ["passwd"])
  }

  @Test func whatCouldBlockIsNotOpened() throws {
    let tree = try TemporaryTree()
    try tree.fifo("/fifo")
    #expect(error { _ = try HostRoot(tree.path).read("/fifo") } == .notAFile(path: "/fifo"))
  }

  @Test func directoriesIncludeLinksToThemAndNoFiles() throws {
    let tree = try TemporaryTree()
    try tree.directory("/d/b")
    try tree.directory("/d/a")
    try tree.write("/d/file", "")
    try tree.link("/d/link", to: "a")
    try tree.link("/d/broken", to: "nowhere")
    let root = HostRoot(tree.path)
    #expect(try root.directories("/d") == ["a", "b", "link"])
    #expect(try root.list("/d") == ["a", "b", "broken", "file", "link"])
  }

  @Test func aMissingRootIsAnAbsence() {
    #expect(error { _ = try HostRoot("/nonexistent-root").read("/x") }?.isAbsence == true)
  }

  @Test func onlySlashIsTheMachine() {
    #expect(HostRoot("/").isLive && HostRoot("//").isLive && !HostRoot("/tmp/").isLive)
    #expect(HostRoot("/tmp/").root == "/tmp")
  }

  @Test func bootIDOfATreeIsStableAndPlainlyNone() throws {
    let tree = try TemporaryTree()
    let other = try TemporaryTree()
    let id = HostRoot(tree.path).bootID()
    #expect(id.text.hasPrefix("tree:") && id.text.count == 21)
    #expect(id == HostRoot(tree.path + "/").bootID())
    #expect(id != HostRoot(other.path).bootID())
    try tree.write("/proc/sys/kernel/random/boot_id", "0f2c\n")
    #expect(HostRoot(tree.path).bootID() == BootID("0f2c"))
  }

  @Test func clocksAdvance() {
    let clock = HostClock()
    let first = clock.now()
    let second = clock.now()
    #expect(first.bootNanoseconds > 0 && second.bootNanoseconds >= first.bootNanoseconds)
    #expect(first.wallNanoseconds > 1_600_000_000_000_000_000)
  }

  @Test func noDescriptorIsLeftOpen() throws {
    let tree = try TemporaryTree()
    try tree.write("/a/b/c", "x")
    try tree.link("/l", to: "a/b/c")
    let root = HostRoot(tree.path)
    // Other tests open files at the same time, so this compares with a leak's size, not with zero.
    let before = try HostRoot("/").list("/proc/self/fd").count
    for _ in 0..<2_000 {
      _ = try? root.read("/l")
      _ = try? root.list("/a")
      _ = try? root.read("/none/deeper")
    }
    #expect(try HostRoot("/").list("/proc/self/fd").count < before + 500)
  }

  @Test(arguments: [
    ("/proc/fs/lustre/obdfilter/a/stats", true), ("/sys/fs/lustre/version", true),
    ("/sys/kernel/debug/lustre/devices", false), ("/sys/kernel/debug", false),
    // An interface may get another's name, and an open file would go on with its own.
    ("/sys/class/net/eth0/address", false), ("/sys/class/net", false), ("/etc/hostname", false),
  ])
  func onlyFilesThatEndWithTheirNameStayOpen(path: String, mayStay: Bool) {
    #expect(HostRoot("/").mayStayOpen(path) == mayStay)
    #expect(!HostRoot("/tmp").mayStayOpen(path))
  }
}
