import ManagerCore
import Protocol

/// `iml server token list`
enum EnrolmentTokenTable {
  static func render(_ tokens: [Reply<EnrolmentTokenView>], now: Int64, _ style: Style) -> String {
    Table(
      columns: [
        .init("ID"), .init("STATE"), .init("PROFILE"), .init("LEFT", .number),
        .init("EXPIRES (UTC)"), .init("MADE BY"),
      ],
      rows: tokens.map { token in
        [
          Cell(token.id), Cell(state: state(token.view, now)),
          Cell(token.word("profile", token.profile)), Cell(token.usesLeft),
          Cell(Quantities.briefExpiry(token.expiresNanoseconds, now: now)),
          Cell(name: token.createdBy),
        ]
      }
    ).render(style)
  }

  private static func state(_ token: EnrolmentTokenView, _ now: Int64) -> String {
    if token.isRevoked { return "revoked" }
    if token.expiresNanoseconds <= now { return "expired" }
    return token.usesLeft > 0 ? "active" : "used up"
  }
}

/// `iml token list`
enum APITokenTable {
  static func render(_ tokens: [Reply<APITokenView>], now: Int64, _ style: Style) -> String {
    Table(
      columns: [.init("ID"), .init("NAME"), .init("ROLE"), .init("STATE"), .init("EXPIRES (UTC)")],
      rows: tokens.map { token in
        [
          Cell(token.id), Cell(name: token.name), Cell(token.word("role", token.role)),
          Cell(state: state(token.view, now)),
          Cell(Quantities.briefExpiry(token.expiresNanoseconds, now: now)),
        ]
      }
    ).render(style)
  }

  private static func state(_ token: APITokenView, _ now: Int64) -> String {
    if token.isRevoked { return "revoked" }
    if let expires = token.expiresNanoseconds, expires <= now { return "expired" }
    return "active"
  }
}
