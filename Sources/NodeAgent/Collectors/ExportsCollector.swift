import AgentCore
import Protocol

/// Who is connected to the targets here. One file a client and target: by far the most files that
/// the agent reads, so it is read less often than the rest.
struct ExportsCollector: TargetCollecting {
  let name = "exports"
  let sections = ["exports"]
  /// 10,000 clients of 20 targets are 200,000 small files, seconds of work.
  let period = Duration.seconds(10)
  let readers = TargetReader.all
  let absence = "no target here tells who is connected"

  func collect(
    _ reader: TargetReader, _ identity: TargetReader.Identity, _ facts: NodeFacts,
    _ gathering: inout Gathering
  ) {
    // A directory is a NID, and stays behind when its client is gone.
    guard let nids = gathering.directories(reader.exports, identity.directory) else { return }
    var clients: [ExportsSection.Client] = []
    var servers = 0
    var seen = false
    let complaints = gathering.complaints
    for nid in nids where nid.contains("@") {
      guard let bytes = gathering.read(reader.exportUUIDs, identity.directory, nid) else {
        continue
      }
      seen = true
      let uuids = gathering.take(
        ExportUUIDParser.parse(bytes.span),
        from: reader.exportUUIDs.name([identity.directory, nid]))
      servers += uuids.serverConnections
      clients += uuids.clients.map { ExportsSection.Client(uuid: $0, nid: nid) }
    }
    // Whoever could not be read may be connected: a number without them would be wrong.
    guard gathering.complaints == complaints else { return }
    // A captured tree may lack the directory: then nothing is known of clients.
    guard seen || hasExports(reader, identity, gathering) else { return }
    clients.sort()
    gathering.sample(
      .clients, Int64(clients.count), of: identity.subject, ["component": reader.component])
    gathering.section(
      ExportsSection(
        reference: identity.reference, clients: clients, serverConnections: servers),
      subject: reader.subject(identity.directory))
  }

  /// True when some directory of exports can be read for certain to hold no UUIDs.
  private func hasExports(
    _ reader: TargetReader, _ identity: TargetReader.Identity, _ gathering: Gathering
  ) -> Bool {
    reader.exports.paths([identity.directory]).contains { path in
      (try? gathering.list(path))?.allSatisfy { nid in
        !nid.contains("@") || gathering.exists("\(path)/\(nid)/uuid")
      } ?? false
    }
  }
}
