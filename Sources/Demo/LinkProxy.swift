import NIOCore
import NIOPosix
import Synchronization

/// A TCP relay that can be cut: while it is, no byte passes either way and nothing is closed, as
/// when a cable is pulled. Healed, what was held passes on.
package final class LinkProxy: Sendable {
  private struct State {
    var isCut = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())
  private let host: String
  private let port: Int

  /// - Parameters: where to relay to.
  package init(toHost host: String, port: Int) {
    self.host = host
    self.port = port
  }

  package func cut() { state.withLock { $0.isCut = true } }

  package func heal() {
    let waiting = state.withLock { state in
      state.isCut = false
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  private func pass() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if state.isCut { state.waiting.append(continuation) }
        return !state.isCut
      }
      if isOpen { continuation.resume() }
    }
  }

  private typealias Bytes = NIOAsyncChannel<ByteBuffer, ByteBuffer>

  /// Relays until cancelled; `onListening` gets the port on 127.0.0.1.
  package func run(onListening: @Sendable (Int) -> Void) async throws {
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(host: "127.0.0.1", port: 0) { channel in
        channel.eventLoop.makeCompletedFuture {
          try Bytes(wrappingChannelSynchronously: channel)
        }
      }
    onListening(server.channel.localAddress?.port ?? 0)
    try await withTaskCancellationHandler {
      try await server.executeThenClose { inbound in
        await withDiscardingTaskGroup { tasks in
          do {
            for try await accepted in inbound {
              tasks.addTask { try? await self.relay(accepted) }
            }
          } catch {}
          tasks.cancelAll()
        }
      }
    } onCancel: {
      heal()
    }
  }

  private func relay(_ near: Bytes) async throws {
    await pass()
    let far: Bytes
    do {
      far = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(host: host, port: port) { channel in
          channel.eventLoop.makeCompletedFuture {
            try Bytes(wrappingChannelSynchronously: channel)
          }
        }
    } catch {
      try await near.executeThenClose { _, _ in }
      return
    }
    try await near.executeThenClose { nearIn, nearOut in
      try await far.executeThenClose { farIn, farOut in
        try await withThrowingTaskGroup(of: Void.self) { tasks in
          tasks.addTask { try await self.copy(nearIn, farOut) }
          tasks.addTask { try await self.copy(farIn, nearOut) }
          let first = await tasks.nextResult()
          // A cut link carries no farewell either: the other end hears nothing until it heals.
          await self.pass()
          tasks.cancelAll()
          near.channel.close(promise: nil)
          far.channel.close(promise: nil)
          try first?.get()
        }
      }
    }
  }

  private func copy(
    _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
    _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
  ) async throws {
    for try await buffer in inbound {
      await pass()
      try await outbound.write(buffer)
    }
  }
}
