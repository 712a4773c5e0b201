import Protocol

/// What a server reports and the manager does not take, because it is more than any server has.
struct LeftOut: Sendable {
  private(set) var sections: Set<SectionKey> = []
  private(set) var series: UInt64 = 0
  private var hasNames = false
  private(set) var since: Int64?

  mutating func leave(_ key: SectionKey, at now: Int64) {
    since = since ?? now
    if sections.count < StateLimits.leftOut { sections.insert(key) }
  }

  mutating func leave(series count: Int, at now: Int64) {
    since = since ?? now
    series = series.addingReportingOverflow(UInt64(max(0, count))).partialValue
  }

  mutating func leaveName(at now: Int64) {
    since = since ?? now
    hasNames = true
  }

  /// It is taken now, or gone.
  mutating func settle(_ key: SectionKey) {
    guard sections.remove(key) != nil, sections.isEmpty, series == 0, !hasNames else { return }
    since = nil
  }

  /// As a clause about the server; `nil` when all is taken.
  var reason: String? {
    var parts: [String] = []
    if !sections.isEmpty {
      let number =
        sections.count == 1
        ? "a section"
        : sections.count < StateLimits.leftOut
          ? "\(sections.count) sections" : "many sections"
      let one = sections.min().map { ", such as \($0)" } ?? ""
      parts.append(
        "\(number)\(one): more than \(StateLimits.sectionBytesPerServer >> 20) MiB or"
          + " \(StateLimits.sectionsPerServer) in all")
    }
    if series > 0 {
      parts.append("\(series) new series: more than any server has")
    }
    if hasNames {
      parts.append(
        "targets or MGSs: it names more than \(StateLimits.targetsPerServer) or \(StateLimits.mgcsPerServer)"
      )
    }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }
}

extension ObservedSite {
  /// New series of a server are not taken.
  package mutating func seriesLeftOut(_ id: ServerID, _ count: Int, at now: Moment) {
    servers[id]?.leftOut.leave(series: count, at: now.monotonicNanoseconds)
  }
}
