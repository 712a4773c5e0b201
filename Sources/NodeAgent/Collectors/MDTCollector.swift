/// The MDTs that are set up here.
struct MDTCollector: TargetCollecting {
  let name = "mdt"
  let sections = ["target"]
  let readers = [TargetReader.mdt]
  let absence = "no MDT is set up here"

  func collect(
    _ reader: TargetReader, _ identity: TargetReader.Identity, _ facts: NodeFacts,
    _ gathering: inout Gathering
  ) {
    reader.collect(identity, facts, &gathering)
  }
}
