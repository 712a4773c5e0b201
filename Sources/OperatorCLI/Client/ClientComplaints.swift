import AsyncHTTPClient
import FoundationEssentials
import Glibc
import ManagerCore
import NIOCore
import NIOHTTP1
import Protocol

/// What the client says when a request does not end in a view.
struct ClientComplaints {
  let socket: String
  let timeout: Duration

  /// `sun_path` of `sockaddr_un` holds 108 bytes, the last of them NUL.
  private static let socketPathBytesMax = 107
  private static let startRemedy =
    "Look at `systemctl status iml-manager`, or name the socket of a running `iml demo` with"
    + " `--state-dir`."

  func checkLength() throws {
    guard socket.utf8.count <= ClientComplaints.socketPathBytesMax else {
      throw Complaint(
        .unreachable, subject: socket,
        reason: "the path is longer than the \(ClientComplaints.socketPathBytesMax) bytes that a"
          + " Unix socket's address holds",
        remedy: "Choose a shorter state directory, or reach it through a symbolic link.")
    }
  }

  func onTransport(_ error: any Error) -> any Error {
    switch error {
    case is CancellationError: error
    case is AnswerTimeout:
      unreachable(
        "the manager did not answer within \(Quantities.span(timeout / .seconds(1)))",
        "Look at `systemctl status iml-manager` and at the manager's log.")
    case is NIOTooManyBytesError:
      Complaint(
        .failed, subject: socket,
        reason: "the answer is larger than \(ManagerClient.answerBytesMax >> 20) MiB",
        remedy: "Ask for less: one server, file system or target.")
    case let error as IOError: onConnect(error.errnoCode)
    case let error as HTTPParserError:
      // The end of the stream in the middle of an answer, not an answer in another language.
      error == .invalidEOFState ? closedEarly() : notHTTP("\(error)")
    case is ChannelError: closedEarly()
    case let error as HTTPClientError:
      error == .remoteConnectionClosed ? closedEarly() : unreachable(error.shortDescription)
    default: unreachable("\(error)")
    }
  }

  private func onConnect(_ code: CInt) -> Complaint {
    switch code {
    case ENOENT, ENOTDIR: unreachable("no manager: there is no such socket")
    case ECONNREFUSED: unreachable("no manager: nobody listens on this socket")
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

  private func unreachable(_ reason: String, _ remedy: String = startRemedy) -> Complaint {
    Complaint(.unreachable, subject: socket, reason: reason, remedy: remedy)
  }

  private func notHTTP(_ detail: String) -> Complaint {
    Complaint(
      .failed, subject: socket, reason: "what answers there does not speak HTTP (\(detail))",
      remedy: "Check that this is the manager's socket.")
  }

  /// Any status but success: the manager's own words when it gives them.
  func onRefusal(status: Int, body: [UInt8]) -> Complaint {
    let outcome: Outcome = [401, 403, 409].contains(status) ? .refused : .failed
    if let problem = try? CanonicalJSON.decode(Problem.self, from: body) {
      return Complaint(
        outcome, subject: "", reason: problem.detail, remedy: problem.remedy, code: problem.code)
    }
    // Enough of an unknown body to recognise who wrote it.
    let start = String(decoding: body.prefix(200), as: UTF8.self)
    return Complaint(
      outcome, subject: socket,
      reason: "answered \(status) \(HTTPResponseStatus(statusCode: status).reasonPhrase)"
        + (start.isEmpty ? "" : ": \(start)"),
      remedy: "Check that this is the manager's socket, and that manager and `iml` are of the"
        + " same version.")
  }

  func onUnreadable(_ error: any Error) -> Complaint {
    Complaint(
      .failed, subject: socket,
      reason: "the answer is not what this version of `iml` expects (\(place(of: error)))",
      remedy: "Check that this is the manager's socket, and that manager and `iml` are of the"
        + " same version.")
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
