import AgentCore
import Protocol

/// The management target when it is set up here, and what is registered with it.
struct MGSCollector: SteadyCollector {
  let name = "mgs"
  let sections = ["mgs", "target"]

  /// Of the MGS's own: permanent parameters, kept as if they were a file system.
  private static let parameters = "params"
  /// File systems on one MGS; sites have a handful.
  private static let fileSystemLimit = 256

  func collect(
    _ host: HostRoot, _ context: CollectorContext, _ recorder: ReadRecorder?
  ) -> CollectorAnswer {
    if let answer = context.facts.withoutLustre { return answer }
    var gathering = Gathering(name, host, context.listings, recorder: recorder)
    for directory in TargetReader.mgt.directories(&gathering) ?? [] {
      let identity = TargetReader.mgt.identity(directory, &gathering, context.facts)
      TargetReader.mgt.collect(identity, context.facts, &gathering)
    }
    guard !gathering.collection.sections.isEmpty else {
      return gathering.answer(orNotApplicable: "no MGS is set up here")
    }
    var nids: [String] = []
    for nid in context.facts.mgcNIDs + context.facts.ownNIDs where !nids.contains(nid) {
      nids.append(nid)
    }
    // Without the list nothing is known; an empty one would say that nothing is registered.
    if let fileSystems = live(&gathering) {
      gathering.section(MGSSection(nids: nids, fileSystems: fileSystems))
    }
    return gathering.answer(orNotApplicable: "no MGS is set up here")
  }

  private func live(_ gathering: inout Gathering) -> [MGSSection.LiveFileSystem]? {
    var names: [String]?
    for path in Parameter.liveFileSystems.paths([]) {
      do {
        names = try gathering.list(path)
        break
      } catch {
        if !error.isAbsence { gathering.fail(Parameter.liveFileSystems.pattern, error) }
      }
    }
    guard let names else { return nil }
    var fileSystems: [MGSSection.LiveFileSystem] = []
    for name in names.prefix(MGSCollector.fileSystemLimit) where name != MGSCollector.parameters {
      guard let bytes = gathering.read(.liveFileSystem, name) else { continue }
      let parsed = LiveFileSystemParser.parse(bytes.span)
      if let file = gathering.take(parsed, from: Parameter.liveFileSystem.name([name])) {
        fileSystems.append(file)
      }
    }
    return fileSystems
  }
}
