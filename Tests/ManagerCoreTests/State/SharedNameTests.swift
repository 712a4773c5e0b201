import ManagerCore
import Protocol
import Testing

@Suite struct SharedNameTests {
  @Test func twoServersOfOneNameAreAWarningThatNamesBoth() throws {
    var stage = Stage()
    stage.enrol("a")
    stage.enrol("b")
    for name in ["a", "b"] { stage.connect(name) }
    try stage.run()
    #expect(stage.findings(.hostNameShared).isEmpty)
    for name in ["a", "b"] {
      stage.servers[name]?.name = "same"
      stage.connect(name)
    }
    try stage.run()
    let finding = try #require(stage.findings(.hostNameShared).first)
    #expect(finding.diagnostic.severity == .warning)
    for server in stage.site.servers(at: stage.now) {
      #expect(finding.diagnostic.reason.contains(server.id.text))
    }
  }
}
