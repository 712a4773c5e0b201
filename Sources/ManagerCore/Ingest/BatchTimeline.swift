import Protocol

/// Notices where corrected time runs against the order in which a machine sampled: the manager's own
/// clock was set back. What follows lies in the same hours as what came before, and a counter that is
/// followed by time would seem to fall and rise; so a new stretch (`LifeSource`) begins there.
///
/// What was sampled first is told by the clock since the boot, over all lives of the agent's process.
package struct BatchTimeline: Sendable {
  /// Where the stretches of a server's boots begin, for the next manager.
  package struct Record: Hashable, Codable, Sendable {
    package var server: ServerID
    /// By boot: nanoseconds of its clock, ascending.
    package var begins: [String: [Int64]]

    package init(server: ServerID, begins: [String: [Int64]]) {
      self.server = server
      self.begins = begins
    }
  }

  private struct Line: Sendable {
    var begins: [Int64] = []
    /// The last moment that was sampled, by both clocks; `nil` before the first one.
    var newest: (boot: Int64, nanoseconds: Int64)?

    mutating func begin(at boot: Int64) -> Bool {
      guard begins.count < LifeSource.stretches - 1, boot > begins.last ?? .min else {
        return false
      }
      begins.append(boot)
      return true
    }

    func stretch(at boot: Int64) -> UInt8 {
      UInt8(clamping: begins.count { $0 <= boot })
    }
  }

  private var lines: [ServerID: [BootID: Line]] = [:]
  /// What an earlier manager had of each server, until something later comes.
  private var earlier: [ServerID: LastBatch]
  /// The lives that are later than that.
  private var later: [ServerID: Set<StreamKey>] = [:]
  private var changed: Set<ServerID> = []

  /// - Parameter last: the newest batch of each server that an earlier manager took, by its time.
  package init(_ records: [Record] = [], last: [ServerID: LastBatch] = [:]) {
    earlier = last
    for record in records {
      for (boot, begins) in record.begins {
        let sound = zip(begins, begins.dropFirst()).allSatisfy { $0 < $1 }
        lines[record.server, default: [:]][BootID(boot)] = Line(
          begins: sound ? Array(begins.prefix(LifeSource.stretches - 1)) : [])
      }
    }
  }

  /// The stretch of its life that a batch belongs to; 0 as long as no clock was set back.
  ///
  /// - Parameters:
  ///   - boot: when it was sampled, by the clock since the machine's boot.
  ///   - nanoseconds: the same by the manager's clock, as it is stored.
  package mutating func stretch(
    _ stream: StreamKey, order: UInt64, boot: Int64, nanoseconds: Int64
  ) -> UInt8 {
    var line = lines[stream.server]?[stream.boot] ?? Line()
    defer { lines[stream.server, default: [:]][stream.boot] = line }
    var before = line.newest?.nanoseconds
    if let last = earlier[stream.server], last.stream.boot == stream.boot, line.newest == nil {
      let isLater =
        last.stream == stream ? order > last.order : later[stream.server]?.contains(stream) == true
      guard isLater else { return line.stretch(at: boot) }
      before = last.nanoseconds
    }
    // A batch that fills a hole has its place before those that are here.
    if let newest = line.newest, boot <= newest.boot { return line.stretch(at: boot) }
    if let before, nanoseconds < before, line.begin(at: boot) { changed.insert(stream.server) }
    line.newest = (boot, nanoseconds)
    return line.stretch(at: boot)
  }

  /// The server can send nothing of other lives than these, the oldest first, the last one speaks.
  package mutating func opened(_ server: ServerID, _ lives: [LifeChain.Link]) {
    forget(server, but: Set(lives.map(\.stream.boot)))
    let place = lives.firstIndex { $0.stream == earlier[server]?.stream }
    // Of a life before the one that is not listed something came before it.
    let after: [LifeChain.Link] =
      place.map { Array(lives[($0 + 1)...]) } ?? lives.filter { $0.highestSeen == 0 }
    later[server] = Set(after.map(\.stream)).union(lives.last.map { [$0.stream] } ?? [])
  }

  /// The server was forgotten.
  package mutating func forget(_ server: ServerID) {
    forget(server, but: [])
    earlier[server] = nil
    later[server] = nil
  }

  private mutating func forget(_ server: ServerID, but boots: Set<BootID>) {
    guard let known = lines[server] else { return }
    let kept = known.filter { boots.contains($0.key) }
    lines[server] = kept.isEmpty ? nil : kept
    if known.contains(where: { !$0.value.begins.isEmpty && kept[$0.key] == nil }) {
      changed.insert(server)
    }
  }

  /// What is to be written down before any batch that was asked about is.
  package mutating func takeChanged() -> [Record] {
    defer { changed = [] }
    return changed.sorted().map { server in
      let begun = (lines[server] ?? [:]).filter { !$0.value.begins.isEmpty }
      return Record(
        server: server,
        begins: Dictionary(uniqueKeysWithValues: begun.map { ($0.key.text, $0.value.begins) }))
    }
  }
}
