import Protocol

/// The sections of this server as last collected, and what of them the manager has yet to hear.
/// Latest wins: a section that changes twice before it is sent is sent once.
package struct ReportedState: Sendable {
  private var sections: [SectionKey: Section] = [:]
  /// What is known of a collector.
  private struct Told {
    /// What it made last.
    var made: [Section] = []
    var end: CycleEnd?
    var isUnsent = false
  }
  private var collectors: [String: Told] = [:]
  /// Two collectors made the same section: then each looks whether it still has its own.
  private var isContested = false
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
    let (replaced, isNews) = Self.take(
      end, new, isContested, &collectors[end.collector, default: Told()])
    if isNews { unsentCycles.append(end.collector) }
    if let replaced { replace(replaced, with: new, of: end.collector) }
  }

  /// What the new sections replace, if they are others; and whether the end is not waiting yet.
  private static func take(
    _ end: CycleEnd, _ new: [Section], _ isContested: Bool, _ told: inout Told
  ) -> (replaced: [Section]?, isNews: Bool) {
    defer { told.isUnsent = true }
    told.end = end
    guard end.outcome == .sampled || end.outcome == .notApplicable,
      isContested || told.made != new
    else { return (nil, !told.isUnsent) }
    defer { told.made = new }
    return (told.made, !told.isUnsent)
  }

  private mutating func replace(_ old: [Section], with new: [Section], of collector: String) {
    let keys = Set(new.map(\.key))
    for key in old.map(\.key) where !keys.contains(key) && sections[key]?.collector == collector {
      sections[key] = nil
      mark(key)
    }
    for section in new where sections[section.key] != section {
      if let other = sections[section.key], other.collector != collector { isContested = true }
      sections[section.key] = section
      mark(section.key)
    }
  }

  private mutating func mark(_ key: SectionKey) {
    if isUnsent.insert(key).inserted { unsent.append(key) }
  }

  /// A session has opened: the manager hears everything anew.
  package mutating func rewind() {
    unsent = sections.keys.sorted()
    isUnsent = Set(unsent)
    unsentCycles = collectors.filter { $0.value.end != nil }.keys.sorted()
    for name in unsentCycles { collectors[name]?.isUnsent = true }
  }

  package mutating func resend(_ keys: [SectionKey]) {
    for key in keys { mark(key) }
  }

  /// What the state lane has to say.
  package enum Unsent: Hashable, Sendable {
    case section(Section)
    case sectionGone(SectionKey)
    /// Of all collectors whose cycle ended since they were told last.
    case ends([CycleEnd])
  }

  /// Whether the manager was told all sections as they are.
  package var isAllSent: Bool { unsent.isEmpty }

  /// A unit whose subject is gone speaks once more, and never again.
  package static func isLast(_ end: CycleEnd) -> Bool {
    end.outcome == .notApplicable && CollectorName.isUnit(end.collector)
  }

  /// The next for the state lane. Cycles' ends leave only after all sections, so that they never make
  /// an old section look fresh.
  package mutating func nextUnsent() -> Unsent? {
    if let key = unsent.first {
      unsent.removeFirst()
      isUnsent.remove(key)
      return sections[key].map(Unsent.section) ?? .sectionGone(key)
    }
    if unsentCycles.isEmpty { return nil }
    var ends: [CycleEnd] = []
    ends.reserveCapacity(unsentCycles.count)
    for name in unsentCycles {
      guard let index = collectors.index(forKey: name),
        let end = collectors.values[index].end
      else { continue }
      collectors.values[index].isUnsent = false
      ends.append(end)
    }
    unsentCycles.removeAll(keepingCapacity: true)
    for end in ends where ReportedState.isLast(end) { collectors[end.collector] = nil }
    return ends.isEmpty ? nil : .ends(ends)
  }
}
