/// Names and values of one thing, aligned; a fact without a value is left out.
struct Facts {
  private var table = Table(columns: [.init(""), .init("", .flow)], hasHeader: false)

  mutating func add(_ name: String, _ value: String?, _ tone: Tone = .plain) {
    guard let value, !value.isEmpty else { return }
    table.rows.append([Cell(name), Cell(value, tone)])
  }

  func render(_ style: Style) -> String { table.render(style) }
}

/// Blocks with a blank line between; empty ones leave no gap.
func page(_ blocks: [String]) -> String {
  blocks.filter { !$0.isEmpty }.joined(separator: "\n")
}

/// `1 server`, `3 servers`.
func plural(_ count: Int, _ one: String, _ many: String? = nil) -> String {
  count == 1 ? "1 \(one)" : "\(count) \(many ?? one + "s")"
}

/// At most `limit` elements drawn, and a line that says how many are left out and where they are.
func limited<Element>(
  _ all: [Element], to limit: Int, _ what: String, seeAll: String, draw: ([Element]) -> String
) -> String {
  guard !all.isEmpty else { return "" }
  let text = draw(Array(all.prefix(limit)))
  let rest = all.count - limit
  return rest > 0 ? text + "and \(rest) more \(what): `\(seeAll)` shows all.\n" : text
}
