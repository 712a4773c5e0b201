import ManagerCore
import Protocol

/// File systems, one a row.
enum FileSystemTable {
  static func render(_ all: [Reply<FileSystemSummary>], _ style: Style) -> String {
    guard !all.isEmpty else { return "" }
    // The same name on two MGSs is two file systems: only then the MGS tells them apart.
    let isAmbiguous = Set(all.map(\.view.name)).count < all.count
    let columns: [Table.Column] =
      [.init("FILE SYSTEM")] + (isAmbiguous ? [.init("MGS")] : []) + [
        .init("STATE"), .init("TARGETS", .number), .init("CLIENTS", .number),
        .init("SIZE", .number), .init("USED", .number, isSpare: true), .init("AVAIL", .number),
        .init("USE", .number), .init("SEEN", .number), .init("NOTE", .flow),
      ]
    let rows = all.map { fileSystem in
      let space = Space(fileSystem.view)
      let targets = fileSystem.mdts + fileSystem.osts
      return [Cell(name: fileSystem.name)] + (isAmbiguous ? [Cell(name: fileSystem.mgs)] : []) + [
        Cell(state: fileSystem.word("state", fileSystem.state)),
        Cell("\(fileSystem.targetsActive) of \(targets)"), Cell(fileSystem.clients),
        Cell(Quantities.bytes(space.total)), Cell(Quantities.bytes(space.used)),
        Cell(Quantities.bytes(space.available)), Cell(space.share),
        Cell(Quantities.ago(fileSystem.evidenceSecondsAgo)),
        // Of an available one the columns say all.
        Cell(fileSystem.state == .available ? "" : fileSystem.reason),
      ]
    }
    return Table(columns: columns, rows: rows).render(style)
  }
}

/// Capacity as `df` counts it: what root keeps for itself is neither used nor available.
struct Space {
  var total: UInt64?
  var used: UInt64?
  var available: UInt64?

  init(total: UInt64?, free: UInt64?, available: UInt64?) {
    self.total = total
    self.available = available
    if let total, let free, free <= total { used = total - free }
  }

  init(_ fileSystem: FileSystemSummary) {
    self.init(
      total: fileSystem.bytesTotal, free: fileSystem.bytesFree,
      available: fileSystem.bytesAvailable)
  }

  init(_ target: TargetSummary) {
    self.init(
      total: target.bytesTotal, free: target.bytesFree, available: target.bytesAvailable)
  }

  /// Used, of used and available.
  var share: String {
    guard let used, let available else { return Quantities.percent(used, of: total) }
    let (sum, overflow) = used.addingReportingOverflow(available)
    return Quantities.percent(used, of: overflow ? nil : sum)
  }

  /// `1.2 TiB of 4.0 TiB used (30 %), 2.8 TiB available`
  var sentence: String? {
    guard let total, let used else { return nil }
    let rest = available.map { ", \(Quantities.bytes($0)) available" } ?? ""
    return "\(Quantities.bytes(used)) of \(Quantities.bytes(total)) used (\(share))\(rest)"
  }

  /// `3.4 M of 120 M inodes used (3 %)`
  static func inodes(total: UInt64?, free: UInt64?) -> String? {
    guard let total, let free, free <= total else { return nil }
    let used = total - free
    return "\(Quantities.count(used)) of \(Quantities.count(total)) used"
      + " (\(Quantities.percent(used, of: total)))"
  }
}
