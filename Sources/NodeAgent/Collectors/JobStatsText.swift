/// What a small `job_stats` said in its last readings: while it says the same, byte for byte, there is
/// nothing in it to look for.
struct JobStatsText: Sendable {
  /// A server of twenty targets keeps less than a MiB.
  static let limit = 32 << 10

  enum Reading {
    /// All of it lies in the buffer, so many bytes; equal, when the last two readings said the same.
    case said(Int, isEqual: Bool)
    /// It is to be read in pieces.
    case unknown
  }

  private var last: [UInt8] = []
  /// Readings in turn that said the same as the one before.
  private var repeats = 0
  private var isLarge = false

  /// Nothing is known of it, or that it is large.
  var isUnknown: Bool { last.isEmpty }

  /// What the file says, read at once. It stays open where it may.
  mutating func read(_ path: String, _ host: HostRoot, _ buffer: inout [UInt8]) -> Reading {
    guard host.remembers, !isLarge else { return .unknown }
    guard let file = host.memory.files.take(path) ?? (try? host.openFile(path)) else {
      self = JobStatsText()
      return .unknown
    }
    let count = buffer.withUnsafeMutableBytes { buffer in
      KeptReading.whole.fill(file.number, .init(rebasing: buffer[..<Self.limit]))
    }
    // Empty, it may be of a target that is gone.
    guard let count, count > 0 else {
      self = JobStatsText()
      return .unknown
    }
    if host.mayStayOpen(path) { host.memory.files.give(path, file, isKnown: false) }
    let isSame = buffer.withUnsafeMutableBytes { buffer in
      count == last.count && KeptReading.isEqual(last, buffer)
    }
    repeats = isSame ? repeats + 1 : 0
    if !isSame { last = Array(buffer[..<count]) }
    return .said(count, isEqual: repeats >= 2)
  }

  /// It was read in pieces instead.
  mutating func streamed(_ bytes: Int) {
    self = JobStatsText()
    isLarge = bytes > Self.limit / 2
  }
}
