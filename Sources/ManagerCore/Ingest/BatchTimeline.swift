import Protocol

/// Notices where corrected time runs against the order of a stream's batches: the manager's own clock
/// was set back. What follows lies in the same hours as what came before, and a counter that is
/// followed by time would seem to fall and rise; so its values get a source of their own from there.
package struct BatchTimeline: Sendable {
  private struct Line: Sendable {
    var order: UInt64
    var nanoseconds: Int64
    var mark: UInt64 = 0
  }

  private var lines: [StreamKey: Line] = [:]
  package init() {}

  /// What to combine (exclusive or) with the sources of this batch; 0 as long as no clock was set
  /// back.
  package mutating func mark(
    _ stream: StreamKey, order: UInt64, nanoseconds: Int64
  ) -> UInt64 {
    guard var line = lines[stream] else {
      lines[stream] = Line(order: order, nanoseconds: nanoseconds)
      return 0
    }
    // A batch that fills a hole has its place before those that are here.
    guard order > line.order else { return line.mark }
    if nanoseconds < line.nanoseconds {
      line.mark = Section.digest(of: Array("\(stream.incarnation)|\(order)|\(nanoseconds)".utf8))
    }
    line.order = order
    line.nanoseconds = nanoseconds
    lines[stream] = line
    return line.mark
  }

  /// The server's streams need not be known any more, but for one.
  package mutating func forget(_ server: ServerID, but stream: StreamKey? = nil) {
    lines = lines.filter { $0.key.server != server || $0.key == stream }
  }
}
