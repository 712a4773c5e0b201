import ManagerCore
import Protocol

/// `iml fs show`: one file system, its targets and its clients.
enum FileSystemPage {
  static func render(_ fileSystem: Reply<FileSystemDetail>, _ style: Style) -> String {
    let name = fileSystem.summary.name
    return page([
      "\(printable(name))\n" + facts(fileSystem).render(style),
      FindingsBlock.render(
        fileSystem.list("findings", fileSystem.findings), seeAll: "iml fs show \(name) -o json",
        style),
      TargetTable.render(fileSystem.list("targets", fileSystem.targets), style),
      ClientTable.render(fileSystem.clients, seeAll: "iml fs show \(name) -o json", style),
    ])
  }

  private static func facts(_ fileSystem: Reply<FileSystemDetail>) -> Facts {
    let summary = fileSystem.member("summary", fileSystem.summary)
    let state = summary.word("state", summary.state)
    var facts = Facts()
    facts.add(
      "State", summary.reason.isEmpty ? state : "\(state): \(summary.reason)", Tone(word: state))
    facts.add("MGS", mgs(fileSystem.view))
    facts.add(
      "Targets",
      "\(summary.targetsActive) of \(summary.targets) active"
        + " (\(plural(summary.mdts, "MDT")), \(plural(summary.osts, "OST")))")
    let cover = Coverage(summary.view)
    facts.add(
      "Capacity",
      Coverage.marked(Space(summary.view).sentence ?? "unknown: no OST tells", cover.bytes),
      cover.bytes == nil ? .plain : .uncertain)
    facts.add(
      "Inodes",
      Coverage.marked(
        Space.inodes(total: summary.inodesTotal, free: summary.inodesFree)
          ?? "unknown: no MDT tells", cover.inodes), cover.inodes == nil ? .plain : .uncertain)
    facts.add(
      "Clients",
      Coverage.marked(summary.clients.map(String.init) ?? "unknown: no MDT tells", cover.clients),
      cover.clients == nil ? .plain : .uncertain)
    facts.add(
      "Evidence", summary.evidenceSecondsAgo.map { "the oldest from \(Quantities.ago($0))" })
    facts.add("Id", summary.id)
    return facts
  }

  private static func mgs(_ fileSystem: FileSystemDetail) -> String {
    let nids =
      fileSystem.mgsNIDs.isEmpty
      ? fileSystem.summary.mgs : fileSystem.mgsNIDs.joined(separator: " ")
    let servers = fileSystem.mgsActiveOn.joined(separator: " and ")
    return servers.isEmpty ? "\(nids), not known to be active" : "\(nids), active on \(servers)"
  }
}

/// Clients of a target or file system.
enum ClientTable {
  /// A cluster has thousands; these are enough to see which networks they come from.
  private static let shownMax = 20

  static func render(_ clients: [ExportsSection.Client], seeAll: String, _ style: Style) -> String {
    limited(clients, to: shownMax, "clients", seeAll: seeAll) { shown in
      Table(
        columns: [.init("CLIENT"), .init("UUID")],
        rows: shown.map { [Cell($0.nid), Cell($0.uuid)] }
      ).render(style)
    }
  }
}
