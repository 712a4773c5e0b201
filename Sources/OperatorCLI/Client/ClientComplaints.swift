import AsyncHTTPClient
import FoundationEssentials
import Glibc
import ManagerCore
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Protocol

/// What the client says when a request does not end in a view.
struct ClientComplaints {
  let door: Door
  let timeout: Duration

  private var subject: String { door.name }
  private var isRemote: Bool { if case .https = door { true } else { false } }

  /// `sun_path` of `sockaddr_un` holds 108 bytes, the last of them NUL.
  private static let socketPathBytesMax = 107

  private var startRemedy: String {
    isRemote
      ? "Check the address, the port (8443 by default), any firewall, and on the manager's host"
        + " `systemctl status iml-manager`."
      : "Look at `systemctl status iml-manager`, or name the socket of a running `iml demo` with"
        + " `--state-dir`."
  }
  private var checkRemedy: String {
    isRemote
      ? "Check that this is the manager's HTTPS port" : "Check that this is the manager's socket"
  }

  /// The request that goes to a route through the door.
  func request(to route: Route) throws -> HTTPClientRequest {
    switch door {
    case .socket(let path):
      guard path.utf8.count <= ClientComplaints.socketPathBytesMax else {
        throw Complaint(
          .unreachable, subject: path,
          reason: "the path is longer than the \(ClientComplaints.socketPathBytesMax) bytes that a"
            + " Unix socket's address holds",
          remedy: "Choose a shorter state directory, or reach it through a symbolic link.")
      }
      return HTTPClientRequest(url: "http+unix://\(Route.encode(path))\(route.text)")
    case .https(let address, let token, _):
      var request = HTTPClientRequest(url: "https://\(address.text)\(route.text)")
      request.headers.add(name: "Authorization", value: "Bearer \(token)")
      return request
    }
  }

  func onTransport(_ error: any Error) -> any Error {
    switch error {
    case is CancellationError, is Complaint: error
    case is AnswerTimeout:
      unreachable(
        "the manager did not answer within \(Quantities.span(timeout / .seconds(1)))",
        "Look at `systemctl status iml-manager` and at the manager's log.")
    case is NIOTooManyBytesError:
      Complaint(
        .failed, subject: subject,
        reason: "the answer is larger than \(ManagerClient.answerBytesMax >> 20) MiB",
        remedy: "Ask for less: one server, file system or target.")
    case let error as IOError: onConnect(error.errnoCode)
    case let error as NIOConnectionError: onDial(error)
    case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: onTLS(error)
    case let error as HTTPParserError:
      // The end of the stream in the middle of an answer, not an answer in another language.
      error == .invalidEOFState ? closedEarly() : notHTTP("\(error)")
    case is ChannelError: closedEarly()
    case let error as HTTPClientError: onClient(error)
    default: unreachable("\(error)")
    }
  }

  private func onClient(_ error: HTTPClientError) -> Complaint {
    switch error {
    case .remoteConnectionClosed: closedEarly()
    case .connectTimeout: unreachable("no answer within the time for connecting")
    default: unreachable(error.shortDescription)
    }
  }

  private func onDial(_ error: NIOConnectionError) -> Complaint {
    guard let attempt = error.connectionErrors.first else {
      return unreachable("the name \(error.host) can not be resolved")
    }
    if let error = attempt.error as? IOError { return onConnect(error.errnoCode) }
    if case .connectTimeout? = attempt.error as? ChannelError {
      return unreachable("no answer within the time for connecting")
    }
    return unreachable("\(attempt.error)")
  }

  /// BoringSSL tells a reason as a word in a longer text.
  private func onTLS(_ error: any Error) -> Complaint {
    let text = "\(error)"
    if error as? NIOSSLExtraError == .failedToValidateHostname {
      return unproven(
        "its certificate is not for this name",
        "Use a name that the manager knows of itself, or start `iml serve` with --name.")
    }
    if text.contains("CERTIFICATE_VERIFY_FAILED") {
      return unproven(
        "its certificate does not come from \(trusted), or is not valid now by this host's clock",
        "Check that this is the manager, that the CA is its own, and this host's clock.")
    }
    if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
      return Complaint(
        .failed, subject: subject, reason: "what answers there does not speak TLS",
        remedy: "\(checkRemedy), 8443 by default.")
    }
    if text.contains("CERTIFICATE_REQUIRED") {
      return Complaint(
        .failed, subject: subject, reason: "this is the manager's port for agents",
        remedy: "Operators use its HTTPS port, \(ManagerAddress.defaultPort) by default.")
    }
    if error as? NIOSSLError == .uncleanShutdown { return closedEarly() }
    let words = text.split { !($0.isLetter || $0 == "_") }
    let last = words.last { $0.contains("_") && $0.allSatisfy { $0.isUppercase || $0 == "_" } }
    let reason =
      last.map {
        $0.lowercased().split(separator: "_").joined(separator: " ")
      } ?? "the handshake failed"
    return Complaint(.failed, subject: subject, reason: "TLS: \(reason)", remedy: "\(checkRemedy).")
  }

  private var trusted: String {
    guard case .https(_, _, let trust) = door, case .authorities(_, let file) = trust.anchor else {
      return "the pinned CA"
    }
    return "the CA in \(file)"
  }

  private func unproven(_ reason: String, _ remedy: String) -> Complaint {
    Complaint(
      .failed, subject: subject, reason: reason, remedy: remedy,
      code: DiagnosticCode.managerUnproven.rawValue)
  }

  private func onConnect(_ code: CInt) -> Complaint {
    switch code {
    case ENOENT, ENOTDIR: unreachable("no manager: there is no such socket")
    case ECONNREFUSED:
      unreachable("no manager: nobody listens on this \(isRemote ? "port" : "socket")")
    case EACCES, EPERM:
      unreachable(
        "permission denied", "Run it as root, or as a user who may open the manager's socket.")
    case ECONNRESET, EPIPE: closedEarly()
    default: unreachable(String(cString: strerror(code)))
    }
  }

  private func closedEarly() -> Complaint {
    unreachable("the manager closed the connection without a complete answer")
  }

  private func unreachable(_ reason: String, _ remedy: String? = nil) -> Complaint {
    Complaint(.unreachable, subject: subject, reason: reason, remedy: remedy ?? startRemedy)
  }

  private func notHTTP(_ detail: String) -> Complaint {
    Complaint(
      .failed, subject: subject, reason: "what answers there does not speak HTTP (\(detail))",
      remedy: "\(checkRemedy).")
  }

  /// Any status but success: the manager's own words when it gives them.
  func onRefusal(status: Int, body: [UInt8]) -> Complaint {
    let outcome: Outcome = [401, 403, 409].contains(status) ? .refused : .failed
    if let problem = try? CanonicalJSON.decode(Problem.self, from: body) {
      if isRemote, status == 401 {
        return Complaint(
          outcome, subject: subject,
          reason: "it does not accept the token: unknown there, expired or revoked",
          remedy: "Make a new one on the manager's host: `iml token create --role viewer`.",
          code: problem.code)
      }
      // A name that two things have is refused by nobody.
      let isName = problem.code == DiagnosticCode.ambiguousName.rawValue
      return Complaint(
        isName ? .failed : outcome, subject: problem.subject ?? "", reason: problem.reason,
        remedy: problem.remedy, code: problem.code)
    }
    // Enough of an unknown body to recognise who wrote it.
    let start = String(decoding: body.prefix(200), as: UTF8.self)
    return Complaint(
      outcome, subject: subject,
      reason: "answered \(status) \(HTTPResponseStatus(statusCode: status).reasonPhrase)"
        + (start.isEmpty ? "" : ": \(start)"),
      remedy: "\(checkRemedy), and that manager and `iml` are of the same version.")
  }

  func onUnreadable(_ error: any Error) -> Complaint {
    Complaint(
      .failed, subject: subject,
      reason: "the answer is not what this version of `iml` expects (\(place(of: error)))",
      remedy: "\(checkRemedy), and that manager and `iml` are of the same version.")
  }

  private func place(of error: any Error) -> String {
    guard let error = error as? DecodingError else { return "\(error)" }
    let what: String
    let context: DecodingError.Context
    switch error {
    case .keyNotFound(let key, let found): (what, context) = ("no \(key.stringValue)", found)
    case .typeMismatch(_, let found): (what, context) = ("another type", found)
    case .valueNotFound(_, let found): (what, context) = ("null", found)
    case .dataCorrupted(let found): (what, context) = (found.debugDescription, found)
    @unknown default: return "not decodable"
    }
    let path = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }
    return path.isEmpty ? what : "\(what) at \(path.joined(separator: "."))"
  }
}
