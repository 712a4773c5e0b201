import Protocol

extension Inspection {
  /// The same for reading: aligned columns, one thing a line.
  package func text() -> String {
    var lines = ["server    \(server.hostname ?? "unknown")"]
    lines.append("boot id   \(server.bootID)")
    lines.append("root      \(server.root)\(server.readsTree ? " (a tree, no live machine)" : "")")
    heading("Collectors", &lines)
    lines += Self.columns(
      fates.collectors.map { [$0.name, $0.outcome.rawValue, $0.reason ?? ""] })
    for (name, subjects) in sections.sorted(by: { $0.key < $1.key })
    where name != CollectorsSection.sectionName {
      for (subject, body) in subjects.sorted(by: { $0.key < $1.key }) {
        heading("\(SectionKey(name, subject))", &lines)
        var rows: [[String]] = []
        Self.flatten(body, "", &rows)
        lines += Self.columns(rows)
      }
    }
    if !samples.isEmpty {
      heading("Series", &lines)
      lines += Self.columns(
        samples.map { sample in
          [sample.seriesText, sample.valueText, sample.declaration.unit]
        }, rightAligned: 1)
    }
    let jobs = jobs.filter { !$0.top.isEmpty }
    if !jobs.isEmpty {
      heading("Jobs that did most since they began", &lines)
      lines += Self.columns(
        [["target", "job", "bytes read", "bytes written", "I/O operations", "metadata operations"]]
          + jobs.flatMap { report in
            report.top.map { job in
              [report.target.label, Self.oneLine(job.job)]
                + JobMeasure.allCases.map { String(job.increase[$0]) }
            }
          })
    }
    if !leftovers.isEmpty {
      heading("Not understood", &lines)
      lines += Self.columns(leftovers.map { [$0.source, Self.oneLine($0.text)] })
    }
    if !failures.isEmpty {
      heading("Failed", &lines)
      lines += Self.columns(failures.map { [$0.collector, $0.source, $0.reason] })
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func heading(_ text: String, _ lines: inout [String]) {
    lines += ["", text]
  }

  /// Columns two blanks apart, two blanks in; the last is not padded.
  private static func columns(_ rows: [[String]], rightAligned: Int? = nil) -> [String] {
    var widths: [Int] = []
    for row in rows {
      for (column, cell) in row.enumerated() {
        if column == widths.count { widths.append(0) }
        // One long cell must not push the rest off the screen.
        widths[column] = max(widths[column], min(cell.count, 96))
      }
    }
    return rows.map { row in
      var line = " "
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: max(0, widths[column] - cell.count))
        line += " " + (column == rightAligned ? padding + cell : cell + padding) + " "
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// A body as rows of `path`, `value`; a list of plain values is one row.
  private static func flatten(_ value: JSONValue, _ path: String, _ rows: inout [[String]]) {
    switch value {
    case .object(let members):
      for (name, member) in members.sorted(by: { $0.key < $1.key }) {
        flatten(member, path.isEmpty ? name : "\(path).\(name)", &rows)
      }
    case .array(let items):
      let plain = items.compactMap(scalar)
      if plain.count == items.count {
        rows.append([path, plain.joined(separator: ", ")])
      } else {
        for (index, item) in items.enumerated() { flatten(item, "\(path)[\(index)]", &rows) }
      }
    default:
      rows.append([path, scalar(value) ?? ""])
    }
  }

  private static func scalar(_ value: JSONValue) -> String? {
    switch value {
    case .null: ""
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): String(value)
    case .unsigned(let value): String(value)
    case .number(let value): String(value)
    case .string(let value): oneLine(value)
    case .array, .object: nil
    }
  }

  /// Control characters of a file must not reach a terminal.
  private static func oneLine(_ text: String) -> String {
    var line = ""
    for scalar in text.unicodeScalars {
      if scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) {
        line += "\\u{" + String(scalar.value, radix: 16) + "}"
      } else {
        line.unicodeScalars.append(scalar)
      }
    }
    return line
  }
}

extension Sample {
  /// `metric{label="value",…}`, labels sorted.
  fileprivate var seriesText: String {
    let labels = shownLabels.sorted { $0.key < $1.key }
      .map { "\($0.key)=\"\($0.value)\"" }.joined(separator: ",")
    return declaration.key.metric + (labels.isEmpty ? "" : "{\(labels)}")
  }
}
