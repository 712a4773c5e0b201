import Glibc

/// glibc shows it only to programs that ask for GNU extensions. Other than readdir(3) it needs no buffer
/// for each directory.
@_silgen_name("getdents64")
private func getdents64(_ number: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int

/// The entries of an open directory as the kernel writes them (getdents64(2)).
enum OpenDirectory {
  /// Reads all of them from the beginning; how many bytes, or `nil` when it fails or they do not fit. Of
  /// procfs and sysfs alone: other file systems may hand them out in parts.
  static func fill(_ number: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int? {
    guard let start = buffer.baseAddress, lseek(number, 0, SEEK_SET) == 0 else { return nil }
    var held = 0
    while true {
      let count = getdents64(number, start + held, buffer.count - held)
      if count < 0 {
        if errno == EINTR { continue }
        return nil
      }
      held += count
      // The kernel goes on as long as there is room for the longest of names.
      if count == 0 || held + longestBytes <= buffer.count { break }
    }
    clean(UnsafeMutableRawBufferPointer(rebasing: buffer[..<held]))
    return held
  }

  /// The kernel leaves what stands behind a name as it was.
  private static func clean(_ bytes: UnsafeMutableRawBufferPointer) {
    guard let start = bytes.baseAddress else { return }
    var place = 0
    while place + headBytes < bytes.count {
      let length = Int(bytes.loadUnaligned(fromByteOffset: place + 16, as: UInt16.self))
      guard length > headBytes, place + length <= bytes.count else { return }
      let name = start + place + headBytes
      let used = strnlen(name.assumingMemoryBound(to: CChar.self), length - headBytes)
      memset(name + used, 0, length - headBytes - used)
      place += length
    }
  }

  /// Inode, offset, length of the entry, type; the name follows.
  private static let headBytes = 19
  private static let longestBytes = headBytes + 256 + 8

  /// The entries, sorted; `nil` when these are no entries.
  static func entries(_ bytes: UnsafeRawBufferPointer) -> [HostRoot.Entry]? {
    var entries: [HostRoot.Entry] = []
    var place = 0
    while place < bytes.count {
      guard place + headBytes < bytes.count else { return nil }
      let length = Int(bytes.loadUnaligned(fromByteOffset: place + 16, as: UInt16.self))
      guard length > headBytes, place + length <= bytes.count else { return nil }
      let name = UnsafeRawBufferPointer(rebasing: bytes[(place + headBytes)..<(place + length)])
        .prefix { $0 != 0 }
      let text = String(decoding: name, as: UTF8.self)
      if text != "." && text != ".." {
        entries.append(HostRoot.Entry(name: text, type: Int(bytes[place + 18])))
      }
      place += length
    }
    return entries.sorted { $0.name < $1.name }
  }
}

extension HostRoot.Entry {
  init(name: String, type: Int) {
    let isUnsaid = type == Int(DT_UNKNOWN) || type == Int(DT_LNK)
    self.init(name: name, isDirectory: isUnsaid ? nil : type == Int(DT_DIR))
  }
}
