import GRDB
import ManagerCore
import Protocol

extension StateStore {
  /// Of each server the newest stored batch.
  package func lastBatches() async throws(DiagnosticError) -> [ServerID: LastBatch] {
    let inDays = try await history.lastBatches()
    return try await read { [path] db in
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
      // What a file lost came all the same.
      let ends = try Row.fetchCursor(
        db,
        sql: """
          SELECT streams.server, streams.boot, streams.incarnation, stored_ends.last_order,
            max(stored_ends.through_ns) AS last
          FROM stored_ends JOIN streams ON streams.id = stored_ends.stream GROUP BY streams.server
          """)
      while let row = try ends.next() {
        let last: Int64 = try row.decode(forColumn: "last")
        let stream = try StreamKey(row, path: path)
        if let known = found[stream.server], known.nanoseconds >= last { continue }
        let order: Int64 = try row.decode(forColumn: "last_order")
        found[stream.server] = LastBatch(
          stream: stream, order: UInt64(clamping: order), nanoseconds: last)
      }
      for item in inDays where item.nanoseconds > found[item.stream.server]?.nanoseconds ?? .min {
        found[item.stream.server] = item
      }
      return found
    }
  }
}
