import GRDB
import ManagerCore
import Protocol

@testable import Manager

/// All of what is stored at once, as only tests can hold it.
extension StateStore {
  /// The first `limit` blocks that overlap `from ... through`, all in memory at once.
  func blocks(
    from: Int64, through: Int64, servers: Set<ServerID>? = nil, limit: Int = .max
  ) async throws(DiagnosticError) -> [HistoryBlock] {
    let ids = try await blockIDs(from: from, through: through, servers: servers)
    return try await blocks(Array(ids.prefix(max(0, limit))))
  }

  /// The catalogue of series, by number.
  func series() async throws(DiagnosticError) -> [(SeriesID, StoredSeries)] {
    try await read { [path] db in
      var found: [(SeriesID, StoredSeries)] = []
      let rows = try Row.fetchCursor(db, sql: "SELECT * FROM series ORDER BY id")
      while let row = try rows.next() {
        let id: Int64 = row["id"]
        guard let id = SeriesID(exactly: id) else {
          throw StoreFailure.corrupt(path, "series: \(id) is no series id")
        }
        found.append((id, try StoredSeries(row, path: path)))
      }
      return found
    }
  }
}
