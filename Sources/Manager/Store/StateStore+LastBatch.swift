import GRDB
import ManagerCore
import Protocol

extension StateStore {
  /// Of each server the newest stored batch.
  package func lastBatches() async throws(DiagnosticError) -> [ServerID: LastBatch] {
    let inDays = try await history.lastBatches()
    return try await read { db in
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT streams.server, streams.boot, streams.incarnation,
            max(blocks.through_ns) AS last, blocks.last_order AS "order"
          FROM blocks JOIN streams ON streams.id = blocks.stream GROUP BY blocks.stream
          """)
      var found: [ServerID: LastBatch] = [:]
      while let row = try rows.next() {
        let text: String = try row.decode(forColumn: "server")
        guard let server = ServerID(text) else { continue }
        let last: Int64 = try row.decode(forColumn: "last")
        if let known = found[server], known.nanoseconds >= last { continue }
        let stream = StreamKey(
          server: server, boot: BootID(try row.decode(forColumn: "boot")),
          incarnation: try row.decode(forColumn: "incarnation"))
        found[server] = LastBatch(
          stream: stream, order: UInt64(clamping: try row.decode(Int64.self, forColumn: "order")),
          nanoseconds: last)
      }
      for item in inDays where item.nanoseconds > found[item.stream.server]?.nanoseconds ?? .min {
        found[item.stream.server] = item
      }
      return found
    }
  }
}
