import NIOCore
import NIOPosix
import NIOSSL

/// Finds the CA of a pin in the chain that a manager shows. Nothing is sent on this connection, so
/// whoever shows the chain learns nothing; the next one is checked against what was found.
struct AuthorityWitness {
  let address: ManagerAddress

  func authority(pin: String) async throws -> NIOSSLCertificate {
    let chain = try await self.chain()
    for certificate in chain where try Trust.digest(of: certificate) == pin { return certificate }
    throw Complaint(
      .failed, subject: address.text, reason: "no certificate that it shows has the pinned digest",
      remedy:
        "Check that this is the manager whose CA was pinned, and that nothing stands between.",
      code: "manager-unproven")
  }

  private func chain() async throws -> [NIOSSLCertificate] {
    let context = try NIOSSLContext(configuration: .makeClientConfiguration())
    let isNumeric = (try? SocketAddress(ipAddress: address.host, port: address.port)) != nil
    let name = isNumeric ? nil : address.host
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    let shown = loop.makePromise(of: [NIOSSLCertificate].self)
    do {
      let channel = try await ClientBootstrap(group: loop).connectTimeout(.seconds(5))
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            let tls = try NIOSSLClientHandler(
              context: context, serverHostname: name,
              customVerificationCallback: { certificates, verdict in
                shown.succeed(certificates)
                verdict.succeed(.certificateVerified)
              })
            try channel.pipeline.syncOperations.addHandler(tls)
            try channel.pipeline.syncOperations.addHandler(FailureReporter(shown))
          }
        }
        .connect(host: address.host, port: address.port).get()
      defer { channel.close(promise: nil) }
      // A handshake takes two round trips; what listens and says nothing is given up.
      let deadline = loop.scheduleTask(in: .seconds(10)) { shown.fail(AnswerTimeout()) }
      defer { deadline.cancel() }
      return try await shown.futureResult.get()
    } catch {
      shown.fail(error)
      throw error
    }
  }
}

/// Tells the waiting side why there will be no chain.
private final class FailureReporter: ChannelInboundHandler {
  typealias InboundIn = NIOAny
  private let shown: EventLoopPromise<[NIOSSLCertificate]>
  init(_ shown: EventLoopPromise<[NIOSSLCertificate]>) { self.shown = shown }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    shown.fail(error)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    shown.fail(ChannelError.eof)
    context.fireChannelInactive()
  }
}
