import ManagerCore
import Protocol
import Testing

@testable import OperatorCLI

@Suite struct StoragePageTests {
  @Test func targetTableSaysWhatIsUnknownSinceWhenAndWhatIsTwice() throws {
    #expect(
      TargetTable.render(try Reply(Fixture.targets).elements(), Style(width: 100)) == """
        TARGET       STATE       SERVER  FAILOVER  CLIENTS       SIZE  USE      SEEN
        fs1-MDT0000  mounted     mds01   mds02          12  100.0 GiB  1 %   2 s ago
        fs1-OST0000  unknown     -       oss02           -          -    -  42 s ago
            last seen mounted on oss01 42 s ago
        fs1-OST0001  twice       -       -               -          -    -   2 s ago
            active on oss01 and oss02 at once
        fs1-OST0002  recovering  oss02   oss02           -          -    -   2 s ago
            recovery WAITING_FOR_CLIENTS
        fs1-OST0003  unmounted   -       oss02           -          -    -   4 s ago
            no server that may serve it has it
        fs1-OST0004  unknown     -       oss02           -          -    -         -
            never seen mounted
        fs1-OST0005  unknown     -       oss02           -          -    -  42 s ago
            nothing heard of oss01 for 3 s; last seen active there 42 s ago

        """)
  }

  @Test func stateTwiceIsTheLoudestColour() throws {
    let text = TargetTable.render(
      try Reply([Fixture.targets[2]]).elements(), Style(hasColour: true))
    #expect(text.contains("fs1-OST0001  \u{1b}[1;37;41mtwice\u{1b}[0m"))
  }

  @Test func sameNameOnTwoMGSsShowsTheMGS() throws {
    var other = Fixture.soundFileSystem
    other.mgs = "10.9.0.1@tcp"
    let text = FileSystemTable.render(
      try Reply([Fixture.soundFileSystem, other]).elements(), Style(width: 100))
    #expect(text.hasPrefix("NAME  MGS           STATE "))
    #expect(text.contains("\nfs1   10.9.0.1@tcp  available "))
  }

  @Test func fileSystemPageShowsCapacityTargetsAndClients() throws {
    #expect(
      FileSystemPage.render(try Reply(Fixture.fileSystemDetail), Style(width: 100)) == """
        fs1
        State     available: all 3 targets are mounted
        MGS       10.0.0.1@tcp 10.0.0.2@tcp, active on mds01
        Targets   3 of 3 active (1 MDT, 2 OSTs)
        Capacity  1.2 TiB of 4.0 TiB used (32 %), 2.6 TiB available
        Inodes    3.4 M of 120.0 M used (3 %)
        Clients   12
        Evidence  the oldest from 3 s ago
        Id        b5d1

        error  oss01: nothing heard for 42 s (for 39 s, server-lost)
               Look at the host's console, its network, and `systemctl status iml-agent`.

        TARGET       STATE    SERVER  FAILOVER  CLIENTS       SIZE  USE      SEEN  NOTE
        fs1-MDT0000  mounted  mds01   mds02          12  100.0 GiB  1 %   2 s ago
        fs1-OST0000  unknown  -       oss02           -          -    -  42 s ago  last seen mounted on
                                                                                   oss01 42 s ago

        CLIENT         UUID
        10.0.1.1@tcp   1f3c0e5a-9e1c-4f5e-8f2a-0d6c5d1f7a01
        10.1.1.2@o2ib  1f3c0e5a-9e1c-4f5e-8f2a-0d6c5d1f7a02

        """)
  }

  @Test func targetPageShowsWhoSaysWhat() throws {
    let detail = Fixture.targetDetail(Fixture.targets[1])
    #expect(
      TargetPage.render(try Reply(detail), Style(width: 100)) == """
        fs1-OST0000
        State        unknown, last seen mounted on oss01 42 s ago
        Kind         OST
        File system  fs1
        MGS          10.0.0.1@tcp
        Failover     oss02
        Device       /dev/mapper/ost0
        Mounted at   /mnt/fs1-ost0
        Evidence     from 42 s ago
        UUID         fs1-OST0000_UUID
        Id           t-fs1-OST0000

        SERVER  SAYS        CURRENT      SEEN
        oss02   not active  yes       2 s ago
        oss01   active      no       42 s ago

        """)
  }

  @Test func clientsBeyondAScreenAreCounted() {
    let clients = (0..<25).map {
      ExportsSection.Client(uuid: "u\($0)", nid: "10.0.0.\($0)@tcp")
    }
    let text = ClientTable.render(clients, seeAll: "iml fs show fs1 -o json", Style(width: 100))
    #expect(text.hasSuffix("and 5 more clients: `iml fs show fs1 -o json` shows all.\n"))
    #expect(text.contains("10.0.0.19@tcp") && !text.contains("10.0.0.20@tcp"))
  }

  @Test func countsThatNoManagerCanMeanAreBorne() throws {
    var odd = Fixture.soundFileSystem
    (odd.mdts, odd.osts) = (.max, 1)
    var detail = Fixture.fileSystemDetail
    detail.summary = odd
    let said = "of \(Int.min)"
    #expect(FileSystemTable.render(try Reply([odd]).elements(), Style(width: 200)).contains(said))
    #expect(FileSystemPage.render(try Reply(detail), Style(width: 200)).contains(said))
    var group = MetricAnswer.Group(labels: [:])
    (group.series, group.silentSeries) = (.max, -1)
    var answer = Fixture.metricAnswer
    answer.groups = [group]
    #expect(MetricPage.render(try Reply(answer), Style(width: 200)).contains("of \(Int.max)"))
  }

  @Test func capacityThatContradictsItselfIsUnknown() {
    let space = Space(total: 10, free: 11, available: 3)
    #expect(space.used == nil && space.sentence == nil && space.share == "-")
    #expect(Space(total: .max, free: 0, available: .max).share == "-")
    #expect(Space(total: 0, free: 0, available: 0).share == "-")
  }

  @Test func aPartialSumNeverPassesForTheWhole() throws {
    let partial = Fixture.partialFileSystem
    #expect(
      FileSystemTable.render(try Reply([partial]).elements(), Style()) == """
        NAME  STATE      TARGETS  CLIENTS      SIZE      USED     AVAIL   USE     SEEN
        fs1   available   9 of 9      >12  >4.0 TiB  >1.2 TiB  >2.6 TiB  32 %  3 s ago
            sizes are of 4 of 7 OSTs only; clients of 1 of 2 MDTs only

        """)
    var detail = Fixture.fileSystemDetail
    detail.summary = partial
    let text = FileSystemPage.render(try Reply(detail), Style(width: 100))
    #expect(text.contains("2.6 TiB available (4 of 7 OSTs only)\n"))
    #expect(text.contains("120.0 M used (3 %) (1 of 2 MDTs only)\n"))
    #expect(text.contains("Clients   12 (1 of 2 MDTs only)\n"))
    var whole = partial
    (whole.bytesTargets, whole.inodesTargets, whole.clientsTargets) = (7, 2, 2)
    #expect(!FileSystemTable.render(try Reply([whole]).elements(), Style()).contains(">"))
  }

  @Test func whereNobodyTellsASizeThePageSaysSo() throws {
    var detail = Fixture.fileSystemDetail
    detail.summary = Fixture.lostFileSystem
    detail.summary.bytesTargets = 0
    let text = FileSystemPage.render(try Reply(detail), Style())
    #expect(text.contains("Capacity  unknown: no OST tells (0 of 1 OST only)\n"))
    #expect(text.contains("Inodes    unknown: no MDT tells\n"))
  }

  @Test func aTargetOnTwoServersShowsBothAsActive() throws {
    let target = Fixture.doubledTarget
    let table = TargetTable.render(
      try Reply([target]).elements(), Style(hasColour: true))
    #expect(table.contains("\u{1b}[1;37;41moss01,oss02\u{1b}[0m  -  "))
    let page = TargetPage.render(try Reply(Fixture.targetDetail(target)), Style())
    #expect(page.contains("Active on    oss01 and oss02\n"))
    #expect(!page.contains("Failover"))
  }

  @Test func sizesThatAreOlderThanTheStateSaySo() throws {
    var target = Fixture.targets[0]
    target.capacitySecondsAgo = 61
    #expect(TargetTable.oldSizes(target) == nil)
    target.capacitySecondsAgo = 600
    let table = TargetTable.render(try Reply([target]).elements(), Style())
    #expect(table.hasSuffix("    sizes from 10 min ago\n"))
    let page = TargetPage.render(try Reply(Fixture.targetDetail(target)), Style())
    #expect(page.contains("available, sizes from 10\n"))
  }
}
