/// `POST /api/v1/enrol`, what an agent without a certificate asks.
package struct EnrolmentRequest: Codable, Hashable, Sendable {
  /// The whole token as the operator pasted it.
  package var token: String
  /// PEM of a PKCS#10 request; its subject and SANs are ignored, only its key is taken.
  package var certificateRequest: String
  package var hostname: String
  /// The identity that this agent had before, to keep it when a server is enrolled anew.
  package var previousServer: ServerID?
  package init(
    token: String, certificateRequest: String, hostname: String, previousServer: ServerID? = nil
  ) {
    self.token = token
    self.certificateRequest = certificateRequest
    self.hostname = hostname
    self.previousServer = previousServer
  }
}

package struct EnrolmentAnswer: Codable, Hashable, Sendable {
  package var server: ServerID
  /// PEM.
  package var certificate: String
  /// PEM of the CA.
  package var authority: String
  package var profile: String
  /// The port that agents dial.
  package var agentPort: Int
  package init(
    server: ServerID, certificate: String, authority: String, profile: String, agentPort: Int
  ) {
    self.server = server
    self.certificate = certificate
    self.authority = authority
    self.profile = profile
    self.agentPort = agentPort
  }
}

/// `iml1.ID.SECRET.PIN`: everything an agent needs to trust its manager at first sight.
/// PIN is the SHA-256 of the CA certificate's DER, in lower-case hexadecimal.
package struct EnrolmentToken: Hashable, Sendable, CustomStringConvertible {
  package var id: String
  package var secret: String
  package var authorityDigest: String

  package init(id: String, secret: String, authorityDigest: String) {
    self.id = id
    self.secret = secret
    self.authorityDigest = authorityDigest
  }

  /// `nil` when the text has another form.
  package init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "iml1", !parts[1].isEmpty, !parts[2].isEmpty,
      parts[3].utf8.count == 64, text.utf8.count <= 512,
      parts.dropFirst().allSatisfy({ $0.utf8.allSatisfy(EnrolmentToken.isPlain) })
    else { return nil }
    self.init(
      id: String(parts[1]), secret: String(parts[2]), authorityDigest: String(parts[3]))
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  package var description: String { "iml1.\(id).\(secret).\(authorityDigest)" }
}
