import AgentCore
import Platform
import Protocol
import Synchronization

/// What runs, what came back and what follows from it; the threads that read settle it themselves, so
/// that a cycle is handed over once and not for each list.
final class CollectorRounds: Sendable {
  private let state: Mutex<RoundsState>

  init(_ tasks: [CollectorTask]) { state = Mutex(RoundsState(tasks)) }

  /// Nothing waits or runs.
  var isSettled: Bool { state.withLock { $0.isSettled } }

  /// A cycle begins: what is due and not still running.
  func begin(_ board: ReadBoard) -> [ReadBoard.Work] {
    state.withLock { state in
      let more = state.drain(board)
      return more + state.due()
    }
  }

  /// Takes what was done, and posts what follows. True when nothing waits or runs any more.
  func settle(_ board: ReadBoard) -> Bool {
    state.withLock { state in
      let more = state.drain(board)
      if !more.isEmpty { board.add(more) }
      return state.isSettled
    }
  }

  /// The cycle ends, with all that came back since the last.
  func end(_ board: ReadBoard) -> CollectorRunner.Cycle {
    state.withLock { state in
      let more = state.drain(board)
      if !more.isEmpty { board.post(more) }
      return state.end(board)
    }
  }
}

private struct RoundsState {
  /// What is known of one name.
  private final class Seat {
    let name: String
    let lane: ReadBoard.Lane
    /// When its last run began.
    var began: Int64?
    /// Of units, as told with their last run: who hears of it counts on the next one by then.
    var toldPeriod = Duration.zero
    /// Whether it was ever read.
    var isRead = false
    /// What waits for its lane or runs: its id, since when, and its period after the run.
    var run: (id: UInt64, queued: Stamp, period: @Sendable () -> Duration)?

    init(_ name: String, _ lane: ReadBoard.Lane) {
      self.name = name
      self.lane = lane
    }
  }

  /// The units of one collector as last listed.
  private struct Listed {
    var units: [(subject: String, lane: String)] = []
    var seats: [Seat] = []

    func isOf(_ other: [CollectorUnit]) -> Bool {
      units.count == other.count
        && zip(units, other).allSatisfy { $0.subject == $1.subject && $0.lane == $1.lane }
    }
  }

  private let tasks: [(task: CollectorTask, seat: Seat)]
  private var lastID: UInt64 = 0
  /// What waits or runs, by id.
  private var running: [UInt64: Seat] = [:]
  private var listed: [String: Listed] = [:]
  /// Lanes of what is listed.
  private var lanes: [String: ReadBoard.Lane] = [:]
  private var finished: [CollectorRunner.Finished] = []
  /// The places of what finished last time, by name.
  private var order: [(place: Int, name: String)] = []

  init(_ tasks: [CollectorTask]) {
    self.tasks = tasks.map { ($0, Seat($0.name, ReadBoard.Lane())) }
  }

  var isSettled: Bool { running.isEmpty }

  mutating func due() -> [ReadBoard.Work] {
    let now = ReadBoard.stamp()
    var works: [ReadBoard.Work] = []
    for (task, seat) in tasks where seat.run == nil && isDue(seat, task.period, now) {
      let id = begin(seat, now) { task.period }
      works.append(
        ReadBoard.Work(id: id, lane: seat.lane, isReserved: true) {
          switch task.work {
          case .whole(let collect): .answer(collect())
          case .units(let list): .listing(list())
          }
        })
    }
    return works
  }

  mutating func end(_ board: ReadBoard) -> CollectorRunner.Cycle {
    let stalled = stalls(board)
    defer { finished.removeAll(keepingCapacity: true) }
    return CollectorRunner.Cycle(
      finished: sorted(), stalled: stalled.sorted { $0.name < $1.name })
  }

  /// By name; what came back mostly does so in the order in which it did before.
  private mutating func sorted() -> [CollectorRunner.Finished] {
    if order.count == finished.count,
      order.allSatisfy({ finished[$0.place].name == $0.name })
    {
      return order.map { finished[$0.place] }
    }
    order = finished.indices.sorted { finished[$0].name < finished[$1].name }
      .map { ($0, finished[$0].name) }
    return order.map { finished[$0.place] }
  }

  /// What has not come back; and of the lists that came back, those that can not count as complete.
  private mutating func stalls(_ board: ReadBoard) -> [CollectorRunner.Stalled] {
    var stalls = running.values.compactMap { seat in
      seat.run.map { run in
        let began = board.began(run.id)
        return CollectorRunner.Stalled(
          name: seat.name, began: began ?? run.queued,
          reason: began != nil
            ? "its read has not come back" : "it waits for another read that has not come back")
      }
    }
    // A target that was never read may be active here: nobody may take the list for complete.
    for (task, seat) in tasks where seat.run == nil {
      guard let unread = unread(task.name),
        let place = finished.firstIndex(where: { $0.name == task.name })
      else { continue }
      let reason = "\(unread.name) has not been read yet"
      if let run = unread.run {
        finished.remove(at: place)
        let began = board.began(run.id) ?? run.queued
        stalls.append(CollectorRunner.Stalled(name: task.name, began: began, reason: reason))
      } else {
        finished[place].answer = .failed(reason: reason)
      }
    }
    return stalls
  }

  private func unread(_ collector: String) -> Seat? {
    guard let seats = listed[collector]?.seats, !seats.allSatisfy(\.isRead) else { return nil }
    return seats.filter { !$0.isRead }.min { $0.name < $1.name }
  }

  private func isDue(_ seat: Seat, _ period: Duration, _ now: Stamp) -> Bool {
    guard let began = seat.began else { return true }
    // A cycle that begins a little early must not push the run to the next one.
    return now.bootNanoseconds - began >= period.nanoseconds - 50_000_000
  }

  // MARK: Works

  /// Notes that it runs from now on.
  private mutating func begin(
    _ seat: Seat, _ now: Stamp, _ period: @escaping @Sendable () -> Duration
  ) -> UInt64 {
    lastID += 1
    seat.began = now.bootNanoseconds
    seat.run = (lastID, now, period)
    running[lastID] = seat
    return lastID
  }

  /// Takes what was done; lists give more to do.
  mutating func drain(_ board: ReadBoard) -> [ReadBoard.Work] {
    var more: [ReadBoard.Work] = []
    for done in board.takeDone() {
      // What left the list while it was read is no news. And the same name may run anew by now, if its
      // target came back.
      guard let seat = running.removeValue(forKey: done.id) else { continue }
      switch done.outcome {
      case .listing(let listing): more += take(listing, seat, done, board)
      case .answer(let answer): take(answer, seat, done)
      }
    }
    return more
  }

  private mutating func take(
    _ listing: CollectorListing, _ seat: Seat, _ done: ReadBoard.Done, _ board: ReadBoard
  ) -> [ReadBoard.Work] {
    var answer = CollectorAnswer.sampled(Collection())
    var works: [ReadBoard.Work] = []
    switch listing {
    case .failed(let reason): answer = .failed(reason: reason)
    case .notApplicable(let reason):
      answer = .notApplicable(reason: reason)
      keep([], of: seat.name, done.began, board)
    case .units(let units):
      keep(units, of: seat.name, done.began, board)
      works = self.works(units, listed[seat.name]?.seats ?? [])
    }
    take(answer, seat, done)
    return works
  }

  private mutating func works(_ units: [CollectorUnit], _ seats: [Seat]) -> [ReadBoard.Work] {
    let now = ReadBoard.stamp()
    var works: [ReadBoard.Work] = []
    for (unit, seat) in zip(units, seats)
    where seat.run == nil && isDue(seat, min(unit.period(), seat.toldPeriod), now) {
      let id = begin(seat, now, unit.period)
      works.append(
        ReadBoard.Work(id: id, lane: seat.lane, isReserved: false) { .answer(unit.collect()) })
    }
    return works
  }

  /// What is no longer listed is gone, whether or not its last read ever comes back.
  private mutating func keep(
    _ units: [CollectorUnit], of collector: String, _ began: Stamp, _ board: ReadBoard
  ) {
    let before = listed[collector] ?? Listed()
    if before.isOf(units) { return }
    var known = Dictionary(
      before.seats.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var now = Listed()
    var names: Set<String> = []
    for unit in units {
      let name = "\(collector)/\(unit.subject)"
      names.insert(name)
      let seat = known[name] ?? Seat(name, lane(unit.lane))
      known[name] = seat
      now.units.append((unit.subject, unit.lane))
      now.seats.append(seat)
    }
    for (name, seat) in known where !names.contains(name) { drop(seat, began, board) }
    listed[collector] = now
    forgetLanes()
  }

  private mutating func drop(_ seat: Seat, _ began: Stamp, _ board: ReadBoard) {
    if let run = seat.run {
      running[run.id] = nil
      board.withdraw(run.id, in: seat.lane)
    }
    finished.removeAll { $0.name == seat.name }
    finished.append(
      CollectorRunner.Finished(
        name: seat.name, period: .zero, began: began,
        answer: .notApplicable(reason: "it is no longer here"), isGone: true))
  }

  private mutating func lane(_ name: String) -> ReadBoard.Lane {
    if let known = lanes[name] { return known }
    let lane = ReadBoard.Lane()
    lanes[name] = lane
    return lane
  }

  /// One in which a read hangs stays: its target may come back.
  private mutating func forgetLanes() {
    let used = Set(listed.values.flatMap { $0.units.map(\.lane) })
    lanes = lanes.filter { used.contains($0.key) || !$0.value.isEmpty }
  }

  private mutating func take(_ answer: CollectorAnswer, _ seat: Seat, _ done: ReadBoard.Done) {
    let period = seat.run?.period() ?? .zero
    seat.run = nil
    if case .failed = answer {} else { seat.isRead = true }
    seat.toldPeriod = period
    finished.append(
      CollectorRunner.Finished(name: seat.name, period: period, began: done.began, answer: answer))
  }
}
