import Protocol

/// The last lines of one server, each once although agents send them at least once.
struct LogBuffer: Sendable {
  private struct Cursor: Hashable {
    var origin: String
    var cursor: UInt64
  }

  private(set) var lines: [LogLine] = []
  private var held: Set<Cursor> = []
  /// The highest cursor of each origin that fell out: what is not above it was held before.
  private var evicted: [String: UInt64] = [:]
  /// How many lines, at the front, are of earlier boots.
  private var olderLines = 0

  mutating func append(_ line: LogLine) {
    let cursor = Cursor(origin: line.origin, cursor: line.cursor)
    if let floor = evicted[line.origin], line.cursor <= floor { return }
    guard held.insert(cursor).inserted else { return }
    lines.append(line)
    if lines.count > StateLimits.logLines { evictOldest() }
  }

  private mutating func evictOldest() {
    let line = lines.removeFirst()
    guard olderLines == 0 else {
      olderLines -= 1
      return
    }
    held.remove(Cursor(origin: line.origin, cursor: line.cursor))
    if evicted[line.origin] != nil || evicted.count < StateLimits.logOrigins {
      evicted[line.origin] = max(evicted[line.origin] ?? 0, line.cursor)
    }
  }

  /// A new boot counts its cursors anew; the lines stay to be read.
  mutating func rebooted() {
    held = []
    evicted = [:]
    olderLines = lines.count
  }
}
