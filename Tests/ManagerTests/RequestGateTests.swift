import AsyncHTTPClient
import NIOCore
import Synchronization
import Testing

@testable import Manager

@Suite struct RequestGateTests {
  private final class Inside: Sendable {
    let state = Mutex((now: 0, most: 0, done: 0))
  }

  @Test func onlySoManyAreWorkedOnAtOnceAndAllGetTheirTurn() async {
    let gate = RequestGate(limit: 3)
    let inside = Inside()
    await withTaskGroup(of: Void.self) { tasks in
      for number in 0..<50 {
        let caller = "\(number % 3)"
        tasks.addTask {
          _ = await gate.enter(caller)
          inside.state.withLock {
            $0.now += 1
            $0.most = max($0.most, $0.now)
          }
          for _ in 0..<5 { await Task.yield() }
          inside.state.withLock {
            $0.now -= 1
            $0.done += 1
          }
          gate.leave(caller)
        }
      }
    }
    let (now, most, done) = inside.state.withLock { $0 }
    #expect(now == 0)
    #expect(most <= 3)
    #expect(done == 50)
    #expect(gate.waiting == 0)
  }

  @Test func whoAsksMuchKeepsNoOtherWaiting() async {
    let gate = RequestGate(limit: 1)
    let order = Order()
    #expect(await gate.enter("a"))
    await withTaskGroup(of: Void.self) { tasks in
      for _ in 0..<5 {
        tasks.addTask {
          _ = await gate.enter("a")
          order.add("a")
          gate.leave("a")
        }
      }
      while gate.waiting < 5 { await Task.yield() }
      tasks.addTask {
        _ = await gate.enter("b")
        order.add("b")
        gate.leave("b")
      }
      while gate.waiting < 6 { await Task.yield() }
      // With one of its own still counted, the next is the other's.
      gate.leave("c")
    }
    #expect(order.names.first == "b")
    #expect(order.names.count == 6)
  }

  @Test func whoWaitsTooLongIsToldAndTheTurnGoesToTheNext() async throws {
    let gate = RequestGate(limit: 1, patience: .milliseconds(20))
    #expect(await gate.enter("a"))
    #expect(await !gate.enter("b"))
    #expect(gate.waiting == 0)
    gate.leave("a")
    #expect(await gate.enter("b"))
  }

  private final class Order: Sendable {
    private let state = Mutex<[String]>([])
    var names: [String] { state.withLock { $0 } }
    func add(_ name: String) { state.withLock { $0.append(name) } }
  }

  @Test func aCallerHasSoManyUnderWayAndAnotherIsNotInItsWay() {
    let callers = CallersAtWork(limit: 2)
    #expect(callers.enter("a"))
    #expect(callers.enter("a"))
    #expect(!callers.enter("a"))
    #expect(callers.enter("b"))
    callers.leave("a")
    #expect(callers.enter("a"))
  }

  @Test func connectionsThatRestGiveWayToWhoComesAnew() async throws {
    let certificate = try APITestCertificate()
    try await withAPI(certificate: certificate, configure: { $0.limits.resting = 2 }) {
      api async throws in
      let url = "https://localhost:\(api.listening.port)/api/v1/status"
      let clients = (0..<4).map { _ in certificate.client() }
      for client in clients {
        let reply = try await api.ask(client, url, "GET", token: "viewer-secret", body: nil)
        #expect(reply.status == 200)
      }
      while !api.log.lines.contains(where: { $0.contains("no request of it is worked on") }) {
        guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { return }
      }
      #expect(try await api.https("GET", "/api/v1/status", token: "viewer-secret").status == 200)
      for client in clients { try await client.shutdown() }
    }
  }

  @Test func aCallerWithTooManyRequestsIsToldSo() async throws {
    try await withAPI(configure: { $0.limits.perCaller = 0 }) { api async throws in
      let reply = try await api.https("GET", "/api/v1/status", token: "viewer-secret")
      #expect(reply.status == 429 && reply.code == "rate-limited")
      #expect(try await api.unix("GET", "/api/v1/status").status == 200)
      #expect(try await api.https("GET", "/healthz").status == 200)
    }
  }

  @Test func aRequestThatWaitsTooLongForItsTurnIsToldToComeAgain() async throws {
    try await withAPI(configure: {
      $0.limits.atOnce = 1
      $0.limits.turn = .milliseconds(100)
    }) { api async throws in
      api.site.hold(true)
      async let slow = api.https("GET", "/api/v1/servers/slow", token: "viewer-secret")
      while !api.site.calls.contains("server slow") {
        guard (try? await Task.sleep(for: .milliseconds(5))) != nil else { return }
      }
      let busy = try await api.https("GET", "/api/v1/status", token: "operator-secret")
      #expect(busy.status == 503 && busy.code == "manager-busy")
      #expect(busy.headers["retry-after"] == "10")
      #expect(try await api.https("GET", "/healthz").status == 200, "it waits for nobody")
      api.site.hold(false)
      #expect(try await slow.status == 200)
      #expect(
        try await api.https("GET", "/api/v1/status", token: "operator-secret").status == 200)
    }
  }
}
