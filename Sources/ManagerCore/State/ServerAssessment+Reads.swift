import Protocol

/// What an agent says it could not read, or could not understand, although its collectors ran.
extension ServerAssessment {
  /// So many sources are named in one sentence; `iml server show -o json` has more.
  private static let examples = 2
  private static let debugfs = "/sys/kernel/debug"

  /// Reads that fail, and a debugfs that is not there.
  static func blindness(of server: ReportedServer, at now: Int64, _ policy: StatePolicy)
    -> [Trouble]
  {
    var list: [Trouble] = []
    let held = fates(of: server, at: now, policy)
    var failures = held?.fates.flatMap { fate in fate.failures.map { (fate.name, $0) } } ?? []
    if let trouble = debugfsTrouble(
      of: server, failures.map(\.1).first { $0.hasPrefix(debugfs) }, at: now, policy)
    {
      list.append(trouble)
      failures.removeAll { $0.1.hasPrefix(debugfs) }
    }
    if let held, let sentence = sentence(failures.map(\.1), "read fails", "reads fail") {
      list.append(
        Trouble(
          code: .readsFailing, reason: "on \(server.name) \(sentence)", since: held.since,
          targets: server.targets(ofCollectors: failures.map(\.0))))
    }
    return list
  }

  static func notUnderstood(by server: ReportedServer, at now: Int64, _ policy: StatePolicy)
    -> Trouble?
  {
    guard let held = fates(of: server, at: now, policy) else { return nil }
    let leftovers = held.fates.flatMap { fate in fate.leftovers.map { (fate.name, $0) } }
    guard
      let sentence = sentence(
        Set(leftovers.map(\.1)).sorted(), "parameter is not understood",
        "parameters are not understood")
    else { return nil }
    return Trouble(
      code: .parametersNotUnderstood, reason: "on \(server.name) \(sentence)", since: held.since,
      targets: server.targets(ofCollectors: leftovers.map(\.0)))
  }

  /// A collector that failed or hangs as a whole has a finding of its own, and so has what a damaged
  /// spool lost.
  private static func fates(of server: ReportedServer, at now: Int64, _ policy: StatePolicy)
    -> (fates: [CollectorsSection.Collector], since: Int64)?
  {
    guard let held = server.sections[.collectors], case .collectors(let body) = held.fact,
      server.isCurrent(held, at: now, policy)
    else { return nil }
    let own = body.collectors.filter { $0.outcome == .sampled && $0.name != "spool" }
    return (own, held.unchangedSince)
  }

  private static func debugfsTrouble(
    of server: ReportedServer, _ failure: String?, at now: Int64, _ policy: StatePolicy
  ) -> Trouble? {
    guard let held = server.sections[.lustre], case .lustre(let body) = held.fact,
      server.isCurrent(held, at: now, policy), !body.debugfsReadable,
      isInDebugfs(body.version)
    else { return nil }
    let why = failure.map { " (\($0))" } ?? ""
    return Trouble(
      code: .debugfsUnreadable,
      reason: "\(server.name) shows no debugfs\(why): what Lustre "
        + "\(body.version.map { "\($0) " } ?? "")keeps there is not seen",
      since: held.unchangedSince)
  }

  /// Until 2.11 what is read lies in /proc; a release that is not told may be any.
  private static func isInDebugfs(_ version: String?) -> Bool {
    let parts = (version ?? "").split(separator: ".").prefix(2).compactMap { Int($0) }
    guard parts.count == 2 else { return true }
    return (parts[0], parts[1]) >= (2, 12)
  }

  private static func sentence(_ texts: [String], _ one: String, _ many: String) -> String? {
    guard !texts.isEmpty else { return nil }
    let more = texts.count - examples
    return (texts.count == 1 ? "a \(one): " : "\(texts.count) \(many): ")
      + texts.prefix(examples).joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "")
  }
}

extension ReportedServer {
  /// The targets that units of these names (`ost/fs1-OST0003`) read.
  fileprivate func targets(ofCollectors names: [String]) -> Set<String> {
    Set(
      names.compactMap { name in
        guard let slash = name.firstIndex(of: "/") else { return nil }
        let subject = String(name[name.index(after: slash)...])
        return targetIDs[SectionKey(TargetSection.sectionName, subject)]
      })
  }
}
