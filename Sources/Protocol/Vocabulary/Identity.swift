import FoundationEssentials

/// A server, by the UUID in its certificate (SAN URI `urn:iml:server:UUID`), never by its host name.
package struct ServerID: Hashable, Codable, Sendable, Comparable, CustomStringConvertible {
  package let text: String

  /// Takes a UUID in any case; `nil` for anything else.
  package init?(_ text: String) {
    guard let uuid = UUID(uuidString: text) else { return nil }
    self.text = uuid.uuidString.lowercased()
  }

  package init(uuid: UUID) { text = uuid.uuidString.lowercased() }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let id = ServerID(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "not a server UUID: \(text.prefix(64))")
    }
    self = id
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }

  package var description: String { text }
  package static func < (a: ServerID, b: ServerID) -> Bool { a.text < b.text }
}

/// One life of a server's kernel: the content of `/proc/sys/kernel/random/boot_id`.
package struct BootID: Hashable, Codable, Sendable, CustomStringConvertible {
  package let text: String
  package init(_ text: String) { self.text = text }
  package init(from decoder: any Decoder) throws {
    text = try decoder.singleValueContainer().decode(String.self)
  }
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
  package var description: String { text }
}

/// What the agent's clocks said at one moment: boot clock (`CLOCK_BOOTTIME`) and wall clock
/// (`CLOCK_REALTIME`), both in nanoseconds. Order within a boot follows the boot clock only.
package struct Stamp: Hashable, Codable, Sendable {
  package var bootNanoseconds: Int64
  package var wallNanoseconds: Int64

  package init(bootNanoseconds: Int64, wallNanoseconds: Int64) {
    self.bootNanoseconds = bootNanoseconds
    self.wallNanoseconds = wallNanoseconds
  }
}

/// A target as one server names it. `mgs` are the NIDs under which its MGS is reached, in the order
/// of `mgsnode=`; empty when the server does not tell.
package struct TargetReference: Hashable, Codable, Sendable {
  package var label: String
  package var mgs: [String]

  package init(label: String, mgs: [String] = []) {
    self.label = label
    self.mgs = mgs
  }
}
