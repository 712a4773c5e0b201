import Protocol

/// What a caller of the API may do.
package enum Role: String, WireEnum {
  case viewer, `operator`, admin, unrecognised
  /// Whether this role includes `other`.
  package func includes(_ other: Role) -> Bool {
    func rank(_ role: Role) -> Int {
      switch role {
      case .viewer: 1
      case .operator: 2
      case .admin: 3
      case .unrecognised: 0
      }
    }
    return rank(other) > 0 && rank(self) >= rank(other)
  }
}

/// What a server's profile allows the manager.
package enum Profile: String, WireEnum {
  /// Monitor-only: nothing on the server is ever changed.
  case monitor
  /// Management mode.
  case managed
  case unrecognised
}

/// `GET /api/v1/enrolment-tokens`; `secret` only in the answer that creates one.
package struct EnrolmentTokenView: Codable, Hashable, Sendable {
  package var id: String
  package var profile: Profile
  package var usesLeft: Int
  package var expiresNanoseconds: Int64
  package var isRevoked: Bool
  package var createdBy: String
  package var secret: String?
  /// Of HTTPS, where agents enrol; with the secret.
  package var port: Int?
  package init(
    id: String, profile: Profile, usesLeft: Int, expiresNanoseconds: Int64, isRevoked: Bool,
    createdBy: String, secret: String? = nil
  ) {
    self.id = id
    self.profile = profile
    self.usesLeft = usesLeft
    self.expiresNanoseconds = expiresNanoseconds
    self.isRevoked = isRevoked
    self.createdBy = createdBy
    self.secret = secret
  }
}

/// `POST /api/v1/enrolment-tokens`
package struct EnrolmentTokenRequest: Codable, Hashable, Sendable {
  package var uses: Int
  package var lifetimeSeconds: Int64
  package var profile: Profile
  package init(uses: Int, lifetimeSeconds: Int64, profile: Profile) {
    self.uses = uses
    self.lifetimeSeconds = lifetimeSeconds
    self.profile = profile
  }
}

/// `GET /api/v1/tokens`; `secret` only in the answer that creates one.
package struct APITokenView: Codable, Hashable, Sendable {
  package var id: String
  package var name: String
  package var role: Role
  package var expiresNanoseconds: Int64?
  package var isRevoked: Bool
  package var secret: String?
  package init(
    id: String, name: String, role: Role, expiresNanoseconds: Int64?, isRevoked: Bool,
    secret: String? = nil
  ) {
    self.id = id
    self.name = name
    self.role = role
    self.expiresNanoseconds = expiresNanoseconds
    self.isRevoked = isRevoked
    self.secret = secret
  }
}

/// `POST /api/v1/tokens`
package struct APITokenRequest: Codable, Hashable, Sendable {
  package var name: String
  package var role: Role
  package var lifetimeSeconds: Int64?
  package init(name: String, role: Role, lifetimeSeconds: Int64?) {
    self.name = name
    self.role = role
    self.lifetimeSeconds = lifetimeSeconds
  }
}

/// RFC 9457 `application/problem+json`; `code` and `remedy` are those of the diagnostic.
package struct Problem: Codable, Hashable, Sendable {
  package var type: String
  package var title: String
  package var status: Int
  package var detail: String
  /// What it is about, as `detail` begins.
  package var subject: String?
  package var code: String
  package var remedy: String
  package init(_ diagnostic: Diagnostic, status: Int, title: String) {
    type = "urn:iml:problem:\(diagnostic.code)"
    self.title = title
    self.status = status
    detail =
      diagnostic.subject.isEmpty
      ? diagnostic.reason : "\(diagnostic.subject): \(diagnostic.reason)"
    subject = diagnostic.subject.isEmpty ? nil : diagnostic.subject
    code = diagnostic.code
    remedy = diagnostic.remedy
  }

  /// `detail` without what it is about.
  package var reason: String {
    guard let subject, detail.hasPrefix("\(subject): ") else { return detail }
    return String(detail.dropFirst(subject.count + 2))
  }
}
