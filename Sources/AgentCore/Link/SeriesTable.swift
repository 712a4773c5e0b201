import Protocol

/// Numbers for the series of one life of the process. A new source of a counter is a new number.
package struct SeriesTable: Sendable {
  /// As many as a session may declare.
  package static let limit = WireLimits.seriesPerSession

  private var ids: [SeriesDeclaration: UInt32] = [:]
  private var declarations: [SeriesDeclaration] = []
  /// Values that got no number because the table is full.
  package private(set) var refused: UInt64 = 0
  package init() {}

  package subscript(id: UInt32) -> SeriesDeclaration? {
    Int(id) < declarations.count ? declarations[Int(id)] : nil
  }

  package mutating func id(of declaration: SeriesDeclaration) -> UInt32? {
    if let known = ids[declaration] { return known }
    guard declarations.count < SeriesTable.limit else {
      refused += 1
      return nil
    }
    let id = UInt32(declarations.count)
    ids[declaration] = id
    declarations.append(declaration)
    return id
  }
}
