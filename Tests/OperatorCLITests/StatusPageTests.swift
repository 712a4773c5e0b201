import ManagerCore
import Protocol
import Testing

@testable import OperatorCLI

@Suite struct StatusPageTests {
  private func page(_ status: SiteStatus, _ style: Style = Style(width: 100)) throws -> String {
    StatusPage.render(try Reply(status), style)
  }

  @Test func soundSiteIsAVerdictAndTwoTables() throws {
    #expect(
      try page(Fixture.soundStatus) == """
        healthy: 2 of 2 servers connected, 1 file system available

        NAME  STATE      TARGETS  CLIENTS     SIZE     USED    AVAIL   USE     SEEN
        fs1   available   3 of 3       12  4.0 TiB  1.2 TiB  2.6 TiB  32 %  3 s ago

        SERVER  CONTACT    HEALTH     HEARD  TARGETS
        mds01   connected  healthy  0 s ago        2
        oss01   connected  healthy  1 s ago        2

        Manager 0.1.0, up 3 h 3 min.

        """)
  }

  @Test func troubledSiteShowsTheWorstFindingFirstAndEveryAge() throws {
    #expect(
      try page(Fixture.troubledStatus) == """
        unhealthy: 2 of 4 servers connected, 1 of 2 file systems available, 1 emergency, 1 error, 1 warning

        emergency  fs1-OST0001: is active on oss01 and oss02 at once; both may write to the same device (for
                   12 s, target-on-two-servers)
                   Stop it on one of the two at once, and check the file system afterwards.
        error      oss01: nothing heard for 42 s (for 39 s, server-lost)
                   Look at the host's console, its network, and `systemctl status iml-agent`.
        warning    oss02: its clock is 12 s ahead (for 2 h 1 min, clock-skewed)

        NAME     STATE      TARGETS  CLIENTS     SIZE     USED    AVAIL   USE     SEEN
        fs1      available   3 of 3       12  4.0 TiB  1.2 TiB  2.6 TiB  32 %  3 s ago
        scratch  unknown     0 of 2        -        -        -        -     -        -
            no current evidence of 2 of 2 targets

        SERVER  CONTACT    HEALTH        HEARD  TARGETS  NOTE
        mds01   connected  healthy     0 s ago        2
        oss01   lost       unknown    42 s ago        1  nothing heard for 42 s
        oss02   connected  unhealthy   0 s ago        1  health_check names fs1-OST0001 as unhealthy, and
                                                         LNet has 3 peers down of the 12 that it knows
        oss03   never      unknown           -        0  never heard

        Manager 0.1.0, up 3 h 3 min.

        """)
  }

  @Test func emptySiteTellsTheFirstStep() throws {
    #expect(
      try page(Fixture.status(.unknown, [], [])) == """
        unknown: no server is enrolled, no file system known
        Make a token with `iml server token create`, then run `iml-agent enroll` on each server.

        Manager 0.1.0, up 3 h 3 min.

        """)
  }

  @Test func colourAddsNothingButColour() throws {
    let coloured = try page(Fixture.troubledStatus, Style(hasColour: true, width: 100))
    #expect(coloured.hasPrefix("\u{1b}[31munhealthy\u{1b}[0m: 2 of 4 servers"))
    #expect(coloured.contains("\n\u{1b}[1;37;41memergency\u{1b}[0m  fs1-OST0001: is active"))
    #expect(coloured.contains("\u{1b}[35munknown\u{1b}[0m     0 of 2"))
    let stripped = coloured.replacing(/\u{1b}\[[0-9;]*m/, with: "")
    #expect(stripped == (try page(Fixture.troubledStatus)))
  }

  @Test func linesStayWithinTheWidthExceptTheVerdict() throws {
    for width in [60, 80, 100, 140] {
      let lines = try page(Fixture.troubledStatus, Style(width: width)).split(separator: "\n")
      // The tables' own columns are 83 wide; what flows stays within the width.
      #expect(lines.dropFirst().allSatisfy { $0.count <= max(width, 83) })
    }
  }

  @Test func largeSiteShowsOnlyServersThatNeedALook() throws {
    let many = (1...30).map { Fixture.server($0, "oss\($0)") } + [Fixture.troubledServers[1]]
    let text = try page(Fixture.status(.degraded, many, []))
    #expect(text.contains("oss01   lost"))
    #expect(!text.contains("oss7"))
    #expect(text.contains("30 healthy servers are not shown: `iml server list` shows all.\n"))
  }

  @Test func manyFindingsAreCutAtTheEndNotAtTheWorst() throws {
    let warnings = (0..<40).map { number in
      Finding(
        diagnostic: Diagnostic(.clockSkewed, .warning, subject: "s\(number)", reason: "r"),
        ageSeconds: 1)
    }
    let text = try page(Fixture.status(.unhealthy, [], [], warnings + [Fixture.findings[1]]))
    #expect(text.contains("emergency  fs1-OST0001"))
    #expect(text.contains("s18: r") && !text.contains("s19: r"))
    #expect(text.contains("and 21 more findings: `iml status -o json` shows all.\n"))
  }
}
