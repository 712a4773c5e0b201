import Glibc
import ManagerCore
import NIOPosix
import Platform
import Protocol
import Synchronization

/// The frame log's folder: `00000001.log` and on. What changes files runs on a thread of its own,
/// which may wait for the disk as long as it likes; nobody else waits for that thread.
package final class FrameLogFiles: Sendable {
  /// Stops before a step when it says so: a test's way to be killed at each of them.
  package typealias Step = @Sendable (String) throws(DiagnosticError) -> Void

  /// Where the segments lie.
  package let folder: String
  private let step: Step
  private let thread: NIOThreadPool
  /// Segments that this run has begun to write.
  private let begun = Mutex<Set<UInt64>>([])
  /// A segment is some 16 MiB, and at most one write of 32 MiB more.
  private static let readLimit = 256 << 20

  /// - Parameter folder: made when it is not there.
  package init(folder: String, step: @escaping Step = { _ in }) throws(DiagnosticError) {
    self.folder = folder
    self.step = step
    thread = NIOThreadPool(numberOfThreads: 1)
    do throws(FileError) {
      try DurableFile.makeFolder(folder)
    } catch {
      throw Self.failure(folder, "it can not be made: \(error)")
    }
    thread.start()
  }

  deinit { thread.shutdownGracefully { _ in } }

  /// A point that is not a file's: between the store's steps and these.
  package func reach(_ point: String) throws(DiagnosticError) { try step(point) }

  private func path(_ number: UInt64) -> String {
    let digits = String(number)
    return "\(folder)/\(String(repeating: "0", count: max(0, 8 - digits.count)))\(digits).log"
  }

  private static func number(_ name: String) -> UInt64? {
    guard name.hasSuffix(".log"), name.utf8.count >= 12 else { return nil }
    // So that there is always a next one.
    return UInt64(name.dropLast(4)).flatMap { $0 < .max / 2 ? $0 : nil }
  }

  /// The segments there are, ascending.
  package func numbers() throws(DiagnosticError) -> [UInt64] {
    do throws(FileError) {
      return try DurableFile.names(in: folder).compactMap(Self.number).sorted()
    } catch {
      throw Self.failure(folder, "\(error.operation): \(error.text)")
    }
  }

  /// A whole segment.
  package func read(_ number: UInt64) throws(DiagnosticError) -> [UInt8] {
    let path = path(number)
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failed(path, "open") }
    defer { close(descriptor) }
    let size: Int
    do throws(FileError) { size = try DurableFile.size(of: descriptor, path) } catch {
      throw Self.failure(path, "\(error.operation): \(error.text)")
    }
    guard size <= Self.readLimit else {
      throw Self.failure(path, "it has \(size) bytes, which no segment of a frame log has")
    }
    var bytes = [UInt8](repeating: 0, count: size)
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes {
        pread(descriptor, $0.baseAddress?.advanced(by: count), $0.count - count, off_t(count))
      }
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw failed(path, "read") }
      if got == 0 { break }
      count += got
    }
    return Array(bytes[..<count])
  }

  /// Writes and syncs. After an error nothing of it counts, and it may be tried again as it is.
  package func write(_ write: FrameLog.Write) async throws(DiagnosticError) {
    try await run { () throws(DiagnosticError) in try self.writeNow(write) }
  }

  /// Removes segments; one that is not there is fine.
  package func remove(_ numbers: [UInt64]) async throws(DiagnosticError) {
    try await run { () throws(DiagnosticError) in
      for number in numbers {
        try self.step("unlink")
        guard unlink(self.path(number)) == 0 || errno == ENOENT else {
          throw self.failed(self.path(number), "remove")
        }
        self.begun.withLock { _ = $0.remove(number) }
      }
    }
  }

  /// Cuts off what was never synced; a segment of which nothing is left is removed.
  package func cut(_ number: UInt64, to length: Int) throws(DiagnosticError) {
    let path = path(number)
    guard length > 0 else {
      guard unlink(path) == 0 else { throw failed(path, "remove") }
      return
    }
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failed(path, "open") }
    defer { close(descriptor) }
    guard ftruncate(descriptor, off_t(length)) == 0 else { throw failed(path, "cut") }
    guard fsync(descriptor) == 0 else { throw failed(path, "sync") }
  }

  private func writeNow(_ write: FrameLog.Write) throws(DiagnosticError) {
    let path = path(write.segment)
    // Never over one that nobody has read; but what failed may be tried again.
    let isNew = write.offset == 0 && begun.withLock { !$0.contains(write.segment) }
    let creation = isNew ? O_CREAT | O_EXCL : write.offset == 0 ? O_CREAT : 0
    try step("open")
    let descriptor = open(path, O_WRONLY | O_CLOEXEC | creation, 0o600)
    guard descriptor >= 0 else { throw failed(path, "open") }
    defer { close(descriptor) }
    if isNew { begun.withLock { _ = $0.insert(write.segment) } }
    var written = 0
    while written < write.bytes.count {
      try step("write")
      let count = write.bytes[written...].withUnsafeBytes {
        pwrite(descriptor, $0.baseAddress, $0.count, off_t(write.offset + written))
      }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw failed(path, "write") }
      written += count
    }
    try step("sync")
    guard fsync(descriptor) == 0 else { throw failed(path, "sync") }
    if write.offset == 0 { try syncFolder() }
    try step("synced")
  }

  private func syncFolder() throws(DiagnosticError) {
    try step("sync the folder")
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failed(folder, "open") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failed(folder, "sync") }
  }

  private func run(
    _ work: @escaping @Sendable () throws(DiagnosticError) -> Void
  ) async throws(DiagnosticError) {
    let result: Result<Void, DiagnosticError>
    do {
      result = try await thread.runIfActive {
        do throws(DiagnosticError) {
          try work()
          return .success(())
        } catch {
          return .failure(error)
        }
      }
    } catch {
      throw Self.failure(folder, "its thread has ended")
    }
    try result.get()
  }

  private func failed(_ path: String, _ operation: String) -> DiagnosticError {
    Self.failure(path, "\(operation): \(String(cString: strerror(errno)))")
  }

  private static func failure(_ path: String, _ reason: String) -> DiagnosticError {
    DiagnosticError(
      .stateDirectoryUnusable, subject: path, reason: reason,
      remedy: "Make room on the disk, and see that the manager's user owns the state directory.")
  }
}
