import HTTPTypes
import ManagerCore
import Protocol

extension HTTPResponse.Status {
  /// RFC 4918: what was asked for can not be stored.
  static let insufficientStorage = HTTPResponse.Status(
    code: 507, reasonPhrase: "Insufficient Storage")
}

extension DiagnosticCode {
  /// Of a code as text, which may be a newer one's.
  package static func httpStatus(of code: String) -> HTTPResponse.Status? {
    DiagnosticCode(rawValue: code)?.httpStatus
  }

  /// The HTTP status of each diagnostic that a client may see; `nil` for those that are ours alone.
  package var httpStatus: HTTPResponse.Status? {
    switch self {
    case .requestMalformed, .tokenMalformed, .messageMalformed: .badRequest
    case .unauthenticated: .unauthorized
    // An enrolment token is no bearer token: asking again with another scheme would not help.
    case .forbidden, .tokenUnknown, .tokenUsedUp, .tokenExpired, .tokenRevoked, .certificateRevoked,
      .serverForgotten:
      .forbidden
    case .notFound: .notFound
    case .conflict, .ambiguousName, .alreadyEnrolled: .conflict
    case .messageTooLarge: .contentTooLarge
    case .rateLimited: .tooManyRequests
    case .managerStopping, .managerBusy, .databaseLocked: .serviceUnavailable
    // A full or read-only disk is the operator's to put right, so it is told as it is.
    case .stateDirectoryUnusable: .insufficientStorage
    // So is a file of ours that is damaged.
    case .databaseCorrupt, .databaseNewer: .internalServerError
    default: nil
    }
  }
}

extension Answer {
  /// A problem for the client. What has no status of its own is hidden behind `internal-error`.
  package static func problem(_ diagnostic: Diagnostic, limits: APILimits) -> Answer {
    guard let status = DiagnosticCode.httpStatus(of: diagnostic.code) else {
      return problem(
        Diagnostic(
          .internalError, subject: "", reason: "the manager failed to answer",
          remedy: "Look for this request in the manager's log."),
        status: .internalServerError)
    }
    var answer = problem(diagnostic, status: status)
    if status == .unauthorized {
      answer.headers[.wwwAuthenticate] = "Bearer realm=\"iml\""
    }
    if status == .tooManyRequests || status == .serviceUnavailable {
      answer.headers[.retryAfter] = "\(limits.retryAfterSeconds)"
    }
    return answer
  }

  package static func problem(_ diagnostic: Diagnostic, status: HTTPResponse.Status) -> Answer {
    let problem = Problem(diagnostic, status: status.code, title: status.reasonPhrase)
    // Strings and one integer: encoding them has no way to fail; were it to, the status still tells.
    let body = (try? CanonicalJSON.encode(problem)) ?? []
    return Answer(status: status, contentType: "application/problem+json", body: body)
  }
}

extension Route {
  /// As JSON calls it.
  private static func name(of type: any Any.Type) -> String {
    switch type {
    case is String.Type: "a string"
    case is Bool.Type: "true or false"
    case is any BinaryInteger.Type, is any BinaryFloatingPoint.Type: "a number"
    case is [String: Any].Type: "an object"
    case is [Any].Type: "an array"
    default: "what was agreed on"
    }
  }

  /// Why JSON was not what was agreed on: where and what, never the value, which may be a secret.
  static func reason(of error: any Error) -> String {
    func place(_ path: [any CodingKey]) -> String {
      path.isEmpty ? "the body" : path.map(\.stringValue).joined(separator: ".")
    }
    guard let error = error as? DecodingError else { return "the body is not what was agreed on" }
    return switch error {
    case .keyNotFound(let key, let context): "\(place(context.codingPath + [key])) is missing"
    case .typeMismatch(let type, let context):
      "\(place(context.codingPath)) is not \(name(of: type))"
    case .valueNotFound(_, let context): "\(place(context.codingPath)) is null"
    case .dataCorrupted(let context):
      context.codingPath.isEmpty
        ? "the body is not JSON" : "\(place(context.codingPath)) has no valid value"
    @unknown default: "the body is not what was agreed on"
    }
  }
}
