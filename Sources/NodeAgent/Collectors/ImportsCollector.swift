import AgentCore
import Protocol

/// This server's own connections to targets elsewhere.
struct ImportsCollector: SteadyCollector {
  let name = "imports"
  let sections = ["imports"]

  private static let kinds: [(directories: Parameter, file: Parameter)] = [
    (.managementClients, .mgcImport), (.lightweightProxies, .lwpImport),
    (.peerTargets, .ospImport),
  ]
  /// An MDS has one for each OST and MDT.
  private static let limit = 20_000

  func collect(
    _ host: HostRoot, _ context: CollectorContext, _ recorder: ReadRecorder?
  ) -> CollectorAnswer {
    if let answer = context.facts.withoutLustre { return answer }
    var gathering = Gathering(name, host, context.listings, recorder: recorder)
    var imports: [ImportsSection.Import] = []
    var isKnown = false
    for kind in ImportsCollector.kinds {
      guard let names = gathering.directories(kind.directories) else { continue }
      if !names.isEmpty { isKnown = true }
      for name in names.prefix(ImportsCollector.limit - imports.count) {
        imports.append(read(name, kind.file, &gathering, context.facts))
      }
    }
    if isKnown { gathering.section(ImportsSection(imports: imports)) }
    return gathering.answer(orNotApplicable: "no connection to a target elsewhere is set up here")
  }

  private func read(
    _ name: String, _ parameter: Parameter, _ gathering: inout Gathering, _ facts: NodeFacts
  ) -> ImportsSection.Import {
    let (target, local) = ImportsCollector.ends(name)
    let mgs: [String]
    if let nid = NodeFacts.mgcNID(name) {
      mgs = [nid]
    } else {
      mgs = facts.reference(local, mount: facts.mount(of: local, device: nil)).mgs
    }
    var item = ImportsSection.Import(
      name: name, target: target, state: nil, currentConnection: nil, failoverNIDs: [], mgs: mgs)
    guard let file = read(parameter, name, &gathering) else { return item }
    item.target = file.target ?? target
    item.state = file.state
    item.currentConnection = file.currentConnection
    item.failoverNIDs = file.failoverNIDs
    return item
  }

  /// A connection that is down answers ENODEV, which is no failure to read but news: the
  /// state then stays unsaid.
  private func read(
    _ parameter: Parameter, _ name: String, _ gathering: inout Gathering
  ) -> ImportFile? {
    guard let bytes = gathering.read(parameter, [name], noValue: HostError.noDevice) else {
      return nil
    }
    return gathering.take(ImportParser.parse(bytes.span), from: parameter.name([name]))
  }

  /// Of `fs-OST0000-osc-MDT0001`: `fs-OST0000` there, `fs-MDT0001` here.
  static func ends(_ name: String) -> (target: String, local: String) {
    if name.hasPrefix("MGC") { return ("MGS", "MGS") }
    for middle in ["-osc-", "-osp-", "-lwp-"] {
      if let (target, end) = parts(name, around: middle), let label = TargetLabel(target),
        let fileSystem = label.fileSystem
      {
        return (target, "\(fileSystem)-\(end)")
      }
    }
    return (name, "")
  }

  /// What stands before and behind the last `middle`: the name of a file system may hold it too.
  private static func parts(_ name: String, around middle: String) -> (String, String)? {
    let bytes = Array(name.utf8)
    let wanted = Array(middle.utf8)
    var start = bytes.count - wanted.count
    while start >= 0 {
      let end = start + wanted.count
      if bytes[start..<end].elementsEqual(wanted) {
        return (
          String(decoding: bytes[..<start], as: UTF8.self),
          String(decoding: bytes[end...], as: UTF8.self)
        )
      }
      start -= 1
    }
    return nil
  }
}
