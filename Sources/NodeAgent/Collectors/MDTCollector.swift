import AgentCore

/// The MDTs that are set up here.
struct MDTCollector: Collector {
  let name = "mdt"
  let sections = ["target"]

  func collect(_ host: HostRoot, _ context: CollectorContext) -> CollectorAnswer {
    guard context.facts.hasLustre else { return .notApplicable(reason: noLustre) }
    var gathering = Gathering(name, host)
    TargetReader.mdt.collect(&gathering, context.facts)
    return gathering.answer(orNotApplicable: "no MDT is set up here")
  }
}
