/// A path of the API. Segments and values are percent-encoded here and nowhere else.
package struct Route: Hashable, Sendable {
  private var segments: [String]
  private var query: [String] = []

  /// Below `/api/v1`.
  package init(_ segments: String...) { self.segments = ["api", "v1"] + segments }

  /// The same route with a parameter added.
  package func with(_ name: String, _ value: String?) -> Route {
    guard let value else { return self }
    var route = self
    route.query.append("\(Route.encode(name))=\(Route.encode(value))")
    return route
  }

  /// What follows the host in a URL.
  package var text: String {
    let path = segments.map { "/" + Route.encodeSegment($0) }.joined()
    return query.isEmpty ? path : path + "?" + query.joined(separator: "&")
  }

  /// A segment of dots alone would be taken for a relative path.
  private static func encodeSegment(_ segment: String) -> String {
    segment.allSatisfy { $0 == "." } ? segment.replacing(".", with: "%2E") : encode(segment)
  }

  /// All but the unreserved characters of RFC 3986.
  static func encode(_ text: String) -> String {
    text.utf8.reduce(into: "") { result, byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        result += digits.utf8.count < 2 ? "%0\(digits)" : "%\(digits)"
      }
    }
  }
}
