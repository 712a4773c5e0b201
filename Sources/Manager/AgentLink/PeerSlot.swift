import NIOCore
import NIOSSL
import Protocol
import Synchronization

/// What the verification of one agent's connection said. Written during the handshake, read when
/// the first bytes arrive.
final class PeerSlot: Sendable {
  private let verdict = Mutex<PeerVerdict?>(nil)

  var value: PeerVerdict? { verdict.withLock { $0 } }

  /// The callback for `NIOSSLServerHandler`; it stands in for BoringSSL's own check.
  ///
  /// A certificate of our CA that may not be served any more still completes the handshake: TLS has
  /// no words for "revoked last Tuesday", so the session says it in a goodbye and ends. Nothing such
  /// a peer sends is read.
  func callback(_ verifier: PeerVerifier, clock: @escaping @Sendable () -> Int64)
    -> NIOSSLCustomVerificationCallback
  {
    { chain, promise in
      promise.completeWithTask {
        // One that can not be read must not hand its place to the next.
        let bytes = chain.map { (try? $0.toDERBytes()) ?? [] }
        let verdict = await verifier.judge(chain: bytes, nanoseconds: clock())
        self.verdict.withLock { $0 = verdict }
        return Self.completesHandshake(verdict) ? .certificateVerified : .failed
      }
    }
  }

  private static let toldInSession: Set<String> = [
    DiagnosticCode.certificateRevoked.rawValue, DiagnosticCode.certificateExpired.rawValue,
    DiagnosticCode.certificateNotYetValid.rawValue, DiagnosticCode.serverForgotten.rawValue,
    DiagnosticCode.certificateUnknown.rawValue,
  ]

  private static func completesHandshake(_ verdict: PeerVerdict) -> Bool {
    switch verdict {
    case .accepted, .graceRenewal: true
    case .refused(let diagnostic): toldInSession.contains(diagnostic.code)
    }
  }
}
