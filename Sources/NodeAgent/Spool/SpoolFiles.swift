import AgentCore
import Glibc
import Platform
import Protocol
import Synchronization

/// The spool's folder: `NUMBER.segment` files, and a lock that keeps a second agent out. Every call
/// may hang as long as the disk does; nothing but its own thread waits for it.
package final class SpoolFiles: Sendable {
  /// Stops before a step when it says so: a test's way to be killed at each of them.
  package typealias Step = @Sendable (String) throws -> Void

  private let folder: String
  private let step: Step
  private let lock = Mutex<FileLock?>(nil)
  /// Segments that this life has begun to write.
  private let begun = Mutex<Set<UInt64>>([])
  private static let scanBytes = 64 << 10

  package init(folder: String, step: @escaping Step = { _ in }) {
    self.folder = folder
    self.step = step
  }

  /// Leaves the spool to the next agent; nothing is done with it after that.
  package func release() {
    lock.withLock { $0 = nil }
  }

  package func perform(_ work: SpoolWork) -> SpoolAnswer {
    do {
      switch work {
      case .open: return .opened(try open())
      case .write(let number, let offset, let bytes):
        try write(number, offset, bytes)
        return .done
      case .remove(let numbers):
        try remove(numbers)
        return .done
      case .read(let number, let offset, let length):
        return .read(try read(number, offset, length))
      }
    } catch {
      return .failed(reason: "\(error)")
    }
  }

  private func path(_ number: UInt64) -> String { "\(folder)/\(Self.name(number))" }

  private static func name(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return "\(String(repeating: "0", count: max(0, 16 - digits.count)))\(digits).segment"
  }

  private static func number(_ name: String) -> UInt64? {
    guard name.hasSuffix(".segment"), name.utf8.count == 24 else { return nil }
    // So that there is always a next one; and each number is one file, however else it can be written.
    return UInt64(name.prefix(16), radix: 16)
      .flatMap { $0 < .max / 2 && Self.name($0) == name ? $0 : nil }
  }

  private func failure(_ path: String, _ operation: String) -> FileError {
    FileError(path: path, operation: operation, errorNumber: errno)
  }

  // MARK: Opening

  private func open() throws -> [SegmentScan.Outcome] {
    try step("make the folder")
    try DurableFile.makeFolder(folder)
    try takeLock()
    return try DurableFile.names(in: folder).compactMap(Self.number).sorted().map(scan)
  }

  private func takeLock() throws {
    try lock.withLock { held in
      guard held == nil else { return }
      do throws(FileLock.Refusal) {
        held = try FileLock("\(folder)/lock", .silent)
      } catch {
        switch error {
        case .held: throw SpoolTaken(folder: folder)
        case .unusable(let failure): throw failure
        }
      }
    }
  }

  private func scan(_ number: UInt64) throws -> SegmentScan.Outcome {
    if DurableFile.isOther(path(number)) { return .noFile(number: number) }
    let descriptor = Glibc.open(path(number), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure(path(number), "open") }
    defer { close(descriptor) }
    var scan = SegmentScan(number: number)
    var offset = 0
    while true {
      let bytes = try read(descriptor, path(number), offset, Self.scanBytes)
      if bytes.isEmpty { return scan.finished() }
      scan.feed(bytes)
      offset += bytes.count
    }
  }

  // MARK: Reading and writing

  private func read(_ number: UInt64, _ offset: Int, _ length: Int) throws -> [UInt8] {
    let descriptor = Glibc.open(path(number), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure(path(number), "open") }
    defer { close(descriptor) }
    return try read(descriptor, path(number), offset, length)
  }

  private func read(_ descriptor: Int32, _ path: String, _ offset: Int, _ length: Int) throws
    -> [UInt8]
  {
    var bytes = [UInt8](repeating: 0, count: length)
    while true {
      let count = bytes.withUnsafeMutableBytes {
        pread(descriptor, $0.baseAddress, $0.count, off_t(offset))
      }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw failure(path, "read") }
      return Array(bytes[..<count])
    }
  }

  private func write(_ number: UInt64, _ offset: Int, _ bytes: [UInt8]) throws {
    let path = path(number)
    // Never over one that nobody has read; but what failed may be tried again.
    let isNew = offset == 0 && begun.withLock { !$0.contains(number) }
    let creation = isNew ? O_CREAT | O_EXCL : offset == 0 ? O_CREAT | O_TRUNC : 0
    try step("open")
    let descriptor = Glibc.open(path, O_WRONLY | O_CLOEXEC | creation, 0o600)
    guard descriptor >= 0 else { throw failure(path, "open") }
    defer { close(descriptor) }
    if isNew { begun.withLock { _ = $0.insert(number) } }
    do {
      try writeAll(descriptor, path, offset, bytes)
      try step("sync")
      guard fsync(descriptor) == 0 else { throw failure(path, "sync") }
      if offset == 0 { try syncFolder() }
    } catch {
      // As it was before, where that can be had: nothing of this write counts.
      try step("undo")
      if offset == 0 { unlink(path) } else { ftruncate(descriptor, off_t(offset)) }
      throw error
    }
  }

  private func writeAll(_ descriptor: Int32, _ path: String, _ offset: Int, _ bytes: [UInt8])
    throws
  {
    var written = 0
    while written < bytes.count {
      try step("write")
      let count = bytes[written...].withUnsafeBytes {
        pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset + written))
      }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw failure(path, "write") }
      written += count
    }
  }

  private func remove(_ numbers: [UInt64]) throws {
    for number in numbers {
      try step("remove")
      guard unlink(path(number)) == 0 || errno == ENOENT else {
        throw failure(path(number), "remove")
      }
      begun.withLock { _ = $0.remove(number) }
    }
  }

  private func syncFolder() throws {
    try step("sync the folder")
    let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(folder, "open") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure(folder, "sync") }
  }
}

/// Another process has the folder's lock.
private struct SpoolTaken: Error, CustomStringConvertible {
  var folder: String
  var description: String { "\(folder): another agent uses this spool" }
}
