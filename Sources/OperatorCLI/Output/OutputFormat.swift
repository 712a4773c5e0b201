import ArgumentParser

/// Shapes of output.
package enum OutputFormat: String, CaseIterable, ExpressibleByArgument, Sendable {
  /// For a person.
  case table
  /// All that the API gives, as one canonical document.
  case json
  /// The items of a list, one canonical document a line.
  case ndjson
  /// The document of `json` in YAML.
  case yaml
  /// RFC 4180 with a header, numbers in full.
  case csv

  /// A program reads it and reads what goes wrong in the same language.
  var tellsErrorsInJSON: Bool {
    switch self {
    case .json, .ndjson, .yaml: true
    case .table, .csv: false
    }
  }
}

/// When to paint.
package enum ColourChoice: String, CaseIterable, ExpressibleByArgument, Sendable {
  case auto, always, never
}
