import Protocol

extension Inspection {
  /// One JSON object: `server`, `sections`, `series`, `jobs`, `leftovers`, `failures`. Numbers are written
  /// digit by digit, because a JSON encoder's doubles would round large ones.
  package func json() throws -> String {
    var lines = ["{"]
    lines.append("  \"server\": \(try Self.encoded(server)),")
    lines.append("  \"sections\": {")
    lines.append(contentsOf: try sectionLines())
    lines.append("  },")
    lines.append("  \"series\": [")
    lines.append(contentsOf: Self.list(try samples.map(Self.encoded)))
    lines.append("  ],")
    lines.append("  \"jobs\": [")
    lines.append(contentsOf: Self.list(try jobs.map { try Self.encoded(InspectedJobs($0)) }))
    lines.append("  ],")
    lines.append("  \"leftovers\": [")
    lines.append(contentsOf: Self.list(try leftovers.map { try Self.encoded($0) }))
    lines.append("  ],")
    lines.append("  \"failures\": [")
    lines.append(contentsOf: Self.list(try failures.map { try Self.encoded($0) }))
    lines.append("  ]")
    lines.append("}")
    return lines.joined(separator: "\n") + "\n"
  }

  private func sectionLines() throws -> [String] {
    var members: [String] = []
    for (name, subjects) in sections.sorted(by: { $0.key < $1.key }) {
      if let only = subjects[""], subjects.count == 1 {
        members.append("\(try Self.encoded(name)): \(try Self.encoded(only))")
      } else {
        let bodies = try subjects.sorted { $0.key < $1.key }.map { subject, body in
          "\(try Self.encoded(subject)): \(try Self.encoded(body))"
        }
        let text = Self.list(bodies, indent: "      ").joined(separator: "\n")
        members.append("\(try Self.encoded(name)): {\n\(text)\n    }")
      }
    }
    return Self.list(members)
  }

  private static func list(_ items: [String], indent: String = "    ") -> [String] {
    items.enumerated().map { indent + $1 + ($0 + 1 < items.count ? "," : "") }
  }

  private static func encoded(_ value: some Encodable) throws -> String {
    String(decoding: try CanonicalJSON.encode(value), as: UTF8.self)
  }

  private static func encoded(_ sample: Sample) throws -> String {
    let declaration = sample.declaration
    return "{\"metric\":\(try encoded(declaration.key.metric)),"
      + "\"labels\":\(try encoded(sample.shownLabels)),\"value\":\(sample.valueText),"
      + "\"kind\":\(try encoded(declaration.kind)),\"unit\":\(try encoded(declaration.unit))}"
  }
}

/// The jobs of one target, each with what it did since its entry began.
private struct InspectedJobs: Encodable {
  var target: String
  var jobs: UInt64
  var top: [JobIncrease]
  var rest: JobCounters
  var restJobs: UInt64

  init(_ report: JobReport) {
    target = report.target.label
    jobs = report.jobs
    top = report.top
    rest = report.rest
    restJobs = report.restJobs
  }
}
