import ManagerCore
import Protocol

/// `iml target show`: one target, and who says what of it.
enum TargetPage {
  static func render(_ target: Reply<TargetDetail>, _ style: Style) -> String {
    let label = target.summary.label
    return page([
      "\(printable(label))\n" + facts(target).render(style),
      FindingsBlock.render(
        target.list("findings", target.findings), seeAll: "iml target show \(label) -o json",
        style),
      claims(target.claims, style),
      ClientTable.render(target.clientList, seeAll: "iml target show \(label) -o json", style),
    ])
  }

  private static func facts(_ target: Reply<TargetDetail>) -> Facts {
    let summary = target.member("summary", target.summary)
    let state = summary.word("state", summary.state)
    var facts = Facts()
    facts.add(
      "State",
      [state, TargetTable.lastSeen(summary.view)].compactMap { $0 }.joined(separator: ", "),
      Tone(word: state))
    facts.add("Reason", summary.reason)
    facts.add("Kind", summary.word("kind", summary.kind))
    facts.add("File system", summary.fileSystem)
    facts.add("MGS", summary.mgs)
    facts.add(
      "Active on", summary.activeNames.joined(separator: " and "),
      summary.activeNames.count > 1 ? .alarm : .plain)
    facts.add("Failover", summary.failoverServers.joined(separator: " "))
    facts.add("Device", device(target.view))
    facts.add("Mounted at", target.mountPoint)
    facts.add("Recovery", TargetTable.recoveryWord(summary))
    let old = TargetTable.oldSizes(summary.view).map { ", \($0)" } ?? ""
    facts.add(
      "Capacity", Space(summary.view).sentence.map { $0 + old },
      old.isEmpty ? .plain : .uncertain)
    facts.add("Inodes", Space.inodes(total: summary.inodesTotal, free: summary.inodesFree))
    facts.add("Clients", summary.clients.map(String.init))
    facts.add("Evidence", summary.evidenceSecondsAgo.map { "from \(Quantities.ago($0))" })
    facts.add("UUID", target.uuid)
    facts.add("Id", summary.id)
    return facts
  }

  private static func device(_ target: TargetDetail) -> String? {
    [target.device, target.summary.backend.map { "(\($0))" }].compactMap { $0 }
      .joined(separator: " ")
  }

  private static func claims(_ claims: [TargetDetail.Claim], _ style: Style) -> String {
    guard !claims.isEmpty else { return "" }
    let rows = claims.map { claim in
      [
        Cell(name: claim.server), Cell(claim.isActive ? "active" : "not active"),
        Cell(claim.isCurrent ? "yes" : "no", claim.isCurrent ? .good : .uncertain),
        Cell(Quantities.ago(claim.evidenceSecondsAgo)),
      ]
    }
    return Table(
      columns: [.init("SERVER"), .init("SAYS"), .init("CURRENT"), .init("SEEN", .number)],
      rows: rows
    ).render(style)
  }
}
