import Glibc
import NIOCore
import NIOPosix
import NIOSSL

/// A network error as one plain sentence, without type names.
package enum Reason {
  package static func text(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      if error.dnsAError != nil && error.connectionErrors.isEmpty {
        return "the name \(error.host) can not be resolved"
      }
      return error.connectionErrors.first.map { text($0.error) } ?? "no address answers"
    case let error as IOError:
      return String(cString: strerror(error.errnoCode)).lowercased()
    case let error as ChannelError:
      return switch error {
      case .connectTimeout: "no answer within 5 s"
      case .eof, .ioOnClosedChannel, .alreadyClosed, .inputClosed, .outputClosed:
        "the connection was closed"
      default: "\(error)"
      }
    case NIOSSLError.uncleanShutdown: return "the connection was closed"
    case let error as NIOSSLError: return "TLS: \(alert(in: "\(error)"))"
    case is NIOSSLExtraError: return "TLS: the certificate was not accepted"
    case let error as BoringSSLError: return "TLS: \(alert(in: "\(error)"))"
    default: return "\(error)"
    }
  }

  /// BoringSSL names the peer's alert inside a longer text.
  private static func alert(in text: String) -> String {
    let alerts = [
      "CERTIFICATE_REQUIRED": "the manager wants a certificate",
      "CERTIFICATE_UNKNOWN": "the manager does not accept this certificate",
      "UNKNOWN_CA": "the manager does not know the CA of this certificate",
      "CERTIFICATE_EXPIRED": "the manager says that this certificate has expired",
      "CERTIFICATE_REVOKED": "the manager says that this certificate is revoked",
      "WRONG_VERSION_NUMBER": "the other end does not speak TLS",
      "CERTIFICATE_VERIFY_FAILED": "the manager's certificate was not accepted",
    ]
    if let known = alerts.first(where: { text.contains($0.key) }) { return known.value }
    // What is left names functions and files of the library; its last word is the reason.
    let words = text.split { !($0.isLetter || $0 == "_") }
    return words.last { $0.contains("_") && $0.allSatisfy { $0.isUppercase || $0 == "_" } }
      .map { $0.lowercased().replacing("_", with: " ") } ?? "the handshake failed"
  }
}
