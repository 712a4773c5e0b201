import Glibc

/// How a file that stays open is read from its beginning into one buffer.
enum KeptReading {
  /// Read at once: what comes at the first time, if it is short, is all. So it is with parameters of
  /// Lustre and of sysfs, whose records are far shorter than the page that the kernel fills.
  case short
  /// Until nothing comes.
  case whole
  /// The same, one read after the other: the position of some files of LNet counts entries, not bytes.
  case inTurn

  /// Half of the page that the kernel fills at least while it has records.
  private static let shortBytes = 2_048

  init(_ path: String) {
    if path.hasPrefix("/proc/sys/lnet/") {
      self = .inTurn
    } else if path.hasPrefix("/sys/")
      || path.hasPrefix("/proc/fs/lustre/") && !path.hasSuffix("/job_stats")
    {
      self = .short
    } else {
      self = .whole
    }
  }

  /// All that the file says now; how many bytes. `nil` when it fails or does not fit.
  func fill(_ number: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int? {
    guard let start = buffer.baseAddress else { return nil }
    if case .inTurn = self, lseek(number, 0, SEEK_SET) != 0 { return nil }
    var held = 0
    while held < buffer.count {
      let count =
        if case .inTurn = self {
          read(number, start + held, buffer.count - held)
        } else {
          pread(number, start + held, buffer.count - held, off_t(held))
        }
      if count < 0 {
        if errno == EINTR { continue }
        return nil
      }
      if count == 0 { return held }
      held += count
      if case .short = self, held == count, count <= Self.shortBytes { return held }
    }
    return nil
  }

  /// Whether the buffer begins with these bytes.
  static func isEqual(_ bytes: [UInt8], _ buffer: UnsafeMutableRawBufferPointer) -> Bool {
    bytes.withUnsafeBytes { before in
      guard let before = before.baseAddress, let now = buffer.baseAddress else { return true }
      return memcmp(before, now, bytes.count) == 0
    }
  }
}
