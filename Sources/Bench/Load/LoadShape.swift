import Glibc
import Protocol

extension Measurement {
  /// The same samples as `load` sends, as lines that victoria-metrics imports, and their share that
  /// does not change.
  static let loadShape = Measurement(
    name: "load-shape",
    summary: "--servers N --series N --cycles N [--start MILLISECONDS --out FILE]"
  ) { options in
    let servers = try options.number("servers", or: 100)
    let series = try options.number("series", or: 500)
    let cycles = try options.number("cycles", or: 360)
    let start = try options.number("start", or: 1_700_000_000_000)
    let path = options.text("out", or: "")
    let file: Int32 = path.isEmpty ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard path.isEmpty || file >= 0 else { throw BenchFailure("\(path): error \(errno)") }
    var unchanged = 0
    for server in 0..<servers {
      var source = LoadSource(server: server, series: series)
      var columns = [String](repeating: "", count: series)
      for cycle in 0..<cycles {
        source.advance()
        unchanged += source.unchanged
        if file < 0 { continue }
        for place in 0..<series {
          columns[place] += (cycle == 0 ? "" : ",") + String(source.samples[place].bits)
        }
      }
      if file < 0 { continue }
      let times = (0..<cycles).map { String(start + $0 * 10_000) }.joined(separator: ",")
      for (place, sample) in source.samples.enumerated() {
        try FileText.append(
          line(sample.declaration, server, columns[place], times), to: file, path)
      }
    }
    if file >= 0 { close(file) }
    let total = servers * series * cycles
    print("samples \(total)")
    print("unchanged_share \(Double(unchanged) / Double(max(1, total)))")
  }

  private static func line(
    _ declaration: SeriesDeclaration, _ server: Int, _ values: String, _ times: String
  ) -> [UInt8] {
    var labels = "\"__name__\":\"\(declaration.key.metric)\",\"server\":\"bench\(server)\""
    if case .target(let reference) = declaration.key.subject {
      labels += ",\"target\":\"\(reference.label)\""
    }
    for (name, value) in declaration.key.labels.sorted(by: { $0.key < $1.key }) {
      labels += ",\"\(name)\":\"\(value)\""
    }
    return Array(
      "{\"metric\":{\(labels)},\"values\":[\(values)],\"timestamps\":[\(times)]}\n".utf8)
  }
}
