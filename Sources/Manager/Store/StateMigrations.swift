import GRDB

/// One step of the schema. Once released, neither name nor SQL of a step ever changes: a test pins
/// both. What is new goes into a new step at the end.
struct StateMigration {
  let name: String
  let sql: String
}

/// The schema of the state database, step by step.
enum StateMigrations {
  /// "IML1": tells our file from any other SQLite database.
  static let applicationID: Int32 = 0x494D_4C31

  static let all = [
    StateMigration(name: "0001-trust", sql: trust),
    StateMigration(name: "0002-documents", sql: documents),
    StateMigration(name: "0003-history", sql: history),
    StateMigration(name: "0004-lost-orders", sql: lostOrders),
    StateMigration(name: "0005-stored-ends", sql: storedEnds),
  ]

  /// Tables that are small and that everything hangs on: checked at each start. History can hold
  /// gigabytes, so it is not read through; a damaged block shows when it is read.
  static let checkedTables = [
    "servers", "certificates", "enrolment_tokens", "api_tokens", "audit", "documents", "series",
    "streams", "losses", "lost_orders", "stored_ends", "missing_orders",
  ]

  static func migrator(_ steps: [StateMigration]) -> DatabaseMigrator {
    var migrator = DatabaseMigrator()
    for step in steps {
      migrator.registerMigration(step.name, foreignKeyChecks: .immediate) { db in
        try db.execute(sql: step.sql)
      }
    }
    return migrator
  }

  private static let trust = """
    PRAGMA application_id = 1229802545;
    CREATE TABLE servers (
      id TEXT PRIMARY KEY NOT NULL,
      hostname TEXT NOT NULL,
      profile TEXT NOT NULL,
      enrolled_ns INTEGER NOT NULL,
      certificate_serial TEXT NOT NULL,
      certificate_expires_ns INTEGER NOT NULL,
      boot TEXT,
      heard_ns INTEGER,
      forgotten INTEGER NOT NULL DEFAULT 0 CHECK (forgotten IN (0, 1))
    ) STRICT;
    CREATE INDEX servers_by_hostname ON servers (hostname);
    CREATE TABLE certificates (
      serial TEXT PRIMARY KEY NOT NULL,
      server TEXT NOT NULL REFERENCES servers (id),
      not_before_ns INTEGER NOT NULL,
      not_after_ns INTEGER NOT NULL,
      revoked_ns INTEGER,
      revoked_reason TEXT
    ) STRICT;
    CREATE INDEX certificates_by_server ON certificates (server);
    CREATE TABLE enrolment_tokens (
      id TEXT PRIMARY KEY NOT NULL,
      secret_sha256 BLOB NOT NULL CHECK (length(secret_sha256) = 32),
      profile TEXT NOT NULL,
      uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
      created_ns INTEGER NOT NULL,
      expires_ns INTEGER NOT NULL,
      revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
      created_by TEXT NOT NULL
    ) STRICT;
    CREATE TABLE api_tokens (
      id TEXT PRIMARY KEY NOT NULL,
      name TEXT NOT NULL,
      role TEXT NOT NULL,
      secret_sha256 BLOB NOT NULL CHECK (length(secret_sha256) = 32),
      created_ns INTEGER NOT NULL,
      expires_ns INTEGER,
      revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
      created_by TEXT NOT NULL
    ) STRICT;
    CREATE TABLE audit (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at_ns INTEGER NOT NULL,
      who TEXT NOT NULL,
      action TEXT NOT NULL,
      subject TEXT NOT NULL,
      outcome TEXT NOT NULL
    ) STRICT;
    """

  private static let documents = """
    CREATE TABLE documents (
      kind TEXT NOT NULL,
      id TEXT NOT NULL,
      json TEXT NOT NULL,
      PRIMARY KEY (kind, id)
    ) STRICT;
    """

  private static let history = """
    CREATE TABLE series (
      id INTEGER PRIMARY KEY,
      subject_kind TEXT NOT NULL CHECK (subject_kind IN ('server', 'target')),
      subject TEXT NOT NULL,
      metric TEXT NOT NULL,
      labels TEXT NOT NULL,
      kind TEXT NOT NULL,
      unit TEXT NOT NULL,
      decimals INTEGER NOT NULL,
      width INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE streams (
      id INTEGER PRIMARY KEY,
      server TEXT NOT NULL,
      boot TEXT NOT NULL,
      incarnation TEXT NOT NULL,
      durable_order INTEGER NOT NULL,
      touched_ns INTEGER NOT NULL,
      UNIQUE (server, boot, incarnation)
    ) STRICT;
    CREATE TABLE blocks (
      id INTEGER PRIMARY KEY,
      stream INTEGER NOT NULL REFERENCES streams (id),
      from_ns INTEGER NOT NULL,
      through_ns INTEGER NOT NULL,
      first_order INTEGER NOT NULL,
      last_order INTEGER NOT NULL,
      samples INTEGER NOT NULL,
      bytes BLOB NOT NULL,
      UNIQUE (stream, first_order)
    ) STRICT;
    CREATE INDEX blocks_by_end ON blocks (through_ns);
    CREATE TABLE losses (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      server TEXT NOT NULL,
      after_ns INTEGER,
      before_ns INTEGER NOT NULL,
      batches INTEGER,
      samples INTEGER,
      reason TEXT NOT NULL
    ) STRICT;
    CREATE INDEX losses_by_server ON losses (server, id);
    """

  private static let lostOrders = """
    CREATE TABLE lost_orders (
      stream INTEGER NOT NULL REFERENCES streams (id) ON DELETE CASCADE,
      first_order INTEGER NOT NULL,
      last_order INTEGER NOT NULL,
      PRIMARY KEY (stream, first_order)
    ) STRICT, WITHOUT ROWID;
    """

  /// What was written to files of days, by stream: the highest order, that of the block that was written
  /// last, the begin of the first block and the end of the last. In `gone_order` the highest one of days that
  /// are not missed any more. Then what files lack of it, until it is in a block again or lost.
  private static let storedEnds = """
    ALTER TABLE streams ADD COLUMN gone_order INTEGER;
    CREATE TABLE stored_ends (
      stream INTEGER NOT NULL REFERENCES streams (id) ON DELETE CASCADE,
      day INTEGER NOT NULL,
      last_order INTEGER NOT NULL,
      written_order INTEGER NOT NULL,
      from_ns INTEGER NOT NULL,
      through_ns INTEGER NOT NULL,
      PRIMARY KEY (stream, day)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE missing_orders (
      stream INTEGER NOT NULL REFERENCES streams (id) ON DELETE CASCADE,
      first_order INTEGER NOT NULL,
      last_order INTEGER NOT NULL,
      after_ns INTEGER,
      before_ns INTEGER NOT NULL,
      reason TEXT NOT NULL,
      PRIMARY KEY (stream, first_order)
    ) STRICT, WITHOUT ROWID;
    """
}
