import Protocol

/// The text format of Prometheus, version 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/).
package enum PrometheusText {
  /// The media type of what `render` gives.
  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// Renders families sorted by name, samples sorted by labels: equal values have equal text.
  ///
  /// A scrape with one bad line is refused whole, and names and labels come from agents. So a
  /// character that a name can not have becomes `_`, families of one name are joined, and of
  /// samples with equal labels the last given is kept.
  package static func render(_ families: [MetricFamily]) -> String {
    var byName: [String: MetricFamily] = [:]
    for family in families {
      let name = plain(family.name, colons: true)
      if byName[name] == nil {
        byName[name] = family
      } else {
        byName[name]?.samples += family.samples
      }
    }
    var text = ""
    for (name, family) in byName.sorted(by: { $0.key < $1.key }) where !family.samples.isEmpty {
      append(family, name, to: &text)
    }
    return text
  }

  private static func append(_ family: MetricFamily, _ name: String, to text: inout String) {
    text += "# HELP \(name) \(escaped(family.help, quotes: false))\n"
    text += "# TYPE \(name) \(typeName(family.kind))\n"
    var lines: [String: String] = [:]
    for sample in family.samples { lines[labelText(sample.labels)] = sample.value.text }
    for (labels, value) in lines.sorted(by: { $0.key < $1.key }) {
      text += "\(name)\(labels) \(value)\n"
    }
  }

  private static func typeName(_ kind: SeriesKind) -> String {
    switch kind {
    case .counter: "counter"
    case .gauge: "gauge"
    case .unrecognised: "untyped"
    }
  }

  private static func labelText(_ labels: [String: String]) -> String {
    var plainLabels: [String: String] = [:]
    for (name, value) in labels.sorted(by: { $0.key < $1.key }) {
      plainLabels[plain(name, colons: false)] = value
    }
    // An empty label is to Prometheus the same as none.
    let pairs = plainLabels.filter { !$0.value.isEmpty }.sorted { $0.key < $1.key }
    guard !pairs.isEmpty else { return "" }
    let inner = pairs.map { "\($0.key)=\"\(escaped($0.value, quotes: true))\"" }
    return "{" + inner.joined(separator: ",") + "}"
  }

  private static func plain(_ name: String, colons: Bool) -> String {
    var bytes: [UInt8] = []
    for byte in name.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "_"):
        bytes.append(byte)
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        if bytes.isEmpty { bytes.append(UInt8(ascii: "_")) }
        bytes.append(byte)
      case UInt8(ascii: ":") where colons: bytes.append(byte)
      default: bytes.append(UInt8(ascii: "_"))
      }
    }
    // Labels that begin with two underscores are Prometheus's own.
    while !colons, bytes.starts(with: [UInt8(ascii: "_"), UInt8(ascii: "_")]) {
      bytes.removeFirst()
    }
    return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
  }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): bytes += [byte, byte]
      case UInt8(ascii: "\n"): bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
      case UInt8(ascii: "\"") where quotes: bytes += [UInt8(ascii: "\\"), byte]
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
