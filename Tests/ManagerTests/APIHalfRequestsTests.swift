import FoundationEssentials
import NIOCore
import Testing

@testable import Manager

/// What is no whole request, or waits for a word, over a real socket.
@Suite struct APIHalfRequestsTests {
  private func said(
    _ text: String, then more: String = "", after pause: Duration = .zero,
    configure: (inout APIServer.Configuration) -> Void = { _ in }
  ) async throws -> String {
    var answer = ""
    try await withAPI(configure: configure) { api async throws in
      let bytes = try await api.rawUnix(Array(text.utf8), then: Array(more.utf8), after: pause)
      answer = String(decoding: bytes, as: UTF8.self)
    }
    return answer
  }

  /// The same with longer and longer limits, until bytes were read before their time was over: all
  /// tests share few threads.
  private func saidInTime(
    _ text: String, then more: String = "", after pause: Duration = .zero,
    limit: WritableKeyPath<APILimits, TimeAmount>
  ) async throws -> String {
    for seconds: Int64 in [1, 5, 25] {
      let answer = try await said(
        text, then: more, after: pause,
        configure: { $0.limits[keyPath: limit] = .seconds(seconds) })
      if answer.contains("HTTP/1.1 408 ") { return answer }
    }
    return ""
  }

  @Test func halfAHeadIsAnsweredBeforeItIsClosed() async throws {
    let answer = try await saidInTime("GET /healthz HTTP/1.1\r\nHost: a\r\nA:", limit: \.idle)
    #expect(answer.hasPrefix("HTTP/1.1 408 Request Timeout\r\n"), "\(answer)")
    #expect(answer.contains("application/problem+json"))
    #expect(answer.contains("no complete head of a request came in time"))
  }

  @Test func halfAHeadAfterAWholeRequestIsAnsweredToo() async throws {
    let answer = try await saidInTime(
      "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", then: "GET /h", after: .milliseconds(300),
      limit: \.idle)
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(answer)")
    #expect(answer.contains("HTTP/1.1 408 Request Timeout\r\n"))
  }

  @Test func halfAHeadInOnePieceWithAWholeRequestIsAnsweredToo() async throws {
    let answer = try await saidInTime(
      "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HT", limit: \.idle)
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(answer)")
    #expect(answer.contains("HTTP/1.1 408 Request Timeout\r\n"))
  }

  @Test func whoSaysNothingMoreAfterAnAnswerIsClosedWithoutAWord() async throws {
    let answer = try await said(
      "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", configure: { $0.limits.idle = .seconds(1) })
    #expect(answer.components(separatedBy: "HTTP/1.1 ").count <= 2, "\(answer)")
    #expect(!answer.contains(" 408 "))
  }

  @Test func aBodyThatDoesNotComeIsAnswered() async throws {
    let answer = try await saidInTime(
      "POST /api/v1/enrol HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{", limit: \.request)
    #expect(answer.hasPrefix("HTTP/1.1 408 Request Timeout\r\n"), "\(answer)")
    #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "\(answer)")
    #expect(answer.contains("its body did not come in time"))
  }

  @Test func aBodyBehindAnotherRequestThatDoesNotComeIsAnswered() async throws {
    let answer = try await saidInTime(
      "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        + "POST /api/v1/enrol HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n", limit: \.request)
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(answer)")
    #expect(answer.contains("HTTP/1.1 408 Request Timeout\r\n"), "\(answer)")
  }

  @Test func aBodyThatWasRefusedIsAnsweredOnce() async throws {
    let answer = try await said(
      "POST /api/v1/enrol HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n{",
      configure: { $0.limits.linger = .milliseconds(200) })
    #expect(answer.hasPrefix("HTTP/1.1 413 "), "\(answer)")
    #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "\(answer)")
  }

  /// Sends the body after longer and longer waits, until it came behind the word that it waits for: who
  /// has sent it before needs none.
  private func toldToGoOn(_ text: String, body: String) async throws -> String {
    for seconds in [0.3, 3, 20] {
      let answer = try await said(text, then: body, after: .seconds(seconds))
      if answer.contains(" 100 ") { return answer }
    }
    return ""
  }

  @Test func aClientThatAsksBeforeItsBodyIsToldToGoOn() async throws {
    let answer = try await toldToGoOn(
      """
      POST /api/v1/enrol HTTP/1.1\r
      Host: a\r
      Expect: 100-continue\r
      Content-Length: 2\r
      Connection: close\r
      \r

      """, body: "[]")
    #expect(answer.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 4"), "\(answer)")
  }

  @Test func aClientThatAsksBehindAnotherRequestIsToldWhenItIsItsTurn() async throws {
    let answer = try await toldToGoOn(
      """
      GET /healthz HTTP/1.1\r
      Host: a\r
      \r
      POST /api/v1/enrol HTTP/1.1\r
      Host: a\r
      Expect: 100-continue\r
      Content-Length: 2\r
      Connection: close\r
      \r

      """, body: "[]")
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(answer)")
    #expect(answer.contains("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 4"), "\(answer)")
  }

  @Test func anOldClientGetsTheEndWithItsAnswer() async throws {
    let begun = ContinuousClock.now
    let answer = try await said(
      "GET /healthz HTTP/1.0\r\n\r\n", configure: { $0.limits.idle = .seconds(120) })
    #expect(answer.contains("200 OK"), "\(answer)")
    #expect(begun.duration(to: .now) < .seconds(100), "it ended for another reason")
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
