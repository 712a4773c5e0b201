import NIOCore
import NIOSSL
import Protocol
import Synchronization

/// One agent's TLS handshake: makes its handler and remembers what was made of the peer, so that
/// the listener knows whom it serves, or why it serves nobody.
///
/// After the handshake, serve only when `verdict` is `accepted` or `graceRenewal`. `nil` means that
/// nobody judged this connection: a resumed session brings no certificate of its own, so
/// it is refused, else a revoked certificate could live on in a session ticket.
package final class AgentHandshake: Sendable {
  package typealias Judge = @Sendable (_ chain: [[UInt8]]) async -> PeerVerdict

  private let judged = Mutex<PeerVerdict?>(nil)
  private let judge: Judge

  package init(judge: @escaping Judge) { self.judge = judge }

  package convenience init(verifier: PeerVerifier, clock: @escaping @Sendable () -> Int64) {
    self.init { chain in await verifier.judge(chain: chain, nanoseconds: clock()) }
  }

  package var verdict: PeerVerdict? { judged.withLock { $0 } }

  /// To be added first to a connection's pipeline, on its event loop.
  package func makeHandler(context: NIOSSLContext) -> NIOSSLServerHandler {
    NIOSSLServerHandler(context: context) { certificates, promise in
      // A certificate that can not be written as DER is judged as an unreadable one.
      let chain = certificates.map { (try? $0.toDERBytes()) ?? [] }
      promise.completeWithTask {
        let verdict = await self.judge(chain)
        self.judged.withLock { $0 = verdict }
        if case .refused = verdict { return .failed }
        return .certificateVerified
      }
    }
  }

  /// Why the connection is not served, for the log, when the handshake failed with `error` or ended
  /// without a verdict to serve by.
  package func refusal(after error: (any Error)?, peer: String) -> Diagnostic {
    if case .refused(let diagnostic) = verdict { return diagnostic }
    let text = error.map { "\($0)" } ?? ""
    if text.contains("PEER_DID_NOT_RETURN_A_CERTIFICATE") {
      return Diagnostic(
        .certificateMissing, subject: peer, reason: "it presented no certificate",
        remedy: "Enrol the server with iml-agent enroll.")
    }
    if error == nil {
      return Diagnostic(
        .certificateMissing, subject: peer,
        reason: "it resumed an earlier TLS session instead of presenting its certificate",
        remedy: "Connect with a full handshake.")
    }
    return Diagnostic(
      .protocolUnsupported, subject: peer,
      reason: "the TLS handshake failed: \(text.prefix(300))",
      remedy: "Only agents that speak TLS 1.3 belong on this port.")
  }
}
