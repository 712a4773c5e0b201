import ManagerCore
import Protocol

/// Servers, one a row.
enum ServerTable {
  static func render(_ servers: [Reply<ServerSummary>], isShort: Bool = false, _ style: Style)
    -> String
  {
    guard !servers.isEmpty else { return "" }
    var columns: [Table.Column] = [
      .init("SERVER"), .init("CONTACT"), .init("HEALTH"), .init("HEARD", .number),
    ]
    if !isShort { columns += [.init("PROFILE"), .init("LUSTRE")] }
    columns += [.init("TARGETS", .number), .init("NOTE", .flow)]
    let rows = servers.map { server in
      var row: [Cell] = [
        Cell(name: server.hostname), Cell(state: server.word("contact", server.contact)),
        Cell(state: server.word("health", server.health)),
        Cell(Quantities.briefAgo(server.heardSecondsAgo)),
      ]
      if !isShort { row += [Cell(name: server.profile), Cell(name: server.lustreVersion)] }
      return row + [Cell(server.targets.count), Cell(note(server))]
    }
    return Table(columns: columns, rows: rows).render(style)
  }

  private static func note(_ server: Reply<ServerSummary>) -> String {
    [
      server.isRevoked == true ? "revoked" : "", server.reason,
      server.readsTree ? "reads a tree, not a live server" : "",
    ]
    .filter { !$0.isEmpty }.joined(separator: "; ")
  }
}
