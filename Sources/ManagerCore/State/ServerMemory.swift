import Protocol

/// What a server's agent last said, kept over a restart of the manager: shown with its age, and
/// evidence of nothing until the agent says it again.
package struct ServerMemory: Hashable, Codable, Sendable {
  /// A section, and when it was true; wall clock, nanoseconds.
  package struct Kept: Hashable, Codable, Sendable {
    package var section: Section
    /// When the last reads behind it began; `nil` when no cycle ended with it.
    package var evidenceNanoseconds: Int64?
    package var unchangedSinceNanoseconds: Int64
  }

  package var server: ServerID
  /// How it introduced itself, without what its spool held.
  package var hello: Hello?
  /// By key.
  package var sections: [Kept]
  /// Which agents spoke for it lately; `nil` from an older manager.
  package var identity: KeptIdentityUse?

  /// Those that a server, a target or a file system is made of. Not the clients: thousands of them
  /// come and go, and a list of who was connected once helps nobody.
  static let sectionNames: Set<String> = [
    HostSection.sectionName, LNetSection.sectionName, LustreSection.sectionName,
    MGSSection.sectionName, TargetSection.sectionName, ImportsSection.sectionName,
  ]
}

/// A value as it is kept over a restart.
package struct KeptValue: Hashable, Codable, Sendable {
  package var bits: SampleBits
  /// When it was true; wall clock.
  package var nanoseconds: Int64
}

/// A kept value that the frame log tells of: newer than what was written down of its target.
package struct ReplayedValue: Sendable {
  package var server: ServerID
  package var metric: String
  package var bits: SampleBits
  /// When it was true, corrected; wall clock.
  package var nanoseconds: Int64
  package init(server: ServerID, metric: String, bits: SampleBits, nanoseconds: Int64) {
    self.server = server
    self.metric = metric
    self.bits = bits
    self.nanoseconds = nanoseconds
  }
}

extension ObservedSite {
  /// What is to be written down of a server.
  func memory(of id: ServerID, at now: Moment) -> ServerMemory? {
    guard let server = servers[id] else { return nil }
    var hello = server.hello
    hello?.lives = nil
    hello?.givenUp = nil
    let held = server.sections.values
      .filter { ServerMemory.sectionNames.contains($0.section.key.name) }
      .sorted { $0.section.key < $1.section.key }
    return ServerMemory(
      server: id, hello: hello,
      sections: held.map { held in
        ServerMemory.Kept(
          section: held.section,
          evidenceNanoseconds: server.evidence(of: held).map { now.wall(ofMonotonic: $0) },
          unchangedSinceNanoseconds: now.wall(ofMonotonic: held.unchangedSince))
      }, identity: server.identity.kept(at: now))
  }

  /// Takes back what was written down, as if the link to the agent had been cut then: held, old, and
  /// of no account for the present. What an older boot said is let go.
  mutating func remember(_ memory: ServerMemory, at now: Moment) {
    let id = memory.server
    if let kept = memory.identity { servers[id]?.identity = IdentityUse(kept, at: now) }
    guard let server = servers[id], server.session == nil, server.sections.isEmpty else { return }
    if let boot = memory.hello?.boot, let last = server.record.lastBoot, boot != last { return }
    servers[id]?.hello = memory.hello
    for kept in memory.sections.prefix(StateLimits.sectionsPerServer) {
      // A cycle may have confirmed it after it was written down.
      let confirmed = server.record.collectorEvidence?[kept.section.collector]
      let evidence = kept.evidenceNanoseconds.map { max($0, confirmed ?? $0) }
      let fact = ReportedFact(kept.section)
      let bytes = kept.section.body.textBytes
      servers[id]?.sectionBytes += bytes
      servers[id]?.sections[kept.section.key] = ReportedSection(
        section: kept.section, bytes: bytes, fact: fact, standing: .unconfirmed,
        earlierEvidence: evidence.map { now.monotonic(ofWall: $0) },
        arrived: now.monotonicNanoseconds,
        unchangedSince: now.monotonic(ofWall: kept.unchangedSinceNanoseconds))
      apply(fact, key: kept.section.key, of: id, at: now)
    }
    servers[id]?.isMemoryDue = false
  }

  /// A target's own value in the frame log says that it was active on that server at that time.
  package mutating func valueReplayed(_ target: String, _ value: ReplayedValue, at now: Moment) {
    let id = successors[target] ?? target
    guard let server = servers[value.server], targets[id] != nil else { return }
    let evidence = now.monotonic(ofWall: value.nanoseconds)
    if targets[id]?.values[value.metric].map({ $0.evidence <= evidence }) ?? true {
      targets[id]?.values[value.metric] = HeldValue(bits: value.bits, evidence: evidence)
    }
    _ = targets[id]?.wasActive(on: server, evidence: evidence, at: now)
    effects.targets.insert(id)
  }
}
