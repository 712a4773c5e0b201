import Protocol

/// The sections of this server as last collected, and what of them the manager has yet to hear.
/// Latest wins: a section that changes twice before it is sent is sent once.
package struct ReportedState: Sendable {
  private var sections: [SectionKey: Section] = [:]
  private var cycles: [String: CycleEnd] = [:]
  private var unsent: [SectionKey] = []
  private var isUnsent: Set<SectionKey> = []
  private var unsentCycles: [String] = []
  package init() {}

  package var digests: [SectionDigest] {
    sections.values.map { SectionDigest(key: $0.key, digest: $0.digest) }.sorted {
      $0.key < $1.key
    }
  }

  /// Takes one collector's cycle. Sections it no longer makes are gone; a collector that failed or
  /// stalled leaves its sections as they were, to age.
  package mutating func collected(_ end: CycleEnd, sections new: [Section]) {
    if end.outcome == .sampled || end.outcome == .notApplicable {
      let keys = Set(new.map(\.key))
      for key in sections.values.filter({ $0.collector == end.collector }).map(\.key)
      where !keys.contains(key) {
        sections[key] = nil
        mark(key)
      }
      for section in new where sections[section.key] != section {
        sections[section.key] = section
        mark(section.key)
      }
    }
    cycles[end.collector] = end
    if !unsentCycles.contains(end.collector) { unsentCycles.append(end.collector) }
  }

  private mutating func mark(_ key: SectionKey) {
    if isUnsent.insert(key).inserted { unsent.append(key) }
  }

  /// A session has opened: the manager hears everything anew.
  package mutating func rewind() {
    unsent = sections.keys.sorted()
    isUnsent = Set(unsent)
    unsentCycles = cycles.keys.sorted()
  }

  package mutating func resend(_ keys: [SectionKey]) {
    for key in keys { mark(key) }
  }

  /// The next message of the state lane. A cycle's end leaves only after all sections, so that it
  /// never makes an old section look fresh.
  package mutating func nextUnsent() -> Message? {
    if let key = unsent.first {
      unsent.removeFirst()
      isUnsent.remove(key)
      return sections[key].map(Message.section) ?? .sectionGone(key)
    }
    guard let collector = unsentCycles.first else { return nil }
    unsentCycles.removeFirst()
    guard let end = cycles[collector] else { return nil }
    // A unit whose subject is gone speaks once more, and never again.
    if end.outcome == .notApplicable, CollectorName.isUnit(collector) { cycles[collector] = nil }
    return .cycle(end)
  }
}
