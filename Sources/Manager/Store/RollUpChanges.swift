import ManagerCore
import Protocol

/// What was written to a file of roll-ups, or to one of that name: by day and server, as hours are rolled
/// up and days put together.
struct RollUpChanges: Sendable {
  /// Which changes came before something was read.
  struct State: Hashable, Sendable {
    fileprivate var number: Int
  }

  /// Days of which it is known who wrote: those that are written to over and over are few at a time.
  private static let dayLimit = 4

  private struct Writes {
    var last: [String: Int] = [:]
    var newest = 0
  }

  private var newest = 0
  /// What was read before is nothing.
  private var begin = 0
  private var begins: [HistoryDay: Int] = [:]
  private var writes: [HistoryDay: Writes] = [:]

  var state: State { State(number: newest) }

  /// The servers whose day is another one than in that state; `nil`: any may be.
  func written(to day: HistoryDay, since state: State) -> Set<String>? {
    guard state.number >= begin, state.number >= begins[day] ?? 0 else { return nil }
    guard let writes = writes[day], writes.newest > state.number else { return [] }
    return Set(writes.last.lazy.filter { $0.value > state.number }.map(\.key))
  }

  mutating func note(_ day: HistoryDay, of server: ServerID) {
    newest += 1
    writes[day, default: Writes()].newest = newest
    writes[day]?.last[server.text] = newest
    guard writes.count > Self.dayLimit,
      let oldest = writes.min(by: { $0.value.newest < $1.value.newest })
    else { return }
    writes[oldest.key] = nil
    begins[oldest.key] = oldest.value.newest
  }

  /// It is gone, and another may come.
  mutating func noteAll() {
    newest += 1
    begin = newest
    begins = [:]
    writes = [:]
  }
}
