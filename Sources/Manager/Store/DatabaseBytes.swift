import Foundation
import GRDB

/// A blob's bytes. GRDB's own name for them is Foundation's `Data`.
typealias DatabaseBytes = Data

/// SQLite would keep 2 MiB of pages for each connection, of which there are five to a file and sixteen
/// files. What is read again soon the kernel still has.
func boundCache(_ db: Database) throws {
  try db.execute(sql: "PRAGMA cache_size = -256")
}
