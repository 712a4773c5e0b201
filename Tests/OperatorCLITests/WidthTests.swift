import ManagerCore
import Protocol
import Testing

@testable import OperatorCLI

/// Pages with names as the demo has them, and numbers as wide as they get in a day.
@Suite struct WidthTests {
  private let ids = ["4f5c9a1b2c3d4e5f", "e03c0b3d1fa1f326"]

  private func widest(_ text: String) -> Int {
    text.split(separator: "\n").map(\.count).max() ?? 0
  }

  private func target(_ index: Int) -> TargetSummary {
    var target = Fixture.target(
      "scratch-OST000\(index)", .ost, state: index == 1 ? .twice : .recovering,
      reason: "active on oss01 and oss02", on: "oss01")
    if index == 1 { target.activeServers = ["oss01", "oss02"] }
    target.bytesTotal = 100 << 40
    target.bytesFree = 20 << 40
    target.bytesAvailable = 10 << 40
    target.clients = 1_000
    target.evidenceSecondsAgo = 119 * 60
    return target
  }

  private var fileSystem: FileSystemSummary {
    var fileSystem = Fixture.partialFileSystem
    fileSystem.name = "scratch"
    fileSystem.state = .unavailable
    fileSystem.bytesTotal = 512 << 40
    fileSystem.bytesFree = 267 << 40
    fileSystem.bytesAvailable = 241 << 40
    return fileSystem
  }

  @Test func storagePagesFitEightyColumns() throws {
    let targets = TargetTable.render(try Reply([target(0), target(1)]).elements(), Style())
    #expect(widest(targets) <= 80 && targets.contains("oss01,oss02"), "\(targets)")
    let table = FileSystemTable.render(try Reply([fileSystem]).elements(), Style())
    #expect(widest(table) <= 80, "\(table)")
    var detail = Fixture.fileSystemDetail
    detail.summary = fileSystem
    detail.targets = [target(0), target(1)]
    #expect(widest(FileSystemPage.render(try Reply(detail), Style())) <= 80)
  }

  @Test func serverAndStatusPagesFitEightyColumns() throws {
    var servers = Fixture.troubledServers
    servers[1].isRevoked = true
    servers[1].readsTree = true
    let table = ServerTable.render(try Reply(servers).elements(), Style())
    #expect(widest(table) <= 80 && table.contains("revoked; nothing heard"), "\(table)")
    var status = Fixture.troubledStatus
    status.servers = servers
    status.fileSystems = [fileSystem]
    #expect(widest(StatusPage.render(try Reply(status), Style())) <= 80)
    let detail = try Fixture.serverDetail(servers[1])
    let page = ServerPage.render(try Reply(detail), now: Fixture.now, Style())
    #expect(widest(page) <= 80 && page.contains("Certificate  revoked: serial 0a1b2c3d"), "\(page)")
  }

  @Test func tokenPagesFitEightyColumns() throws {
    let day: Int64 = 86_400_000_000_000
    let enrolment = ids.map {
      EnrolmentTokenView(
        id: $0, profile: .managed, usesLeft: 10, expiresNanoseconds: Fixture.now + 30 * day,
        isRevoked: true, createdBy: "root")
    }
    let bearers = ids.map {
      APITokenView(
        id: $0, name: "grafana", role: .operator, expiresNanoseconds: Fixture.now - 30 * day,
        isRevoked: true)
    }
    #expect(
      widest(
        EnrolmentTokenTable.render(try Reply(enrolment).elements(), now: Fixture.now, Style()))
        <= 80)
    #expect(
      widest(APITokenTable.render(try Reply(bearers).elements(), now: Fixture.now, Style())) <= 80)
  }

  @Test func labelsThatAllShareStandAboveTheTableOfAQuery() throws {
    var answer = Fixture.metricAnswer
    answer.groups = (0..<2).map { index in
      var group = MetricAnswer.Group(labels: [
        "component": "ost", "fs": index == 0 ? "home" : "scratch", "mgs": "10.73.10.11@tcp",
        "operation": "write", "target": "scratch-OST000\(index)",
      ])
      (group.series, group.samples, group.lastSecondsAgo) = (1, 3_600, 7_000)
      (group.value, group.minimum, group.maximum) = (1_047_000, 1_047_000, 1_047_000)
      return group
    }
    let text = MetricPage.render(try Reply(answer), Style())
    #expect(widest(text) <= 80, "\(text)")
    #expect(text.contains("component=ost, mgs=10.73.10.11@tcp, operation=write\n"), "\(text)")
    #expect(text.contains("\nFS       TARGET                VALUE"), "\(text)")
    answer.groups[1].silentSeries = 1
    #expect(MetricPage.render(try Reply(answer), Style()).contains("SERIES"))
    answer.groups.removeLast()
    #expect(MetricPage.render(try Reply(answer), Style()).contains("COMPONENT"))
  }

  @Test func jobsFitEightyColumnsByTheirRates() throws {
    let increase = JobCounters(
      readBytes: 900 << 30, writtenBytes: 900 << 30, ioOperations: 154_200,
      metadataOperations: 120_300)
    let second: Int64 = 1_000_000_000
    let span = JobSpan(
      target: "T0", fromNanoseconds: 0, throughNanoseconds: 600 * second,
      coveredNanoseconds: 600 * second,
      top: [JobIncrease(job: "rsync@login01.1001", increase: increase)], rest: increase,
      restJobs: 3, jobs: 4, untracked: 2)
    let view = JobTopView(
      [span], by: .write, limit: 20, targets: ["T0": "scratch-OST0000"], fromNanoseconds: 0,
      throughNanoseconds: 600 * second)
    let text = JobTopPage.render(try Reply(view), Style())
    #expect(widest(text) <= 80 && text.contains("WRITTEN/S"), "\(text)")
  }
}
