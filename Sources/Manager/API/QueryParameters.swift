import Protocol

/// The query of a request, decoded, in its order. A parameter that no route reads is refused, so
/// that a typing error never looks like an answer.
package struct QueryParameters: Hashable, Sendable {
  package private(set) var items: [Item] = []
  package struct Item: Hashable, Sendable {
    package var name: String
    package var value: String
  }

  package init() {}

  package init(_ query: String?, limits: APILimits) throws(DiagnosticError) {
    guard let query, !query.isEmpty else { return }
    for part in query.split(separator: "&") {
      guard items.count < limits.queryItems else {
        throw DiagnosticError.malformed("more than \(limits.queryItems) query parameters")
      }
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = DecodedSegment.percentDecoded(pair[0].utf8),
        let value = DecodedSegment.percentDecoded((pair.count > 1 ? pair[1] : "").utf8)
      else { throw DiagnosticError.malformed("a query parameter is not percent-encoded UTF-8") }
      items.append(Item(name: name, value: value))
    }
  }

  /// Refuses parameters other than these.
  package func only(_ names: [String]) throws(DiagnosticError) {
    for item in items where !names.contains(item.name) {
      throw DiagnosticError.malformed("no query parameter '\(item.name)' is known here")
    }
  }

  package func all(_ name: String) -> [String] {
    items.filter { $0.name == name }.map(\.value)
  }

  /// The one value, `nil` when there is none.
  package func one(_ name: String) throws(DiagnosticError) -> String? {
    let values = all(name)
    guard values.count <= 1 else {
      throw DiagnosticError.malformed("'\(name)' is given \(values.count) times")
    }
    return values.first
  }

  /// Names with commas between them, also of a parameter that is repeated.
  package func list(_ name: String) -> [String] {
    all(name).flatMap { $0.split(separator: ",").map(String.init) }
  }

  /// A whole number within a range, `nil` when it is absent.
  package func number(_ name: String, in range: ClosedRange<Int64>) throws(DiagnosticError)
    -> Int64?
  {
    guard let text = try one(name) else { return nil }
    guard let number = Int64(text), range.contains(number) else {
      throw DiagnosticError.malformed(
        "'\(name)' is no whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// `true` or `false`; absent is false.
  package func flag(_ name: String) throws(DiagnosticError) -> Bool {
    switch try one(name) {
    case nil, "false": return false
    case "true": return true
    default: throw DiagnosticError.malformed("'\(name)' is neither true nor false")
    }
  }
}

extension DiagnosticError {
  /// `request-malformed`: the client's fault, and how.
  static func malformed(_ reason: String) -> DiagnosticError {
    DiagnosticError(.requestMalformed, subject: "", reason: reason)
  }
}
