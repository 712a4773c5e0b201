import Glibc
import Synchronization

/// A directory that stays open, and its listing as the kernel wrote it. It counts as unchanged only while
/// it lists the very same bytes; one that is gone lists nothing, so one that holds nothing is never kept.
final class KeptDirectory: Sendable {
  private struct State {
    var isGone = false
    /// The number of the `Listings` for which it was last listed.
    var listed: UInt64
  }

  private let state: Mutex<State>
  private let number: Int32
  private let raw: [UInt8]
  private let files: KeptFiles

  fileprivate init(_ number: Int32, _ raw: [UInt8], _ files: KeptFiles, listed: UInt64) {
    self.number = number
    self.raw = raw
    self.files = files
    state = Mutex(State(listed: listed))
  }

  deinit { files.takeBack([number]) }

  var bytes: Int { raw.count }

  /// `nil` when it can not be told without looking further.
  var entries: [HostRoot.Entry]? { raw.withUnsafeBytes { OpenDirectory.entries($0) } }

  /// Whether it lists what it did when it was opened; listed once for all who ask for the same
  /// `Listings`. False while somebody else lists it, since that may hang.
  func isUnchanged(_ listings: Listings, _ buffer: UnsafeMutableRawBufferPointer) -> Bool {
    state.withLockIfAvailable { state in
      if state.isGone { return false }
      if state.listed == listings.number { return true }
      guard let count = OpenDirectory.fill(number, buffer), count == raw.count,
        KeptReading.isEqual(raw, buffer)
      else {
        state.isGone = true
        return false
      }
      state.listed = listings.number
      return true
    } ?? false
  }

  var isGone: Bool { state.withLockIfAvailable { $0.isGone } ?? true }
}

/// The directories of procfs and sysfs that somebody keeps open, each once.
final class KeptDirectories: Sendable {
  private struct Known { weak var directory: KeptDirectory? }
  private let known = Mutex<[String: Known]>([:])
  /// One of more entries is listed anew each time.
  private static let byteLimit = 16 << 10

  init() {}

  /// The directory, open, as it is now. `nil` when it is not one that is kept, or not there.
  func directory(
    _ path: String, _ host: HostRoot, _ listings: Listings, _ buffer: UnsafeMutableRawBufferPointer
  ) -> KeptDirectory? {
    guard host.mayStayOpen(path) else { return nil }
    if let kept = known.withLock({ $0[path]?.directory }), kept.isUnchanged(listings, buffer) {
      return kept
    }
    guard let file = try? host.open(path, O_RDONLY | O_DIRECTORY),
      let count = OpenDirectory.fill(file.number, buffer), count <= Self.byteLimit,
      let number = host.memory.files.lend(file)
    else { return nil }
    let raw = [UInt8](UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
    let new = KeptDirectory(number, raw, host.memory.files, listed: listings.number)
    // One that is gone lists nothing, as this one does.
    guard let entries = new.entries, !entries.isEmpty else { return nil }
    known.withLock { known in
      known = known.filter { $0.value.directory != nil }
      known[path] = Known(directory: new)
    }
    return new
  }
}
