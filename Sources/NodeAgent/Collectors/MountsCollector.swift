import AgentCore
import Protocol

/// Lustre's mounts on this node, targets and clients.
struct MountsCollector: SteadyCollector {
  let name = "mounts"
  let sections = ["mounts"]

  func collect(
    _ host: HostRoot, _ context: CollectorContext, _ recorder: ReadRecorder?
  ) -> CollectorAnswer {
    var gathering = Gathering(name, host, recorder: recorder)
    if let table = NodeFacts.mountTable(&gathering) {
      let entries = gathering.take(table.parsed, from: table.path)
      gathering.section(
        MountsSection(
          mounts: entries.map { entry in
            MountsSection.Mount(
              source: entry.source, mountPoint: entry.mountPoint, type: entry.type,
              role: entry.role, name: entry.name, options: entry.options)
          }))
    }
    return gathering.answer(orNotApplicable: "there is no mount table")
  }
}
