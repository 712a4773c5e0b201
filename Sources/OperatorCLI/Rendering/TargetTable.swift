import ManagerCore
import Protocol

/// Targets, one a row.
enum TargetTable {
  static func render(_ all: [Reply<TargetSummary>], _ style: Style) -> String {
    guard !all.isEmpty else { return "" }
    // A label that occurs twice (every MGS has a target `MGS`) needs its MGS beside it.
    let isAmbiguous = Set(all.map(\.view.label)).count < all.count
    let columns: [Table.Column] =
      [.init("TARGET")] + (isAmbiguous ? [.init("MGS")] : []) + [
        .init("STATE"), .init("SERVER"), .init("FAILOVER"), .init("CLIENTS", .number),
        .init("SIZE", .number, isSpare: true), .init("USE", .number), .init("SEEN", .number),
        .init("NOTE", .flow),
      ]
    let rows = all.map { target in
      let space = Space(target.view)
      return [Cell(name: target.label)] + (isAmbiguous ? [Cell(name: target.mgs)] : []) + [
        Cell(state: target.word("state", target.state)), servers(target.view),
        Cell(name: target.failoverServers.joined(separator: " ")), Cell(target.clients),
        Cell(Quantities.bytes(space.total)), Cell(space.share),
        Cell(Quantities.briefAgo(target.evidenceSecondsAgo)), Cell(note(target)),
      ]
    }
    return Table(columns: columns, rows: rows).render(style)
  }

  /// Where it is active: all names of it, two of them in the colour of alarm.
  private static func servers(_ target: TargetSummary) -> Cell {
    let names = target.activeNames
    return names.count > 1
      ? Cell(names.joined(separator: ","), .alarm) : Cell(name: names.first)
  }

  /// Sizes much older than what is known of the state: a minute is some cycles of any collector.
  private static let oldSizeSeconds = 60.0

  /// That the sizes are old, where the state is not.
  static func oldSizes(_ target: TargetSummary) -> String? {
    guard let age = target.capacitySecondsAgo,
      age - (target.evidenceSecondsAgo ?? 0) > oldSizeSeconds
    else { return nil }
    return "sizes from \(Quantities.briefAgo(age))"
  }

  private static func note(_ target: Reply<TargetSummary>) -> String {
    [stateNote(target), oldSizes(target.view) ?? ""].filter { !$0.isEmpty }
      .joined(separator: "; ")
  }

  /// What the columns do not say already.
  private static func stateNote(_ target: Reply<TargetSummary>) -> String {
    switch target.state {
    case .mounted: ""
    case .recovering: recovery(target) ?? target.reason
    case .unknown:
      // The manager's reason mostly tells when it was seen last.
      [target.reason.contains("seen") ? nil : lastSeen(target.view), target.reason]
        .compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: "; ")
    case .unmounted, .twice, .unrecognised: target.reason
    }
  }

  /// Of a target whose state is not known now: what was known last, and how long ago.
  static func lastSeen(_ target: TargetSummary) -> String? {
    guard target.state == .unknown, target.activeOn == nil else { return nil }
    guard let server = target.lastActiveOn else { return "never seen mounted" }
    let age = target.evidenceSecondsAgo.map { " \(Quantities.ago($0))" } ?? ""
    return "last seen mounted on \(server)\(age)"
  }

  private static func recovery(_ target: Reply<TargetSummary>) -> String? {
    recoveryWord(target).map { "recovery \($0)" }
  }

  static func recoveryWord(_ target: Reply<TargetSummary>) -> String? {
    target.recovery.map { target.word("recovery", $0) }
  }
}

extension TargetSummary {
  /// All servers where it is active; a manager that tells only one is believed.
  var activeNames: [String] {
    activeServers.flatMap { $0.isEmpty ? nil : $0 } ?? [activeOn].compactMap { $0 }
  }
}
