/// Times that the manager's wall clock passed more than once, because it was set back: of two samples with
/// such times nobody knows which one was taken first.
package struct RepeatedTimes: Hashable, Codable, Sendable {
  private struct Span: Hashable, Codable, Sendable {
    var from: Int64
    var through: Int64
  }

  /// More are put together where they lie closest: what lies between them counts as repeated then.
  private static let limit = 1_000

  /// Ascending, apart from each other. Nanoseconds since the epoch.
  private var spans: [Span] = []

  package init() {}

  /// The clock was set back by that much.
  package mutating func add(from: Int64, through: Int64) {
    guard from < through else { return }
    var new = Span(from: from, through: through)
    spans.removeAll { span in
      guard span.from <= new.through, new.from <= span.through else { return false }
      new = Span(from: min(span.from, new.from), through: max(span.through, new.through))
      return true
    }
    spans.insert(new, at: spans.firstIndex { $0.from > new.from } ?? spans.endIndex)
    guard spans.count > Self.limit else { return }
    let closest = spans.indices.dropLast().min { distance(behind: $0) < distance(behind: $1) }
    guard let closest else { return }
    spans[closest].through = spans[closest + 1].through
    spans.remove(at: closest + 1)
  }

  private func distance(behind place: Int) -> UInt64 {
    UInt64(bitPattern: spans[place + 1].from &- spans[place].through)
  }

  package func contains(_ nanoseconds: Int64) -> Bool {
    var (low, high) = (0, spans.count)
    while low < high {
      let middle = (low + high) / 2
      if spans[middle].through < nanoseconds { low = middle + 1 } else { high = middle }
    }
    return low < spans.count && spans[low].from <= nanoseconds
  }
}
