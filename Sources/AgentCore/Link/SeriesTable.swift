import Protocol

/// Numbers for the series of one life of the process. A new source of a counter is a new number.
package struct SeriesTable: Sendable {
  /// As many as a session may declare.
  package static let limit = WireLimits.seriesPerSession

  private var ids: [SeriesDeclaration: UInt32] = [:]
  private var declarations: [SeriesDeclaration] = []
  /// Which number came after each number last time: cycles are alike, and comparing with a guess is
  /// cheaper than hashing all that a declaration holds.
  private var successors: [UInt32] = []
  /// Values that got no number because the table is full.
  package private(set) var refused: UInt64 = 0
  package init() {}

  package subscript(id: UInt32) -> SeriesDeclaration? {
    Int(id) < declarations.count ? declarations[Int(id)] : nil
  }

  /// - Parameter previous: the number that the value before it got.
  package mutating func id(of declaration: SeriesDeclaration, after previous: UInt32?) -> UInt32? {
    guard let previous else { return id(of: declaration) }
    let guess = Int(successors[Int(previous)])
    if guess < declarations.count, declarations[guess] == declaration { return UInt32(guess) }
    let id = id(of: declaration)
    if let id { successors[Int(previous)] = id }
    return id
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
    successors.append(id &+ 1)
    return id
  }
}
