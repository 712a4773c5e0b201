import ManagerCore
import OperatorCLI
import Protocol

extension ManagerClient {
  /// The secret of a new token that may be used so often within an hour.
  func enrolmentToken(uses: Int) async throws -> String {
    let reply = try await post(
      EnrolmentTokenView.self, OperatorCLI.Route("enrolment-tokens"),
      EnrolmentTokenRequest(uses: uses, lifetimeSeconds: 3_600, profile: .monitor))
    guard let secret = reply.view.secret else {
      throw DiagnosticError(
        .internalError, subject: "enrolment token", reason: "the manager gave no secret")
    }
    return secret
  }
}
