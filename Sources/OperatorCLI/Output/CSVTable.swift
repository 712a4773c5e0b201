import Protocol

/// Rows under a header, as RFC 4180 writes them.
struct CSVTable: Hashable, Sendable {
  var header: [String]
  /// Each as long as `header`.
  var rows: [[String]]

  /// Lines end with CR and LF, the header's too. Without a column there is no line at all.
  var text: String {
    guard !header.isEmpty else { return "" }
    return ([header] + rows).map { $0.map(CSVTable.field).joined(separator: ",") + "\r\n" }
      .joined()
  }

  private static func field(_ text: String) -> String {
    let needsQuotes = text.unicodeScalars.contains {
      $0 == "," || $0 == "\"" || $0 == "\r" || $0 == "\n"
    }
    return needsQuotes ? "\"\(text.replacing("\"", with: "\"\""))\"" : text
  }

  /// With every control character spelled, for a terminal.
  var spelled: CSVTable {
    CSVTable(header: header.map(printable), rows: rows.map { $0.map(printable) })
  }
}

extension CSVTable {
  /// These members of each item. A dot leads into a member that is an object; the column of a
  /// summary's member is named as in the list.
  init(_ items: [JSONValue], members: [String]) {
    header = members.map { $0.hasPrefix("summary.") ? String($0.dropFirst(8)) : $0 }
    rows = items.map { item in members.map { CSVTable.text(CSVTable.find($0, in: item)) } }
  }

  /// All members of an object that fit a field, by name.
  init(members object: JSONValue) {
    guard case .object(let all) = object else {
      self.init(header: [], rows: [])
      return
    }
    let names = all.keys.filter { CSVTable.fits(all[$0] ?? .null) }.sorted()
    self.init([object], members: names)
  }

  private static func find(_ path: String, in item: JSONValue) -> JSONValue {
    path.split(separator: ".").reduce(item) { value, name in value[String(name)] ?? .null }
  }

  /// Scalars, and lists of scalars; lists of objects have verbs of their own or `-o json`.
  static func fits(_ value: JSONValue) -> Bool {
    switch value {
    case .object: false
    case .array(let items):
      items.allSatisfy {
        switch $0 {
        case .array, .object: false
        default: true
        }
      }
    default: true
    }
  }

  /// Numbers in full, nothing for null; the names of a list stand with blanks between.
  static func text(_ value: JSONValue) -> String {
    switch value {
    case .null, .object: ""
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): String(value)
    case .unsigned(let value): String(value)
    case .number(let value): "\(value)"
    case .string(let value): value
    case .array(let items): fits(value) ? items.map(text).joined(separator: " ") : ""
    }
  }
}
