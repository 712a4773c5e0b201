import Foundation
import GRDB
import ManagerCore
import Protocol

/// The files of history, one SQLite database each: what becomes old goes by removal of files.
enum HistoryFile: Hashable, Sendable {
  /// Blocks of one day: `raw-2026-01-31.sqlite`.
  case raw(HistoryDay)
  /// Roll-ups of one tier and month: `1m-2026-01.sqlite`.
  case rollUps(RollUpTier, month: String)

  var name: String {
    switch self {
    case .raw(let day): "raw-\(day.text).sqlite"
    case .rollUps(let tier, let month): "\(tier.name)-\(month).sqlite"
    }
  }

  init?(name: String) {
    guard name.hasSuffix(".sqlite") else { return nil }
    let parts = name.dropLast(7).split(separator: "-", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    if parts[0] == "raw" {
      guard let day = HistoryDay(parts[1]) else { return nil }
      self = .raw(day)
    } else {
      guard let tier = RollUpTier.allCases.first(where: { $0.name == parts[0] }),
        HistoryDay.after(month: parts[1]) != nil
      else { return nil }
      self = .rollUps(tier, month: String(parts[1]))
    }
  }

  /// `nil`: samples.
  var tier: RollUpTier? {
    switch self {
    case .raw: nil
    case .rollUps(let tier, _): tier
    }
  }

  /// The first nanosecond that can be in it.
  var begin: Int64 {
    switch self {
    case .raw(let day): day.begin
    case .rollUps(_, let month): HistoryDay(Substring(month + "-01"))?.begin ?? .min
    }
  }

  /// The first nanosecond that can not be in it.
  var end: Int64 {
    switch self {
    case .raw(let day): day.end
    case .rollUps(_, let month): HistoryDay.after(month: month)?.begin ?? .max
    }
  }

  /// "IMLH": tells our files from any other SQLite database.
  static let applicationID: Int32 = 0x494D_4C48
  /// Of the schemas below. They only grow: a change makes a new number and a step to it.
  static let version: Int32 = 1

  /// Of a new file. A block takes several pages, and what is left free in the last is lost: with pages
  /// of 16 KiB a seventh to a third of the file. A row of roll-ups is small and lies in one page.
  var pageSize: Int {
    switch self {
    case .raw: 4_096
    case .rollUps: 16_384
    }
  }

  var schema: String {
    switch self {
    case .raw: Self.blocks
    case .rollUps(.minute, _): Self.rollUps + Self.hours
    case .rollUps: Self.rollUps
    }
  }

  private static let blocks = """
    CREATE TABLE streams (
      id INTEGER PRIMARY KEY,
      server TEXT NOT NULL,
      boot TEXT NOT NULL,
      incarnation TEXT NOT NULL,
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
      bytes BLOB NOT NULL
    ) STRICT;
    CREATE INDEX blocks_by_order ON blocks (stream, first_order, last_order, from_ns, through_ns);
    CREATE TABLE dirty (
      server TEXT NOT NULL,
      hour INTEGER NOT NULL,
      stamp INTEGER NOT NULL,
      PRIMARY KEY (server, hour)
    ) STRICT, WITHOUT ROWID;
    """

  /// Of whole days, a series a row.
  private static let rollUps = """
    CREATE TABLE servers (
      id INTEGER PRIMARY KEY,
      server TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE days (
      day INTEGER NOT NULL,
      series INTEGER NOT NULL,
      server INTEGER NOT NULL REFERENCES servers (id),
      bytes BLOB NOT NULL,
      PRIMARY KEY (day, series, server)
    ) STRICT, WITHOUT ROWID;
    """

  /// Of hours whose day is not over: a page is 16 series. Then the days that are put together, and
  /// those whose raw blocks were removed.
  private static let hours = """
    CREATE TABLE hours (
      hour INTEGER NOT NULL,
      page INTEGER NOT NULL,
      server INTEGER NOT NULL REFERENCES servers (id),
      bytes BLOB NOT NULL,
      PRIMARY KEY (hour, page, server)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX hours_by_server ON hours (server, hour);
    CREATE TABLE joined (
      day INTEGER NOT NULL,
      server INTEGER NOT NULL REFERENCES servers (id),
      PRIMARY KEY (day, server)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE gone (day INTEGER PRIMARY KEY) STRICT;
    """
}
