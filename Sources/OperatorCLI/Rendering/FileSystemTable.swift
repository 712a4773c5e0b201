import ManagerCore
import Protocol

/// File systems, one a row.
enum FileSystemTable {
  static func render(_ all: [Reply<FileSystemSummary>], _ style: Style) -> String {
    guard !all.isEmpty else { return "" }
    // The same name on two MGSs is two file systems: only then the MGS tells them apart.
    let isAmbiguous = Set(all.map(\.view.name)).count < all.count
    let columns: [Table.Column] =
      [.init("NAME")] + (isAmbiguous ? [.init("MGS")] : []) + [
        .init("STATE"), .init("TARGETS", .number), .init("CLIENTS", .number),
        .init("SIZE", .number), .init("USED", .number, isSpare: true), .init("AVAIL", .number),
        .init("USE", .number), .init("SEEN", .number), .init("NOTE", .flow),
      ]
    let rows = all.map { fileSystem in
      let space = Space(fileSystem.view)
      let cover = Coverage(fileSystem.view)
      let targets = fileSystem.targets
      return [Cell(name: fileSystem.name)] + (isAmbiguous ? [Cell(name: fileSystem.mgs)] : []) + [
        Cell(state: fileSystem.word("state", fileSystem.state)),
        Cell("\(fileSystem.targetsActive) of \(targets)"),
        cover.cell(fileSystem.clients.map(String.init), cover.clients),
        cover.cell(space.total.map(Quantities.bytes), cover.bytes),
        cover.cell(space.used.map(Quantities.bytes), cover.bytes),
        cover.cell(space.available.map(Quantities.bytes), cover.bytes), Cell(space.share),
        Cell(Quantities.briefAgo(fileSystem.evidenceSecondsAgo)), Cell(note(fileSystem, cover)),
      ]
    }
    return Table(columns: columns, rows: rows).render(style)
  }

  private static func note(_ fileSystem: Reply<FileSystemSummary>, _ cover: Coverage) -> String {
    [
      cover.bytes.map { "sizes are of \($0) only" }, cover.clients.map { "clients of \($0) only" },
      // Of an available one the columns say all.
      fileSystem.state == .available ? nil : fileSystem.reason,
    ].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: "; ")
  }
}

/// Which sums of a file system are sums over a part of its targets; `nil` of those over all, and of
/// a manager that does not tell.
struct Coverage: Hashable {
  /// `4 of 7 OSTs`
  var bytes: String?
  var inodes: String?
  var clients: String?

  init(_ fileSystem: FileSystemSummary) {
    func part(_ covered: Int?, _ all: Int, _ kind: String) -> String? {
      guard let covered, covered < all else { return nil }
      return "\(covered) of \(plural(all, kind))"
    }
    bytes = part(fileSystem.bytesTargets, fileSystem.osts, "OST")
    inodes = part(fileSystem.inodesTargets, fileSystem.mdts, "MDT")
    clients = part(fileSystem.clientsTargets, fileSystem.mdts, "MDT")
  }

  /// `>1.2 TiB` of a partial sum: the whole is more.
  func cell(_ number: String?, _ part: String?) -> Cell {
    guard let number else { return Cell(Quantities.nothing) }
    return part == nil ? Cell(number) : Cell(">\(number)", .uncertain)
  }

  /// A sentence with the part that it tells of.
  static func marked(_ text: String, _ part: String?) -> String {
    part.map { "\(text) (\($0) only)" } ?? text
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
