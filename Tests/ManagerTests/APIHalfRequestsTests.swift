import FoundationEssentials
import NIOCore
import Testing

@testable import Manager

/// What is no whole request, or waits for a word, over a real socket.
@Suite struct APIHalfRequestsTests {
  private func said(
    _ text: String, then more: String = "", after pause: Duration = .zero,
    configure: (inout APIServer.Configuration) -> Void = { _ in },
    logs: [String] = []
  ) async throws -> String {
    var answer = ""
    try await withAPI(configure: configure) { api async throws in
      let bytes = try await api.rawUnix(Array(text.utf8), then: Array(more.utf8), after: pause)
      answer = String(decoding: bytes, as: UTF8.self)
      for line in logs { #expect(api.log.lines.contains { $0.contains(line) }, "\(api.log.lines)") }
    }
    return answer
  }

  @Test func halfAHeadIsAnsweredBeforeItIsClosed() async throws {
    let answer = try await said(
      "GET /healthz HTTP/1.1\r\nHost: a\r\nA:",
      configure: { $0.limits.idle = .milliseconds(1_500) },
      logs: ["no complete head of a request came in time"])
    #expect(answer.hasPrefix("HTTP/1.1 408 Request Timeout\r\n"), "\(answer)")
    #expect(answer.contains("application/problem+json"))
    #expect(answer.contains("no complete head of a request came in time"))
  }

  @Test func halfAHeadAfterAWholeRequestIsAnsweredToo() async throws {
    let answer = try await said(
      "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", then: "GET /h", after: .milliseconds(300),
      configure: { $0.limits.idle = .seconds(2) })
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(answer.contains("HTTP/1.1 408 Request Timeout\r\n"), "\(answer)")
  }

  @Test func whoSaysNothingMoreAfterAnAnswerIsClosedWithoutAWord() async throws {
    let answer = try await said(
      "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
      configure: { $0.limits.idle = .milliseconds(1_500) }
    )
    #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "\(answer)")
  }

  @Test func aBodyThatDoesNotComeIsAnswered() async throws {
    let answer = try await said(
      "POST /api/v1/enrol HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{",
      configure: { $0.limits.request = .milliseconds(1_500) },
      logs: ["its body did not come in time"]
    )
    #expect(answer.hasPrefix("HTTP/1.1 408 Request Timeout\r\n"), "\(answer)")
    #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "\(answer)")
  }

  @Test func aBodyThatWasRefusedIsAnsweredOnce() async throws {
    let answer = try await said(
      "POST /api/v1/enrol HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n{",
      configure: { $0.limits.linger = .milliseconds(200) })
    #expect(answer.hasPrefix("HTTP/1.1 413 "), "\(answer)")
    #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "\(answer)")
  }

  @Test func aClientThatAsksBeforeItsBodyIsToldToGoOn() async throws {
    let answer = try await said(
      """
      POST /api/v1/enrol HTTP/1.1\r
      Host: a\r
      Expect: 100-continue\r
      Content-Length: 2\r
      Connection: close\r
      \r

      """, then: "[]", after: .milliseconds(300))
    #expect(answer.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 4"), "\(answer)")
  }

  @Test func aClientOfTheSocketNamesNoHost() async throws {
    let answer = try await said(
      "GET /healthz HTTP/1.1\r\n\r\n",
      configure: {
        $0.limits.idle = .milliseconds(1_500)
      })
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
  }
}
