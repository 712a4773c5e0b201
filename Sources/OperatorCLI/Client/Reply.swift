import ManagerCore
import Protocol

/// A view together with the JSON it came from: there survive the members and words of a manager
/// newer than this program.
@dynamicMemberLookup
package struct Reply<View: Sendable>: Sendable {
  package let view: View
  package let raw: JSONValue

  init(view: View, raw: JSONValue) {
    self.view = view
    self.raw = raw
  }

  package subscript<Value>(dynamicMember path: KeyPath<View, Value>) -> Value {
    view[keyPath: path]
  }

  /// The word of an enumeration as the manager wrote it, known here or not.
  func word(_ key: String, _ value: some WireEnum) -> String {
    if value == .unrecognised, case .string(let text)? = raw[key] { return text }
    return value.rawValue
  }

  /// A member that is a view itself.
  func member<Part: Sendable>(_ key: String, _ part: Part) -> Reply<Part> {
    Reply<Part>(view: part, raw: raw[key] ?? .null)
  }

  /// A member that is a list of views.
  func list<Part: Sendable>(_ key: String, _ parts: [Part]) -> [Reply<Part>] {
    Reply<[Part]>(view: parts, raw: raw[key] ?? .null).elements()
  }

  /// Each element with its own JSON.
  func elements<Part: Sendable>() -> [Reply<Part>] where View == [Part] {
    guard case .array(let values) = raw, values.count == view.count else {
      return view.map { Reply<Part>(view: $0, raw: .null) }
    }
    return zip(view, values).map { Reply<Part>(view: $0, raw: $1) }
  }
}

extension Reply where View: Codable {
  /// Of the body of an answer.
  package init(body: [UInt8]) throws {
    view = try CanonicalJSON.decode(View.self, from: body)
    raw = try CanonicalJSON.decode(JSONValue.self, from: body)
  }

  /// Of a view at hand.
  package init(_ view: View) throws {
    self.view = view
    raw = try CanonicalJSON.value(view)
  }
}
