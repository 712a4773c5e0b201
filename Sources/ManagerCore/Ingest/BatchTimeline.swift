import Protocol

/// Gives each batch the stretch of its life (`LifeSource`), so that within a stretch what was sampled later
/// has a later time. By itself that would not hold: the manager's own clock may be set, and a batch that
/// waited in a spool gets its time from the clock of when it comes. A counter that is followed by time
/// would then seem to fall and rise.
///
/// What was sampled first is told by the clock since the boot, over all lives of the agent's process.
package struct BatchTimeline: Sendable {
  /// What was sampled in one sequence with one distance between the clocks. There may be holes in it.
  package struct Piece: Hashable, Codable, Sendable {
    /// A moment by the machine's clock since its boot and by the manager's, in nanoseconds.
    package struct Instant: Hashable, Codable, Sendable {
      package var boot: Int64
      package var wall: Int64

      package init(boot: Int64, wall: Int64) {
        self.boot = boot
        self.wall = wall
      }
    }

    package var stretch: UInt16
    package var from: Instant
    package var through: Instant
    /// It is several, of which nobody knows any more where one ended.
    package var isMixed = false

    package init(stretch: UInt16, from: Instant, through: Instant) {
      self.stretch = stretch
      self.from = from
      self.through = through
    }

    /// What a clock model bends time by again and again; well below the time between two samples.
    private static let tolerance = UInt64(5 * ClockModel.tolerance)

    fileprivate func agrees(with instant: Instant) -> Bool {
      !isMixed && distance(to: instant).magnitude <= Piece.tolerance
    }

    /// The clock was set back by more than half of the time between the two: what was counted in that time would
    /// seem to be counted in no time at all.
    fileprivate static func isSqueezed(_ before: Instant, _ after: Instant) -> Bool {
      let (boot, wall) = (
        after.boot.boundedMinus(before.boot), after.wall.boundedMinus(before.wall)
      )
      return boot.boundedMinus(wall) > ClockModel.tolerance && wall < boot / 2
    }

    /// By how much the manager's clock was set since.
    fileprivate func distance(to instant: Instant) -> Int64 {
      instant.wall.boundedMinus(instant.boot).boundedMinus(from.wall.boundedMinus(from.boot))
    }
  }

  /// A server's boots, for the next manager.
  package struct Record: Hashable, Codable, Sendable {
    package var server: ServerID
    package var boots: [String: [Piece]]

    package init(server: ServerID, boots: [String: [Piece]]) {
      self.server = server
      self.boots = boots
    }
  }

  private var lines: [ServerID: [BootID: Line]] = [:]
  private var changed: Set<ServerID> = []

  /// - Parameter last: the newest batch of each server that an earlier manager took, by its time.
  package init(_ records: [Record] = [], last: [ServerID: LastBatch] = [:]) {
    for record in records {
      for (boot, pieces) in record.boots {
        let last = last[record.server].flatMap { $0.stream.boot.text == boot ? $0 : nil }
        lines[record.server, default: [:]][BootID(boot)] = Line(pieces, end: last?.nanoseconds)
      }
    }
  }

  /// - Parameters:
  ///   - boot: when it was sampled, by the clock since the machine's boot.
  ///   - nanoseconds: the same by the manager's clock, as it is stored.
  ///   - isAhead: of some that were sampled before it and are still to come.
  package mutating func stretch(
    _ stream: StreamKey, boot: Int64, nanoseconds: Int64, isAhead: Bool = false
  ) -> UInt16 {
    let instant = Piece.Instant(boot: boot, wall: nanoseconds)
    let (stretch, isNew) = lines[stream.server, default: [:]][stream.boot, default: Line()]
      .take(instant, isAhead: isAhead)
    if isNew { changed.insert(stream.server) }
    return stretch
  }

  /// The server can send nothing of other boots any more.
  package mutating func forget(_ server: ServerID, but boots: Set<BootID> = []) {
    guard let known = lines[server] else { return }
    let kept = known.filter { boots.contains($0.key) }
    lines[server] = kept.isEmpty ? nil : kept
    if kept.count < known.count { changed.insert(server) }
  }

  /// What is to be written down before any batch that was asked about is.
  package mutating func takeChanged() -> [Record] {
    defer { changed = [] }
    return changed.sorted().map { server in
      let boots = (lines[server] ?? [:]).map { ($0.key.text, $0.value.pieces) }
      return Record(server: server, boots: Dictionary(uniqueKeysWithValues: boots))
    }
  }
}

/// The pieces of one boot.
private struct Line: Sendable {
  typealias Piece = BatchTimeline.Piece
  /// As many steps of a clock as one boot may see before the oldest are no longer told apart.
  private static let limit = 64

  private(set) var pieces: [Piece] = []
  /// The stretches whose last piece may have grown since it was written down.
  private var open: Set<UInt16> = []

  init() {}

  init(_ pieces: [Piece], end: Int64?) {
    self.pieces = Array(
      pieces.filter { $0.from.boot <= $0.through.boot && $0.from.wall <= $0.through.wall }
        .prefix(Line.limit))
    open = Set(self.pieces.map(\.stretch))
    // Where there is but one stretch the newest batch by its time is its end.
    guard open.count == 1, let end,
      let last = self.pieces.indices.max(by: {
        self.pieces[$0].from.boot < self.pieces[$1].from.boot
      }),
      !self.pieces[last].isMixed, end >= self.pieces[last].through.wall
    else { return }
    let from = self.pieces[last].from
    self.pieces[last].through = Piece.Instant(
      boot: end.boundedMinus(from.wall.boundedMinus(from.boot)), wall: end)
    open = []
  }

  /// - Returns: whether there is a new piece too.
  mutating func take(
    _ instant: Piece.Instant, isAhead: Bool
  ) -> (stretch: UInt16, isNew: Bool) {
    // Mostly it is the next one of the piece that grows, or one that is there already.
    for piece in pieces.reversed()
    where piece.from.boot <= instant.boot && instant.boot <= piece.through.boot
      && piece.agrees(with: instant)
    {
      return (piece.stretch, false)
    }
    for stretch in candidates(instant) {
      guard let fit = fit(instant, in: stretch, isAhead: isAhead) else { continue }
      if let place = fit.before, pieces[place].agrees(with: instant) {
        pieces[place].through = instant
        return (stretch, false)
      }
      if let place = fit.after, pieces[place].agrees(with: instant) {
        pieces[place].from = instant
        return (stretch, false)
      }
      add(instant, stretch)
      return (stretch, true)
    }
    let next = (pieces.map(\.stretch).max()).map { $0 < .max ? $0 + 1 : $0 } ?? 0
    add(instant, next)
    return (next, true)
  }

  /// Stretches, those first of which the neighbours are by the clock since the boot.
  private func candidates(_ instant: Piece.Instant) -> [UInt16] {
    let before = pieces.filter { $0.from.boot <= instant.boot }.max {
      $0.through.boot < $1.through.boot
    }
    let after = pieces.filter { $0.from.boot > instant.boot }.min { $0.from.boot < $1.from.boot }
    var found: [UInt16] = []
    for stretch in [before, after].compactMap({ $0?.stretch })
      + Set(pieces.map(\.stretch)).sorted(by: >)
    where !found.contains(stretch) {
      found.append(stretch)
    }
    return found
  }

  /// Its neighbours in a stretch; `nil` where its time does not lie between theirs.
  private func fit(
    _ instant: Piece.Instant, in stretch: UInt16, isAhead: Bool
  ) -> (before: Int?, after: Int?)? {
    let mine = pieces.indices.filter { pieces[$0].stretch == stretch }
    let before = mine.filter { pieces[$0].from.boot <= instant.boot }.max {
      pieces[$0].from.boot < pieces[$1].from.boot
    }
    let after = mine.filter { pieces[$0].from.boot > instant.boot }.min {
      pieces[$0].from.boot < pieces[$1].from.boot
    }
    if let after {
      let begin = pieces[after].from
      guard instant.wall < begin.wall, !Piece.isSqueezed(instant, begin) else { return nil }
    }
    if let after, isCounted(instant.boot, pieces[after].from.boot, but: stretch) { return nil }
    guard let before else { return (nil, after) }
    guard !isCounted(pieces[before].through.boot, instant.boot, but: stretch) else { return nil }
    let end = pieces[before].through
    guard instant.boot > end.boot, instant.wall > end.wall, !Piece.isSqueezed(end, instant) else {
      return nil
    }
    // The clock was set back: those that are still to come may have no room between.
    guard !isAhead || pieces[before].distance(to: instant) >= -ClockModel.tolerance else {
      return nil
    }
    // Nobody knows where it ended: what has the same distance between the clocks is right all the same.
    guard after != nil || !open.contains(stretch) || pieces[before].agrees(with: instant) else {
      return nil
    }
    return (before, after)
  }

  /// Whether another stretch begins or ends between the two: what it counted there would count again in one
  /// that goes from the one to the other. One that holds both may have had a hole there.
  private func isCounted(_ from: Int64, _ through: Int64, but stretch: UInt16) -> Bool {
    pieces.contains {
      $0.stretch != stretch && $0.from.boot < through && $0.through.boot > from
        && ($0.from.boot > from || $0.through.boot < through)
    }
  }

  private mutating func add(_ instant: Piece.Instant, _ stretch: UInt16) {
    pieces.append(Piece(stretch: stretch, from: instant, through: instant))
    pieces.sort { ($0.stretch, $0.from.boot) < ($1.stretch, $1.from.boot) }
    guard pieces.count > Line.limit,
      let place = pieces.indices.dropLast().first(where: {
        pieces[$0].stretch == pieces[$0 + 1].stretch
      })
    else {
      // All are stretches of their own: the oldest is given up.
      if pieces.count > Line.limit { pieces.removeFirst() }
      return
    }
    pieces[place].through = pieces[place + 1].through
    pieces[place].isMixed = true
    pieces.remove(at: place + 1)
  }
}
