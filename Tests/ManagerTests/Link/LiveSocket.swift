import Foundation
import NIOCore
import NIOPosix
import NIOSSL

private typealias Bytes = NIOAsyncChannel<ByteBuffer, ByteBuffer>

/// Sends bytes to a Unix socket and gives all that comes until its end.
func exchange(_ bytes: [UInt8], path: String) async throws -> [UInt8] {
  let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .connect(unixDomainSocketPath: path) { channel in
      channel.eventLoop.makeCompletedFuture { try Bytes(wrappingChannelSynchronously: channel) }
    }
  return try await converse(channel, bytes)
}

/// The same to a TCP port on loopback, in TLS when a context is given.
func exchange(_ bytes: [UInt8], port: Int, tls: NIOSSLContext? = nil) async throws -> [UInt8] {
  let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .connect(host: "127.0.0.1", port: port) { channel in
      channel.eventLoop.makeCompletedFuture {
        if let tls {
          let handler = try NIOSSLClientHandler(context: tls, serverHostname: nil) {
            _, promise in promise.succeed(.certificateVerified)
          }
          try channel.pipeline.syncOperations.addHandler(handler)
        }
        return try Bytes(wrappingChannelSynchronously: channel)
      }
    }
  return try await converse(channel, bytes)
}

private func converse(_ channel: Bytes, _ bytes: [UInt8]) async throws -> [UInt8] {
  try await channel.executeThenClose { inbound, outbound in
    try await outbound.write(ByteBuffer(bytes: bytes))
    var all: [UInt8] = []
    for try await part in inbound { all += Array(part.readableBytesView) }
    return all
  }
}
