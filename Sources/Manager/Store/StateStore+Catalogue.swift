import GRDB
import ManagerCore
import Protocol

/// All series at once, for a start.
extension StateStore {
  /// The catalogue as it is stored. A large site has millions of series with a few hundred sets of
  /// labels, so each text is decoded once, and no series is spelt out for longer than it takes.
  package func catalogue() async throws(DiagnosticError) -> SeriesCatalogue {
    try await read { [path, seriesMark] db in
      var catalogue = SeriesCatalogue()
      var labels: [String: [String: String]] = [:]
      var subjects: [String: StoredSubject] = [:]
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT id, subject_kind, subject, labels, metric, kind, unit, decimals, width
          FROM series ORDER BY id
          """)
      while let row = try rows.next() {
        let number: Int64 = try row.decode(atIndex: 0)
        guard let id = SeriesID(exactly: number) else {
          throw StoreFailure.corrupt(path, "series: \(number) is no series id")
        }
        let subjectText: String = try row.decode(atIndex: 2)
        let subject: StoredSubject
        if let known = subjects[subjectText] {
          subject = known
        } else {
          let isTarget: Bool = (try row.decode(String.self, atIndex: 1)) == "target"
          guard
            let found = isTarget
              ? .target(subjectText)
              : ServerID(subjectText).map(
                StoredSubject.server)
          else { throw StoreFailure.corrupt(path, "series: \(subjectText) is no server id") }
          subjects[subjectText] = found
          subject = found
        }
        let labelText: String = try row.decode(atIndex: 3)
        let decoded: [String: String]
        if let known = labels[labelText] {
          decoded = known
        } else {
          do {
            decoded = try CanonicalJSON.decode([String: String].self, from: Array(labelText.utf8))
          } catch {
            throw StoreFailure.corrupt(path, "series: labels \(labelText.prefix(100)): \(error)")
          }
          labels[labelText] = decoded
        }
        let decimals: Int64 = try row.decode(atIndex: 7)
        let width: Int64 = try row.decode(atIndex: 8)
        catalogue.load(
          StoredSeries(
            subject: subject, metric: try row.decode(atIndex: 4), labels: decoded,
            kind: SeriesKind(rawValue: try row.decode(atIndex: 5)) ?? .unrecognised,
            unit: try row.decode(atIndex: 6),
            decimals: UInt8(clamping: decimals), width: UInt8(clamping: width)), id)
      }
      if let given = seriesMark.given { catalogue.spare(through: given) }
      return catalogue
    }
  }

  /// Of a database that is older than history: what is in neither is known by numbers alone.
  func findOlderDatabase() async throws(DiagnosticError) -> Diagnostic? {
    guard let stored = seriesMark.stored else { return nil }
    let highest = try await read { db in try Int64.fetchOne(db, sql: "SELECT max(id) FROM series") }
    let missing = Int64(stored) - (highest ?? -1)
    guard missing > 0 else { return nil }
    return Diagnostic(
      .samplesLost, .error, subject: "state.sqlite",
      reason:
        "it is older than history: up to \(missing) series that came after it was copied are not in it, and"
        + " their samples of that time can not be found",
      remedy: "If there is a newer backup of it, put that in its place with the manager stopped.")
  }
}
