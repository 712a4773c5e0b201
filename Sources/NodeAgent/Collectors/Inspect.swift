import AgentCore
import Protocol

/// Runs collectors once, one after the other, and shows what they brought. `only` names collectors or
/// sections; a section's name stands for every collector that makes it. Empty means all. An
/// unknown name is told with the names that there are.
package func inspect(root: String = "/", only: [String] = []) throws -> Inspection {
  let chosen = try collectors(named: only)
  let host = HostRoot(root)
  try host.checkThere()
  let context = CollectorContext(host)
  return Inspection(
    server: Inspection.Server(
      hostname: host.hostname(), bootID: context.bootID, root: host.root,
      readsTree: !host.isLive),
    answers: chosen.map { collector in
      Inspection.Answer(collector: collector.name, answer: collector.collect(host, context))
    })
}

extension HostRoot {
  /// - Throws: when a root that was named is no directory.
  func checkThere() throws(DiagnosticError) {
    guard !isLive, !isDirectory("/") else { return }
    throw DiagnosticError(
      .notFound, subject: root, reason: "there is no such directory",
      remedy: "Give --root the directory that holds proc/ and sys/.")
  }
}

/// The collectors that `only` chooses, in their usual order.
package func collectors(named only: [String]) throws -> [any Collector] {
  if only.isEmpty { return allCollectors }
  let known = Set(allCollectors.flatMap { [$0.name] + $0.sections })
  if let stranger = only.first(where: { !known.contains($0) }) {
    throw DiagnosticError(
      .notFound, subject: stranger, reason: "no collector and no section has this name",
      remedy: "Known are: " + known.sorted().joined(separator: ", ") + ".")
  }
  return allCollectors.filter { collector in
    only.contains(collector.name) || collector.sections.contains(where: only.contains)
  }
}
