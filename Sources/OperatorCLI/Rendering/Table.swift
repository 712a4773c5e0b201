/// One cell: printable text and its tone.
struct Cell: Hashable, ExpressibleByStringLiteral {
  var text: String
  var tone: Tone
  init(_ text: String, _ tone: Tone = .plain) {
    self.text = printable(text)
    self.tone = tone
  }
  init(stringLiteral value: String) { self.init(value) }
  /// A state's word in its tone.
  init(state word: String) { self.init(word, Tone(word: word)) }
  init(_ number: Int?) { self.init(number.map(String.init) ?? Quantities.nothing) }
  /// A name, or that there is none.
  init(name: String?) { self.init(name.flatMap { $0.isEmpty ? nil : $0 } ?? Quantities.nothing) }
}

/// Aligned columns under a header in capitals. No cell is ever cut: only the words of a last
/// column that flows are wrapped, beside the others or, where little room is left, below them.
struct Table {
  struct Column {
    enum Kind { case words, number, flow }
    var title: String
    var kind: Kind
    /// Left out where the table would be wider than the page: the others tell the most of it.
    var isSpare: Bool
    init(_ title: String, _ kind: Kind = .words, isSpare: Bool = false) {
      self.title = printable(title)
      self.kind = kind
      self.isSpare = isSpare
    }
  }
  var columns: [Column]
  /// Each as long as `columns`.
  var rows: [[Cell]] = []
  var hasHeader = true

  /// In less than this a sentence turns into a word a line.
  private static let narrowestFlow = 24
  private static let gap = 2
  private static let indentBelow = 4

  func render(_ style: Style) -> String {
    let shown = withoutEmptyFlow().fitted(to: style.width)
    let lines = shown.lines
    let widths = shown.widths
    let fixed = shown.hasFlow ? widths.dropLast() : widths[...]
    let used = fixed.reduce(0) { $0 + $1 + Table.gap }
    let place =
      style.width - used >= Table.narrowestFlow
      ? Flow(indent: used, isBelow: false) : Flow(indent: Table.indentBelow, isBelow: true)
    return lines.indices.map { index in
      let isTitle = hasHeader && index == 0
      return shown.line(lines[index], Array(fixed), place, isTitle: isTitle, style)
    }.joined()
  }

  /// Where the words of the last column go.
  private struct Flow {
    var indent: Int
    var isBelow: Bool
  }

  private var lines: [[Cell]] { (hasHeader ? [columns.map { Cell($0.title) }] : []) + rows }

  /// Of each column the widest cell.
  private var widths: [Int] {
    let lines = lines
    return columns.indices.map { column in lines.reduce(0) { max($0, $1[column].text.count) } }
  }

  /// Without its spare columns, the last first, as far as the width demands it.
  private func fitted(to width: Int) -> Table {
    var table = self
    while let spare = table.columns.lastIndex(where: \.isSpare) {
      let fixed = table.hasFlow ? table.widths.dropLast() : table.widths[...]
      guard fixed.reduce(0, +) + Table.gap * (fixed.count - 1) > width else { break }
      table.columns.remove(at: spare)
      for row in table.rows.indices { table.rows[row].remove(at: spare) }
    }
    return table
  }

  private var hasFlow: Bool { columns.last?.kind == .flow }

  private func withoutEmptyFlow() -> Table {
    guard hasFlow, rows.allSatisfy({ $0.last?.text.isEmpty ?? true }) else { return self }
    return Table(
      columns: Array(columns.dropLast()), rows: rows.map { Array($0.dropLast()) },
      hasHeader: hasHeader)
  }

  private func line(
    _ cells: [Cell], _ widths: [Int], _ flow: Flow, isTitle: Bool, _ style: Style
  ) -> String {
    var line = ""
    for (index, width) in widths.enumerated() {
      let cell = cells[index]
      let space = String(repeating: " ", count: width - cell.text.count)
      let painted = style.paint(cell.text, cell.tone)
      line += columns[index].kind == .number ? space + painted : painted + space
      if index + 1 < cells.count { line += String(repeating: " ", count: Table.gap) }
    }
    guard hasFlow, let last = cells.last, !(isTitle && flow.isBelow) else {
      return trimmed(line) + "\n"
    }
    let indent = "\n" + String(repeating: " ", count: flow.indent)
    let words = wrap(last.text, to: style.width - flow.indent)
      .filter { !$0.isEmpty }.map { style.paint($0, last.tone) }
    if flow.isBelow { return ([String(trimmed(line))] + words).joined(separator: indent) + "\n" }
    return trimmed(line + words.joined(separator: indent)) + "\n"
  }

  private func trimmed(_ line: String) -> Substring {
    guard let end = line.lastIndex(where: { $0 != " " }) else { return "" }
    return line[...end]
  }
}

/// Lines of whole words, each within `width` unless one word alone is longer.
func wrap(_ text: String, to width: Int) -> [String] {
  var lines = [""]
  for word in text.split(separator: " ") {
    let line = lines[lines.count - 1]
    if line.isEmpty {
      lines[lines.count - 1] = String(word)
    } else if line.count + 1 + word.count <= width {
      lines[lines.count - 1] = line + " " + word
    } else {
      lines.append(String(word))
    }
  }
  return lines
}
