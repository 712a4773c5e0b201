import Crypto
import NIOSSL
import Synchronization

/// Where a manager is asked, and what proves each side to the other.
package enum Door: Sendable {
  /// On this host; the kernel tells the manager who asks.
  case socket(String)
  /// From anywhere; the manager shows a certificate, the caller a token.
  case https(ManagerAddress, token: String, Trust)

  /// What complaints are about.
  var name: String {
    switch self {
    case .socket(let path): path
    case .https(let address, _, _): address.text
    }
  }
}

/// `HOST[:PORT]` of a manager; the port is 8443 unless given, an IPv6 address with one stands in
/// brackets.
package struct ManagerAddress: Hashable, Sendable {
  package let host: String
  package let port: Int
  /// What `iml serve` listens on by default.
  static let defaultPort = 8443

  package init?(_ text: String) {
    var host = text[...]
    var port: Substring?
    if text.first == "[" {
      guard let end = text.firstIndex(of: "]") else { return nil }
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      guard rest.isEmpty || rest.first == ":" else { return nil }
      if !rest.isEmpty { port = rest.dropFirst() }
    } else if let colon = text.firstIndex(of: ":"), text[text.index(after: colon)...].contains(":")
    {
      // Several colons without brackets: an IPv6 address alone.
    } else if let colon = text.firstIndex(of: ":") {
      host = text[..<colon]
      port = text[text.index(after: colon)...]
    }
    let isName = host.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: ":"):
        true
      default: false
      }
    }
    guard !host.isEmpty, isName else { return nil }
    if let port {
      guard let number = UInt16(port), number > 0, port.utf8.allSatisfy({ $0 != 0x2b }) else {
        return nil
      }
      self.port = Int(number)
    } else {
      self.port = ManagerAddress.defaultPort
    }
    self.host = String(host)
  }

  /// `HOST:PORT`, as URLs have it.
  var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Whom to believe that it is the manager. The chain, its dates and the name that was dialled are
/// checked against it each time; there is no way around that.
package final class Trust: Sendable {
  enum Anchor: Sendable {
    /// The certificates of a file, for messages with its name.
    case authorities([NIOSSLCertificate], file: String)
    /// Lower-case hexadecimal SHA-256 of the CA's certificate: the last part of an enrolment token.
    case pin(String)
  }
  let anchor: Anchor
  private let found = Mutex<NIOSSLCertificate?>(nil)

  init(_ anchor: Anchor) { self.anchor = anchor }

  /// What the chain must end in. A pin is looked up at the manager once.
  func authorities(of address: ManagerAddress) async throws -> [NIOSSLCertificate] {
    switch anchor {
    case .authorities(let certificates, _): return certificates
    case .pin(let pin):
      if let known = found.withLock({ $0 }) { return [known] }
      let authority = try await AuthorityWitness(address: address).authority(pin: pin)
      found.withLock { $0 = authority }
      return [authority]
    }
  }

  static func digest(of certificate: NIOSSLCertificate) throws -> String {
    SHA256.hash(data: try certificate.toDERBytes()).map { byte in
      let text = String(byte, radix: 16)
      return text.utf8.count == 1 ? "0" + text : text
    }.joined()
  }
}
