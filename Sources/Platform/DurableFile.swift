import Glibc

/// A file operation that failed, with the errno's text.
package struct FileError: Error, CustomStringConvertible, Hashable {
  package var path: String
  package var operation: String
  package var errorNumber: Int32

  package init(path: String, operation: String, errorNumber: Int32) {
    self.path = path
    self.operation = operation
    self.errorNumber = errorNumber
  }

  package var description: String {
    "\(path): \(operation): \(text)"
  }
  /// The error number's own.
  package var text: String { String(cString: strerror(errorNumber)) }
  package var isMissing: Bool { errorNumber == ENOENT }
  /// Its user may not do it.
  package var isForbidden: Bool { errorNumber == EACCES || errorNumber == EPERM }
  /// The disk is, or what its user may have of it.
  package var isFull: Bool { errorNumber == ENOSPC || errorNumber == EDQUOT }
}

/// Small files that must survive a power loss, whole or not at all.
package enum DurableFile {
  /// 1 MiB: no file of ours that is read this way is larger than a few kilobytes.
  private static let limit = 1 << 20

  /// A FIFO in a file's place is opened without waiting for somebody to write into it.
  private static let reading = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY

  private static func checkRegular(_ descriptor: Int32, _ path: String) throws(FileError) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(path, "open") }
    if status.st_mode & S_IFMT == S_IFREG { return }
    let isFolder = status.st_mode & S_IFMT == S_IFDIR
    throw FileError(
      path: path, operation: "it is no regular file", errorNumber: isFolder ? EISDIR : EINVAL)
  }

  /// The bytes of an open file.
  ///
  /// - Throws: where it is a folder, a pipe or a device.
  package static func size(of descriptor: Int32, _ path: String) throws(FileError) -> Int {
    try checkRegular(descriptor, path)
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(path, "open") }
    return Int(status.st_size)
  }

  /// Whether others than its owner may read or write it; of a link, what it leads to.
  package static func isOpenToOthers(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & 0o077 != 0
  }

  /// Whether something else than a file is there; a link counts as what it leads to.
  package static func isOther(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
  }

  package static func read(_ path: String) throws(FileError) -> [UInt8] {
    let descriptor = open(path, reading)
    guard descriptor >= 0 else { throw failure(path, "open") }
    defer { close(descriptor) }
    try checkRegular(descriptor, path)
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw failure(path, "read") }
      if count == 0 { return bytes }
      bytes.append(contentsOf: chunk[0..<count])
      guard bytes.count <= limit else {
        throw FileError(path: path, operation: "read", errorNumber: EFBIG)
      }
    }
  }

  /// `nil` where there is no such file.
  package static func readIfPresent(_ path: String) throws(FileError) -> [UInt8]? {
    do throws(FileError) {
      return try read(path)
    } catch {
      if error.isMissing { return nil }
      throw error
    }
  }

  /// Writes beside it, syncs, renames, and syncs the folder: readers see the old or the new.
  package static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600)
    throws(FileError)
  {
    let temporary = "\(path).new.\(getpid())"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw failure(temporary, "open") }
    do throws(FileError) {
      try writeAll(bytes, descriptor, temporary)
      guard fchmod(descriptor, mode) == 0 else { throw failure(temporary, "chmod") }
      guard fsync(descriptor) == 0 else { throw failure(temporary, "sync") }
    } catch {
      close(descriptor)
      unlink(temporary)
      throw error
    }
    close(descriptor)
    guard Glibc.rename(temporary, path) == 0 else {
      let error = failure(path, "rename")
      unlink(temporary)
      throw error
    }
    try syncFolder(of: path)
  }

  package static func remove(_ path: String) throws(FileError) {
    guard unlink(path) == 0 else { throw failure(path, "remove") }
  }

  private static func writeAll(_ bytes: [UInt8], _ descriptor: Int32, _ path: String)
    throws(FileError)
  {
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw failure(path, "write") }
      written += count
    }
  }

  /// Renames a file. The folder is not synced.
  package static func rename(_ from: String, to path: String) throws(FileError) {
    guard Glibc.rename(from, path) == 0 else { throw failure(from, "rename") }
  }

  /// What was made, renamed or removed beside a path is so after a power loss too.
  package static func syncFolder(of path: String) throws(FileError) {
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let descriptor = open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(folder, "open") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure(folder, "sync") }
  }

  /// Makes a folder and its parents; an existing one is fine.
  package static func makeFolder(_ path: String, mode: mode_t = 0o700) throws(FileError) {
    var built = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      built += (built.isEmpty || built.hasSuffix("/") ? "" : "/") + part
      if mkdir(built, mode) != 0 && errno != EEXIST { throw failure(built, "make the folder") }
    }
  }

  /// The names in a folder, in no order. All of them: from a list that a failure cut short one would conclude
  /// that files are gone, and write over them.
  package static func names(in folder: String) throws(FileError) -> [String] {
    guard let directory = opendir(folder) else { throw failure(folder, "open") }
    defer { closedir(directory) }
    var names: [String] = []
    while true {
      // The end is told like a failure, but for this number.
      errno = 0
      guard let entry = readdir(directory) else {
        guard errno == 0 else { throw failure(folder, "list") }
        return names
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
        name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
  }

  /// Reads all of a file, whatever is in it; nothing to do where there is none.
  package static func readThrough(_ path: String) throws(FileError) {
    let descriptor = open(path, reading)
    guard descriptor >= 0 else {
      if errno == ENOENT { return }
      throw failure(path, "read")
    }
    defer { close(descriptor) }
    try checkRegular(descriptor, path)
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = piece.withUnsafeMutableBytes {
        Glibc.read(descriptor, $0.baseAddress, $0.count)
      }
      if count == 0 { return }
      guard count > 0 || errno == EINTR else { throw failure(path, "read") }
    }
  }

  private static func failure(_ path: String, _ operation: String) -> FileError {
    FileError(path: path, operation: operation, errorNumber: errno)
  }
}

/// What the file system says of a path, links not followed.
package struct FileStatus: Hashable, Sendable {
  /// The permission bits.
  package var permissions: mode_t
  package var isSocket: Bool
  /// Not so of a link.
  package var isRegular: Bool
  /// Of its file system; stays when it is renamed.
  package var inode: UInt64
  /// Bytes.
  package var size: Int64
  /// Of its contents; nanoseconds since the epoch.
  package var changed: Int64

  /// Whether nothing is there for certain: not where a disk fails or nobody may look.
  package static func isMissing(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) != 0 && (errno == ENOENT || errno == ENOTDIR)
  }

  /// `nil` where nothing is, or nothing may be seen.
  package init?(path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    permissions = status.st_mode & 0o7777
    inode = UInt64(status.st_ino)
    isSocket = status.st_mode & S_IFMT == S_IFSOCK
    isRegular = status.st_mode & S_IFMT == S_IFREG
    size = Int64(status.st_size)
    changed = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
  }
}
