/// The OSTs that are set up here.
struct OSTCollector: TargetCollecting {
  let name = "ost"
  let sections = ["target"]
  let readers = [TargetReader.ost]
  let absence = "no OST is set up here"

  func collect(
    _ reader: TargetReader, _ identity: TargetReader.Identity, _ facts: NodeFacts,
    _ gathering: inout Gathering
  ) {
    reader.collect(identity, facts, &gathering)
  }
}
