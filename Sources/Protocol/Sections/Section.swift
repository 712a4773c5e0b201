/// Names a part of a server's state. `subject` is empty for parts that a server has once.
package struct SectionKey: Hashable, Codable, Sendable, Comparable, CustomStringConvertible {
  package var name: String
  package var subject: String

  package init(_ name: String, _ subject: String = "") {
    self.name = name
    self.subject = subject
  }

  package var description: String { subject.isEmpty ? name : "\(name)/\(subject)" }
  package static func < (a: SectionKey, b: SectionKey) -> Bool {
    (a.name, a.subject) < (b.name, b.subject)
  }
}

/// A part of a server's state as its agent reports it: slow facts, never volatile numbers.
package struct Section: Hashable, Codable, Sendable {
  package var key: SectionKey
  /// The collector that made it; its freshness is that of the collector's last completed cycle.
  package var collector: String
  /// FNV-1a 64 of the canonical JSON of `body`.
  package var digest: UInt64
  package var body: JSONValue

  package init(key: SectionKey, collector: String, body: JSONValue) throws {
    self.key = key
    self.collector = collector
    self.body = body
    digest = Section.digest(of: try CanonicalJSON.encode(body))
  }

  package static func digest(of bytes: [UInt8]) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return hash
  }
}

/// A typed section body and the name it travels under.
package protocol SectionBody: Codable, Hashable, Sendable {
  static var sectionName: String { get }
}

extension SectionBody {
  package func section(subject: String = "", collector: String) throws -> Section {
    try Section(
      key: SectionKey(Self.sectionName, subject), collector: collector,
      body: try CanonicalJSON.value(self))
  }

  /// Decodes a body; unknown members are ignored, a missing required one throws.
  package init(_ section: Section) throws {
    self = try CanonicalJSON.decode(Self.self, from: CanonicalJSON.encode(section.body))
  }
}
