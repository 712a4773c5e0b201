import Protocol

/// The labels that tell a person whose series it is.
extension ObservedSite {
  /// Of all servers, as they call themselves.
  package var hostnames: [ServerID: String] { servers.mapValues(\.record.hostname) }

  package func hostname(of server: ServerID) -> String? { servers[server]?.record.hostname }

  /// `target`, `fs` and `mgs` (the MGS's first NID) of a target; empty for one that is not known.
  package func targetLabels(_ id: String) -> [String: String] {
    guard let record = targets[successors[id] ?? id]?.record else { return [:] }
    var labels = [
      "target": record.label, "mgs": mgss[record.mgs]?.nids.first ?? MGSRecord.unknownID,
    ]
    if let fileSystem = record.fileSystem { labels["fs"] = fileSystem }
    return labels
  }
}
