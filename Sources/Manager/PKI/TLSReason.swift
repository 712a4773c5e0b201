import Protocol

/// Why a TLS handshake failed, as a clause for an operator: the library's own text names files and
/// functions.
enum TLSReason {
  static func text(_ error: any Error) -> (code: String, reason: String) {
    let text = "\(error)"
    if text.contains("PEER_DID_NOT_RETURN_A_CERTIFICATE") {
      return (DiagnosticCode.certificateMissing.rawValue, "it showed no certificate")
    }
    if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
      return ("tls", "it does not speak TLS")
    }
    if text.contains("UNSUPPORTED_PROTOCOL") { return ("tls", "it speaks only an older TLS") }
    // The last word in capitals is the library's name of the reason.
    let words = text.split { !($0.isLetter || $0 == "_") }
    let last = words.last { $0.contains("_") && $0.allSatisfy { $0.isUppercase || $0 == "_" } }
    return (
      "tls",
      last.map { "TLS: " + $0.lowercased().replacing("_", with: " ") }
        ?? "the handshake failed"
    )
  }
}
