import ManagerCore
import Protocol
import Testing

@testable import OperatorCLI

@Suite struct ReplyTests {
  @Test func unknownWordsArePrintedAsTheManagerWroteThem() throws {
    var text = String(decoding: try CanonicalJSON.encode(Fixture.soundStatus), as: UTF8.self)
    text = text.replacing("\"contact\":\"connected\"", with: "\"contact\":\"asleep\"")
    text = text.replacing("\"state\":\"available\"", with: "\"state\":\"frozen\"")
    let reply = try Reply<SiteStatus>(body: Array(text.utf8))
    #expect(reply.servers[0].contact == .unrecognised)
    let page = StatusPage.render(reply, Style())
    #expect(page.contains("mds01   asleep "))
    #expect(page.contains("fs1   frozen "))
    #expect(!page.contains("unrecognised"))
  }

  @Test func membersAndNumbersOfANewerManagerSurvive() throws {
    let body = """
      [{"help":"","kind":"counter","name":"n","unit":"1","big":18446744073709551615,\
      "exact":9007199254740993,"less":-9223372036854775808,"new":{"deep":[0.1,null,true]}}]
      """
    let reply = try Reply<[MetricListing]>(body: Array(body.utf8))
    let printed = String(decoding: try CanonicalJSON.encode(reply.raw), as: UTF8.self)
    #expect(
      printed == """
        [{"big":18446744073709551615,"exact":9007199254740993,"help":"","kind":"counter",\
        "less":-9223372036854775808,"name":"n","new":{"deep":[0.1,null,true]},"unit":"1"}]
        """)
  }

  @Test func everyViewSurvivesItsWayThroughJSON() throws {
    let detail = try Fixture.serverDetail(Fixture.soundServers[0])
    let bytes = try CanonicalJSON.encode(detail)
    let reply = try Reply<ServerDetail>(body: bytes)
    #expect(reply.view == detail)
    #expect(try CanonicalJSON.encode(reply.raw) == bytes)
  }
}
