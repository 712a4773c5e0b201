import Logging
import ManagerCore
import Platform
import Protocol

/// The API's view of the manager: asks the site, the enrolment and the tokens.
package struct SiteFacade: SiteService {
  let site: Site
  let enrolment: Enrolment
  let apiTokenBook: APITokens
  /// Where agents enrol; `nil` until it is open.
  private let httpsPort: @Sendable () async -> Int?
  /// Strangers, whose number is not ours to choose, must not drown who once was known.
  private let strangers: Refusals
  private let formerHolders: Refusals
  private let uninvited: Refusals
  private let formerlyInvited: Refusals

  package init(
    site: Site, enrolment: Enrolment, tokens: APITokens,
    httpsPort: @escaping @Sendable () async -> Int? = { nil }
  ) {
    self.site = site
    self.httpsPort = httpsPort
    self.enrolment = enrolment
    apiTokenBook = tokens
    let refused: Logger.Message = "an API token was refused"
    strangers = Refusals(logger: site.logger, message: refused)
    formerHolders = Refusals(logger: site.logger, message: refused)
    let notEnrolled: Logger.Message = "an enrolment was refused"
    uninvited = Refusals(logger: site.logger, message: notEnrolled)
    formerlyInvited = Refusals(logger: site.logger, message: notEnrolled)
  }

  package func status() async -> SiteStatus { await site.status() }
  package func servers() async -> [ServerSummary] { await site.servers() }

  package func server(_ name: String) async throws(DiagnosticError) -> ServerDetail {
    try await site.server(name)
  }

  package func forget(server: String, by caller: Caller) async throws(DiagnosticError) {
    let id = try await site.server(server).summary.id
    try await site.checkForgettable(id)
    try await enrolment.forget(id, by: caller.name)
    await site.forgotten(id)
  }

  package func revoke(server: String, by caller: Caller) async throws(DiagnosticError) {
    let id = try await site.server(server).summary.id
    try await enrolment.revoke(id, by: caller.name)
  }

  package func fileSystems() async -> [FileSystemSummary] { await site.fileSystems() }

  package func fileSystem(_ name: String) async throws(DiagnosticError) -> FileSystemDetail {
    try await site.fileSystem(name)
  }

  package func targets(fileSystem: String?) async throws(DiagnosticError) -> [TargetSummary] {
    guard let fileSystem else { return await site.targets() }
    return try await site.fileSystem(fileSystem).targets
  }

  package func target(_ name: String) async throws(DiagnosticError) -> TargetDetail {
    try await site.target(name)
  }

  package func forget(target: String, by caller: Caller) async throws(DiagnosticError) {
    try await site.forget(target: target, by: caller.name)
  }

  package func metricNames() async -> [MetricListing] { await site.metricNames() }

  package func query(_ request: MetricRequest) async throws(DiagnosticError) -> MetricAnswer {
    try await site.query(request)
  }

  package func jobTop(_ request: JobTopRequest) async throws(DiagnosticError) -> JobTopView {
    try await site.jobTop(request)
  }

  package func exposition() async -> String { await site.exposition() }

  package func enrolmentTokens() async throws(DiagnosticError) -> [EnrolmentTokenView] {
    try await enrolment.tokens()
  }

  package func createEnrolmentToken(
    _ request: EnrolmentTokenRequest, by caller: Caller
  ) async throws(DiagnosticError) -> EnrolmentTokenView {
    var token = try await enrolment.createToken(request, by: caller.name)
    token.port = await httpsPort()
    return token
  }

  package func revokeEnrolmentToken(_ id: String, by caller: Caller)
    async throws(DiagnosticError)
  {
    try await enrolment.revokeToken(id, by: caller.name)
  }

  package func apiTokens() async throws(DiagnosticError) -> [APITokenView] {
    try await apiTokenBook.list()
  }

  package func createAPIToken(
    _ request: APITokenRequest, by caller: Caller
  ) async throws(DiagnosticError) -> APITokenView {
    try await apiTokenBook.create(request, by: caller.name)
  }

  package func revokeAPIToken(_ id: String, by caller: Caller) async throws(DiagnosticError) {
    try await apiTokenBook.revoke(id, by: caller.name)
  }

  package func enrol(
    _ request: EnrolmentRequest, from address: String
  ) async throws(DiagnosticError) -> EnrolmentAnswer {
    do throws(DiagnosticError) {
      let answer = try await enrolment.enrol(request, from: address)
      await site.enrolled(answer, hostname: request.hostname)
      return answer
    } catch {
      let isStranger =
        error.diagnostic.code == DiagnosticCode.rateLimited.rawValue || isUnknown(error.diagnostic)
      (isStranger ? uninvited : formerlyInvited).log(
        .warning,
        [
          "peer": "\(address)", "code": "\(error.diagnostic.code)",
          "subject": "\(error.diagnostic.subject)", "reason": "\(error.diagnostic.reason)",
        ])
      throw error
    }
  }

  private func isUnknown(_ refusal: Diagnostic) -> Bool {
    refusal.code == DiagnosticCode.tokenUnknown.rawValue
      || refusal.code == DiagnosticCode.tokenMalformed.rawValue
  }

  package func authenticate(bearer: String, from address: String) async -> Caller? {
    let refusal: Diagnostic
    do throws(DiagnosticError) {
      switch try await apiTokenBook.judge(bearer) {
      case .holder(let holder): return Caller(name: holder.name, role: holder.role)
      case .refused(let diagnostic): refusal = diagnostic
      }
    } catch {
      refusal = error.diagnostic
    }
    (isUnknown(refusal) ? strangers : formerHolders).log(
      .warning,
      [
        "peer": "\(address)", "code": "\(refusal.code)", "token": "\(refusal.subject)",
        "reason": "\(refusal.reason)",
      ])
    return nil
  }

  package func readiness() async -> [Diagnostic] { await site.readiness() }
}

extension Enrolment: CertificateRenewal {}
