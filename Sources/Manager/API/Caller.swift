import ManagerCore

/// Who asks: the holder of a bearer token, or a local user whom the kernel vouches for.
package struct Caller: Hashable, Sendable {
  package var name: String
  package var role: Role
  package init(name: String, role: Role) {
    self.name = name
    self.role = role
  }

  /// Nobody in particular, on the routes that are open to all.
  package static let anonymous = Caller(name: "anonymous", role: .unrecognised)
}
