import ManagerCore
import Protocol
import Testing

@testable import OperatorCLI

@Suite struct ServerPageTests {
  @Test func tableKeepsUnknownAndStaleApart() throws {
    let servers = try Reply(Fixture.troubledServers).elements()
    #expect(
      ServerTable.render(servers, Style(width: 100)) == """
        SERVER  CONTACT    HEALTH        HEARD  PROFILE  LUSTRE  TARGETS  NOTE
        mds01   connected  healthy     0 s ago  monitor  2.15.5        2
        oss01   lost       unknown    42 s ago  monitor  2.15.5        1  nothing heard for 42 s
        oss02   connected  unhealthy   0 s ago  monitor  2.15.5        1  health_check names fs1-OST0001 as
                                                                          unhealthy, and LNet has 3 peers
                                                                          down of the 12 that it knows
        oss03   never      unknown           -  monitor  2.15.5        0  never heard

        """)
  }

  @Test func pageShowsEvidenceLossesAndTheLogWithoutItsControlCharacters() throws {
    let detail = try Fixture.serverDetail(Fixture.troubledServers[1])
    #expect(
      ServerPage.render(try Reply(detail), now: Fixture.now, Style(width: 100)) == #"""
        oss01
        Id           6f9619ff-8b86-4011-b42d-000000000002
        Health       unknown: nothing heard for 42 s
        Contact      lost, heard 42 s ago, in session for 1 h 2 min
        Address      10.0.0.3:40122
        Profile      monitor
        Agent        0.1.0
        Lustre       2.15.5
        System       Rocky Linux 9.4, kernel 5.14.0-427.el9_lustre, 32 processors, 125.4 GiB memory
        NIDs         10.0.0.3@tcp 10.1.0.3@o2ib (down)
        Boot         5d0c2a3e-0000-4000-8000-000000000002
        Clock        12.3 s ahead of the manager's
        Certificate  serial 0a1b2c3d, until 2026-08-30 12:00:00 UTC (in 29 d)
        Targets      fs1-OST0000 (by its last evidence)
        Received     18.0 k batches, 3.4 M samples

        error  oss01: nothing heard for 42 s (for 39 s, server-lost)
               Look at the host's console, its network, and `systemctl status iml-agent`.

        SECTION  COLLECTOR  CURRENT      SEEN
        host     host       yes       2 s ago
        lnet     lnet       no       42 s ago

        LOST AFTER               AND BEFORE               BATCHES  SAMPLES  REASON
        the beginning            2026-08-01 11:50:00 UTC  unknown  unknown  the agent's process ended with
                                                                            what it held
        2026-08-01 11:58:30 UTC  2026-08-01 11:59:30 UTC       12     4800  the agent's spool was full

        LOGGED                   BY     PRIORITY  LINE
        2026-08-01 11:59:00 UTC  agent  warning   collector ost: a read has not come back\x1b[2J

        """#)
  }

  @Test func sectionOfAnotherShapeIsLeftOutNotFatal() throws {
    var detail = try Fixture.serverDetail(Fixture.soundServers[0])
    detail.sections = detail.sections.map { section in
      var changed = section
      changed.body = .array([.integer(1)])
      return changed
    }
    let text = ServerPage.render(try Reply(detail), now: Fixture.now, Style(width: 100))
    #expect(!text.contains("System") && !text.contains("NIDs"))
    #expect(text.contains("Targets      MGS fs1-MDT0000\n"))
  }
}
