/// An enumeration that travels as text and survives values it does not know.
/// A newer peer's value decodes to `.unrecognised`; it never fails a message.
package protocol WireEnum: RawRepresentable, Codable, Sendable, Hashable, CaseIterable
where RawValue == String {
  static var unrecognised: Self { get }
}

extension WireEnum {
  package init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    self = Self(rawValue: text) ?? .unrecognised
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }
}
