import GRDB
import ManagerCore
import Protocol

extension StateStore {
  /// Of each server the stream of its newest stored batch, and that batch's time.
  package func lastBatches() async throws(DiagnosticError) -> [ServerID: (
    stream: StreamKey, nanoseconds: Int64
  )] {
    let inDays = try await history.lastBatches()
    return try await read { db in
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT streams.server, streams.boot, streams.incarnation, max(blocks.through_ns) AS last
          FROM blocks JOIN streams ON streams.id = blocks.stream GROUP BY blocks.stream
          """)
      var found: [ServerID: (stream: StreamKey, nanoseconds: Int64)] = [:]
      while let row = try rows.next() {
        let text: String = row["server"]
        guard let server = ServerID(text) else { continue }
        let last: Int64 = row["last"]
        if let known = found[server], known.nanoseconds >= last { continue }
        let stream = StreamKey(
          server: server, boot: BootID(row["boot"]), incarnation: row["incarnation"])
        found[server] = (stream, last)
      }
      for item in inDays where item.nanoseconds > found[item.stream.server]?.nanoseconds ?? .min {
        found[item.stream.server] = item
      }
      return found
    }
  }
}
