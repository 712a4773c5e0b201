import Glibc
import Platform
import Synchronization

/// Files of the kernel that stay open from one cycle to the next: most of what it costs to read a
/// parameter is opening it. Only procfs and sysfs hand a removed entry's open file an error, so only
/// there is a kept file never older than its name; an open file of debugfs would pin its module.
///
/// Whoever reads a file has it for itself meanwhile: a read that hangs holds up nobody else's.
final class KeptFiles: Sendable {
  /// Which file systems' files are kept.
  enum Keeping: Sendable {
    case kernel
    /// Of a tree that stands for a machine.
    case any
  }

  private struct Kept {
    var number: Int32
    /// Boot clock, ns.
    var used: Int64
  }

  private struct State {
    var files: [String: Kept] = [:]
    /// Descriptors that others keep for themselves.
    var lent = 0
    var nextSweep: Int64 = 0
  }

  private let state = Mutex(State())
  private let keeping: Keeping
  /// Of procfs and sysfs, as this process sees them.
  private let kernelDevices: Set<dev_t>
  private let limit: Int
  /// Parameters of a server with a hundred targets; each may cost the kernel a page.
  private static let limit = 4_096
  private static let sweepInterval: Int64 = 60_000_000_000

  init(_ keeping: Keeping = .kernel, limit: Int = KeptFiles.limit) {
    self.keeping = keeping
    kernelDevices = Self.kernelDevices()
    var allowed = rlimit()
    let isKnown = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &allowed) == 0
    // The other half is for links, spool and reads that hang.
    self.limit = isKnown ? Int(min(allowed.rlim_cur / 2, rlim_t(limit))) : 0
  }

  deinit {
    state.withLock { for kept in $0.files.values { close(kept.number) } }
  }

  /// How many are open.
  var count: Int { state.withLock { $0.files.count + $0.lent } }

  /// The open file, at its beginning; the caller owns it now.
  func take(_ path: String) -> OpenFile? {
    guard let kept = state.withLock({ $0.files.removeValue(forKey: path) }) else { return nil }
    let file = OpenFile(owning: kept.number)
    return lseek(file.number, 0, SEEK_SET) == 0 ? file : nil
  }

  /// Keeps the file, if files of its kind are kept.
  func give(_ path: String, _ file: OpenFile, isKnown: Bool) {
    guard isKnown || keeps(file) else { return }
    let now = Clock.boot()
    let number = file.release()
    let dropped = state.withLock { state in
      var dropped = state.nextSweep <= now ? Self.sweep(&state, now) : []
      if state.files.count + state.lent < limit || state.files[path] != nil {
        if let other = state.files.updateValue(Kept(number: number, used: now), forKey: path) {
          dropped.append(other.number)
        }
      } else {
        dropped.append(number)
      }
      return dropped
    }
    for number in dropped { close(number) }
  }

  /// Lets the caller keep the file for itself; `nil` when files of its kind are not kept, or when so many
  /// are open that this one can not stay so. The caller gives the number back.
  ///
  /// - Parameter isMinor: when others need the room more: then half of it is left to them.
  func lend(_ file: OpenFile, isMinor: Bool = false) -> Int32? {
    guard keeps(file) else { return nil }
    let isFree = state.withLock { state in
      guard state.files.count + state.lent < (isMinor ? limit / 2 : limit) else { return false }
      state.lent += 1
      return true
    }
    return isFree ? file.release() : nil
  }

  /// What was lent is closed.
  func takeBack(_ numbers: [Int32]) {
    guard !numbers.isEmpty else { return }
    for number in numbers { close(number) }
    state.withLock { $0.lent -= numbers.count }
  }

  /// What was lent is kept as others are, at its path.
  func takeBack(_ number: Int32, at path: String) {
    state.withLock { $0.lent -= 1 }
    give(path, OpenFile(owning: number), isKnown: true)
  }

  private func keeps(_ file: OpenFile) -> Bool {
    if case .any = keeping { return true }
    var about = stat()
    return fstat(file.number, &about) == 0 && kernelDevices.contains(about.st_dev)
  }

  /// `24 30 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw` (proc_pid_mountinfo(5)).
  private static func kernelDevices() -> Set<dev_t> {
    let path = "/proc/self/mountinfo"
    guard let file = try? OpenFile(path: path, O_RDONLY),
      let bytes = try? HostRoot.contents(of: file, path, HostRoot.readLimit)
    else { return [] }
    var devices: Set<dev_t> = []
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count > 2, let dash = words.firstIndex(of: "-"), dash + 1 < words.endIndex,
        words[dash + 1] == "proc" || words[dash + 1] == "sysfs"
      else { continue }
      let numbers = words[2].split(separator: ":").compactMap { dev_t($0) }
      if numbers.count == 2 { devices.insert(device(major: numbers[0], minor: numbers[1])) }
    }
    return devices
  }

  /// As makedev(3) has it, which is a macro.
  private static func device(major: dev_t, minor: dev_t) -> dev_t {
    minor & 0xff | (major & 0xfff) << 8 | (minor & ~0xff) << 12 | (major & ~0xfff) << 32
  }

  /// What nobody has read for a while is of a target that is gone.
  private static func sweep(_ state: inout State, _ now: Int64) -> [Int32] {
    state.nextSweep = now + sweepInterval
    let old = state.files.filter { now - $0.value.used > 2 * sweepInterval }
    for path in old.keys { state.files[path] = nil }
    return old.values.map(\.number)
  }
}
