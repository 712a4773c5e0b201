import ManagerCore
import Protocol

/// An enrolled server as the store keeps it. Times in nanoseconds since the epoch.
package struct ServerEntry: Hashable, Sendable {
  package var id: ServerID
  package var hostname: String
  package var profile: Profile
  package var enrolledNanoseconds: Int64
  /// Of the newest certificate issued to it.
  package var certificateSerial: String
  package var certificateExpiresNanoseconds: Int64
  package var boot: BootID?
  package var heardNanoseconds: Int64?
  /// True after `iml server forget`, until it is enrolled anew.
  package var isForgotten: Bool
  package init(
    id: ServerID, hostname: String, profile: Profile, enrolledNanoseconds: Int64,
    certificateSerial: String, certificateExpiresNanoseconds: Int64, boot: BootID? = nil,
    heardNanoseconds: Int64? = nil, isForgotten: Bool = false
  ) {
    self.id = id
    self.hostname = hostname
    self.profile = profile
    self.enrolledNanoseconds = enrolledNanoseconds
    self.certificateSerial = certificateSerial
    self.certificateExpiresNanoseconds = certificateExpiresNanoseconds
    self.boot = boot
    self.heardNanoseconds = heardNanoseconds
    self.isForgotten = isForgotten
  }
}

/// A certificate that the authority issued to a server; kept for ever.
package struct CertificateEntry: Hashable, Sendable {
  /// Lower-case hexadecimal without leading zero bytes.
  package var serial: String
  package var server: ServerID
  package var notBeforeNanoseconds: Int64
  package var notAfterNanoseconds: Int64
  package var revokedNanoseconds: Int64?
  package var revokedReason: String?
  package init(
    serial: String, server: ServerID, notBeforeNanoseconds: Int64, notAfterNanoseconds: Int64,
    revokedNanoseconds: Int64? = nil, revokedReason: String? = nil
  ) {
    self.serial = serial
    self.server = server
    self.notBeforeNanoseconds = notBeforeNanoseconds
    self.notAfterNanoseconds = notAfterNanoseconds
    self.revokedNanoseconds = revokedNanoseconds
    self.revokedReason = revokedReason
  }
}

/// An enrolment token as the store keeps it: never its secret.
package struct EnrolmentTokenEntry: Hashable, Sendable {
  package var id: String
  package var secretDigest: [UInt8]
  package var profile: Profile
  package var usesLeft: Int
  package var createdNanoseconds: Int64
  package var expiresNanoseconds: Int64
  package var isRevoked: Bool
  package var createdBy: String
  package init(
    id: String, secretDigest: [UInt8], profile: Profile, usesLeft: Int, createdNanoseconds: Int64,
    expiresNanoseconds: Int64, isRevoked: Bool = false, createdBy: String
  ) {
    self.id = id
    self.secretDigest = secretDigest
    self.profile = profile
    self.usesLeft = usesLeft
    self.createdNanoseconds = createdNanoseconds
    self.expiresNanoseconds = expiresNanoseconds
    self.isRevoked = isRevoked
    self.createdBy = createdBy
  }
}

/// A bearer token of the API as the store keeps it: never its secret.
package struct APITokenEntry: Hashable, Sendable {
  package var id: String
  package var name: String
  package var role: Role
  package var secretDigest: [UInt8]
  package var createdNanoseconds: Int64
  package var expiresNanoseconds: Int64?
  package var isRevoked: Bool
  package var createdBy: String
  package init(
    id: String, name: String, role: Role, secretDigest: [UInt8], createdNanoseconds: Int64,
    expiresNanoseconds: Int64?, isRevoked: Bool = false, createdBy: String
  ) {
    self.id = id
    self.name = name
    self.role = role
    self.secretDigest = secretDigest
    self.createdNanoseconds = createdNanoseconds
    self.expiresNanoseconds = expiresNanoseconds
    self.isRevoked = isRevoked
    self.createdBy = createdBy
  }
}

/// Who did what to what, and how it ended.
package struct AuditEntry: Hashable, Sendable {
  package var nanoseconds: Int64
  package var who: String
  /// For example `enrol`, `server.forget`, `token.create`.
  package var action: String
  package var subject: String
  /// `done`, or the code of the diagnostic that refused it; `asked` where one of them follows.
  package var outcome: String
  package init(
    nanoseconds: Int64, who: String, action: String, subject: String, outcome: String = "done"
  ) {
    self.nanoseconds = nanoseconds
    self.who = who
    self.action = action
    self.subject = subject
    self.outcome = outcome
  }
}
