import AgentCore

/// The OSTs that are set up here.
struct OSTCollector: Collector {
  let name = "ost"
  let sections = ["target"]

  func collect(_ host: HostRoot, _ context: CollectorContext) -> CollectorAnswer {
    guard context.facts.hasLustre else { return .notApplicable(reason: noLustre) }
    var gathering = Gathering(name, host)
    TargetReader.ost.collect(&gathering, context.facts)
    return gathering.answer(orNotApplicable: "no OST is set up here")
  }
}
