import Logging
import NIOCore
import Testing

@testable import Manager

@Suite struct RefusalsTests {
  private let start = ContinuousClock.now

  @Test func strangersCannotFillTheLog() {
    var window = RefusalWindow(length: .seconds(60), began: start)
    let first = (0..<30).map { _ in window.admit(at: start) }
    #expect(first.prefix(RefusalWindow.lines).allSatisfy { $0 == .line(unlogged: 0) })
    #expect(first[RefusalWindow.lines] == .leaveOut(isFirst: true))
    #expect(first.dropFirst(RefusalWindow.lines + 1).allSatisfy { $0 == .leaveOut(isFirst: false) })
    #expect(window.admit(at: start + .seconds(61)) == .line(unlogged: 10))
    #expect(window.admit(at: start + .seconds(61)) == .line(unlogged: 0))
    #expect(window.takeRest() == nil)
  }

  @Test func whatNoLaterLineTellsIsTakenOnce() {
    var window = RefusalWindow(length: .seconds(60), began: start)
    for _ in 0..<23 { _ = window.admit(at: start) }
    #expect(window.takeRest() == 3)
    #expect(window.takeRest() == nil)
    // The window is the same still: the next one left out asks for a line again.
    #expect(window.admit(at: start + .seconds(1)) == .leaveOut(isFirst: true))
  }

  @Test func whatWasLeftOutIsToldWhenNobodyComesAnyMore() async {
    let log = APIRecordedLog()
    let refusals = Refusals(logger: log.logger, per: .milliseconds(300))
    for _ in 0..<25 { refusals.log(address: "192.0.2.1", reason: "test") }
    while !log.lines.contains(where: { $0.contains("left out") }) {
      guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { return }
    }
    #expect(log.lines.count == RefusalWindow.lines + 1)
    #expect(log.lines.last?.contains("\"unlogged\": 5") == true, "\(log.lines.last ?? "")")
  }

  @Test func aServerThatComesAgainWithoutEndHidesNoOther() {
    let log = APIRecordedLog()
    let servers = ServerLog(log.logger)
    for _ in 0..<200 {
      servers.log(.warning, "refused", about: "a", ["reason": "revoked"])
      servers.log(.warning, "refused", about: nil, ["reason": "silent"])
    }
    servers.log(.warning, "refused", about: "b", ["reason": "foreign"])
    servers.log(.info, "open", about: "a", ["peer": "192.0.2.1"])
    servers.log(.warning, "refused", about: "a", ["code": "frame-malformed"])
    #expect(log.lines.count == 2 * ServerLog.lines + 3)
    #expect(log.lines.contains { $0.contains("frame-malformed") })
    #expect(log.lines.contains { $0.contains("foreign") })
    #expect(log.lines.contains { $0.contains("192.0.2.1") })
  }

  @Test(arguments: [
    ("GET / HTTP/1.1", true), ("get / http/1.1", true), ("G", true), ("POST /", true),
    ("OPTIONS *", true), ("SSH-2.0-x", false), ("GETX /", false), ("BREW /", false),
    ("\0\u{1}", false),
  ])
  func whoSpeaksHTTPIsKnownByItsMethod(text: String, isHTTP: Bool) {
    #expect(WithoutTLS.beginsLikeHTTP(ByteBuffer(string: text).readableBytesView) == isHTTP)
  }
}
