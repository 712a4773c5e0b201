import Foundation
import ManagerCore
import Platform
import Protocol
import Synchronization
import Testing

@testable import Manager

@Suite struct FrameLogSiteTests {
  private static let streams = [Given.stream(1), Given.stream(2)]

  /// What two agents send in one round; in the third a series is new.
  private static func told(_ round: UInt64) -> [ToldBatch] {
    streams.flatMap { stream in
      (round * 2 - 1...round * 2).map { order in
        var values = ["a": order, "b": 7, "c": order &* 1_000_003]
        if round >= 3 { values["new"] = order }
        return ToldBatch(stream: stream, order: order, values: values)
      }
    }
  }

  private static let rounds = (UInt64(1)...5)
  private static let everything = rounds.flatMap(told)

  /// Sends all, until the killer strikes; gives what was acknowledged by then.
  private func live(_ directory: String, _ killer: Killer) async throws -> [StreamKey: UInt64] {
    let manager = try await FrameSite(directory, segmentBytes: 200) {
      point throws(DiagnosticError) in
      try killer.reach(point)
    }
    for round in Self.rounds {
      for told in Self.told(round) { try await manager.send(told) }
      await manager.site.flush(force: round == 4)
      if killer.isDead { break }
    }
    var acknowledged: [StreamKey: UInt64] = [:]
    for stream in Self.streams { acknowledged[stream] = await manager.acknowledged(stream) }
    return acknowledged
  }

  /// As when a list of the folder did not have it.
  @Test func aSegmentThatNobodyReadIsNotWrittenOver() async throws {
    let directory = try TemporaryDirectory()
    let manager = try await FrameSite(directory.path)
    try directory.put("frames/00000001.log", [1, 2, 3])
    try await manager.send(Self.told(1)[0])
    await manager.site.flush()
    #expect(try directory.contents("frames/00000001.log") == [1, 2, 3])
    #expect(await manager.acknowledged(Self.streams[0]) == 0)
    #expect(await manager.site.readiness().map(\.reason).contains { $0.contains("File exists") })
  }

  /// A file of history that goes while the manager is down is told once, of every server.
  @Test func aFileOfHistoryThatIsGoneOrEmptyIsALossThatIsTold() async throws {
    for isEmpty in [false, true] {
      let directory = try TemporaryDirectory()
      let whole = Killer()
      _ = try await live(directory.path, whole)
      let folder = directory.path + "/history/"
      let name = try #require(
        try FileManager.default.contentsOfDirectory(atPath: folder).first {
          $0.hasPrefix("raw-") && $0.hasSuffix(".sqlite")
        })
      for ending in ["", "-wal", "-shm"] {
        try? FileManager.default.removeItem(atPath: folder + name + ending)
      }
      if isEmpty { try directory.put("history/" + name, []) }
      for isFirst in [true, false] {
        let manager = try await FrameSite(directory.path)
        for stream in Self.streams {
          let reasons = try await manager.store.losses(of: stream.server).map(\.reason)
          #expect(reasons.count == 1, "\(isEmpty) \(isFirst)")
          #expect(reasons.first?.contains("history/\(name) was removed") == true)
        }
        #expect(manager.store.history.missing.isEmpty)
        try manager.store.close()
      }
    }
  }

  enum Cut: CaseIterable { case log, copy, copyWithoutStream }

  /// The end of a file is gone, and SQLite takes the rest for all of it.
  @Test(arguments: Cut.allCases) func aDayThatLostItsEndIsMissed(_ cut: Cut) async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/state"
    let again = directory.path + "/again"
    let stream = Self.streams[0]
    var day = ""
    do {
      let manager = try await FrameSite(path)
      func send(_ orders: ClosedRange<UInt64>, of stream: StreamKey) async throws {
        for order in orders {
          try await manager.send(ToldBatch(stream: stream, order: order, values: ["a": order]))
        }
        await manager.site.flush(force: true)
      }
      try await send(1...2, of: cut == .copy ? stream : Self.streams[1])
      manager.store.history.close()
      let folder = path + "/history/"
      day = try #require(
        try FileManager.default.contentsOfDirectory(atPath: folder).first {
          $0.hasPrefix("raw-") && $0.hasSuffix(".sqlite")
        })
      let older = try Data(contentsOf: URL(fileURLWithPath: folder + day))
      try await send((cut == .copy ? 3 : 1)...7, of: stream)
      #expect(await manager.acknowledged(stream) == 7)
      try FileManager.default.copyItem(atPath: path, toPath: again)
      for ending in ["-wal", "-shm"] {
        try FileManager.default.removeItem(atPath: again + "/history/" + day + ending)
      }
      if cut != .log { try older.write(to: URL(fileURLWithPath: again + "/history/" + day)) }
    }
    let lost: UInt64 = cut == .copy ? 5 : 7
    for isFirst in [true, false] {
      let manager = try await FrameSite(again)
      #expect(await manager.acknowledged(stream) == 7 - lost)
      let told = await manager.site.ownFindings().map(\.diagnostic)
      #expect(told.map(\.subject) == ["history"])
      #expect(told.first?.reason.contains("history/\(day) lost its end") == true)
      #expect(told.first?.code == "samples-lost")
      #expect(told.first?.reason.contains("\(lost) batches") == true)
      #expect(try await manager.store.losses(of: stream.server).isEmpty)
      if !isFirst {
        // Its agent is back, in another life, and does not have them.
        try await manager.site.settleMissingOrders(Self.hello(stream.server))
        await manager.site.flush(force: true)
      }
      try manager.store.close()
    }
    for _ in 1...2 {
      let manager = try await FrameSite(again)
      #expect(try await manager.store.losses(of: stream.server).map(\.batches) == [lost])
      #expect(await manager.site.ownFindings().isEmpty)
      #expect(await manager.site.missing.isEmpty)
      try manager.store.close()
    }
  }

  /// Of a new life that holds nothing.
  private static func hello(_ server: ServerID) -> Hello {
    Hello(
      server: server, boot: BootID("boot"), incarnation: "new", hostname: "oss01",
      agentVersion: "1", highestOrder: 0, firstHeldOrder: 1, lives: [], readsTree: false)
  }

  /// The newest batches are in the frame log, and in the file by the next start: the hole below them does not
  /// close by that. Then the file of an earlier day, whose streams went on in the next.
  @Test(arguments: [false, true]) func aHoleThatIsFollowedByMoreIsMissed(_ isEarlierDay: Bool)
    async throws
  {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/state"
    let again = directory.path + "/again"
    let stream = Self.streams[0]
    do {
      let manager = try await FrameSite(path)
      if isEarlierDay {
        let begin = Clock.wall() - Given.day
        for orders in [UInt64(1)...2, 3...9] {
          var write = HistoryWrite()
          write.series = [(7, Given.series("m"))]
          write.blocks = [
            Given.block(stream, orders: orders, from: begin, through: begin + 1_000_000)
          ]
          try await manager.store.append(write, nanoseconds: begin)
          if orders.lowerBound == 1 {
            manager.store.history.close()
            try FileManager.default.copyItem(
              atPath: path + "/history", toPath: directory.path + "/older")
          }
        }
        for order in UInt64(10)...12 {
          try await manager.send(ToldBatch(stream: stream, order: order, values: ["a": order]))
        }
        await manager.site.flush(force: true)
        manager.store.history.close()
      } else {
        try await manager.send(ToldBatch(stream: stream, order: 1, values: ["a": 1]))
        try await manager.send(ToldBatch(stream: stream, order: 2, values: ["a": 2]))
        await manager.site.flush(force: true)
        manager.store.history.close()
        try FileManager.default.copyItem(
          atPath: path + "/history", toPath: directory.path + "/older")
        for order in UInt64(3)...9 {
          try await manager.send(ToldBatch(stream: stream, order: order, values: ["a": order]))
        }
        await manager.site.flush(force: true)
        for order in UInt64(10)...12 {
          try await manager.send(ToldBatch(stream: stream, order: order, values: ["a": order]))
        }
        await manager.site.flush()
      }
      #expect(await manager.acknowledged(stream) == 12)
      try FileManager.default.copyItem(atPath: path, toPath: again)
    }
    let older = directory.path + "/older"
    for name in try FileManager.default.contentsOfDirectory(atPath: older)
    where name.hasPrefix("raw-") && name.hasSuffix(".sqlite") {
      for ending in ["", "-wal", "-shm"] {
        try? FileManager.default.removeItem(atPath: again + "/history/" + name + ending)
      }
      try FileManager.default.copyItem(
        atPath: older + "/" + name, toPath: again + "/history/" + name)
    }
    for round in 1...3 {
      let manager = try await FrameSite(again)
      #expect(await manager.acknowledged(stream) == 2, "\(round)")
      let told = await manager.site.ownFindings().map(\.diagnostic.reason)
      #expect(told.count == 1 && told[0].hasPrefix("7 batches"), "\(round) \(told)")
      if round == 3 {
        try await manager.site.settleMissingOrders(Self.hello(stream.server))
      }
      await manager.site.flush(force: true)
      try manager.store.close()
    }
    let manager = try await FrameSite(again)
    try await manager.site.resume(stream)
    #expect(await manager.acknowledged(stream) == 12)
    #expect(await manager.site.ownFindings().isEmpty)
    let losses = try await manager.store.losses(of: stream.server)
    let loss = try #require(losses.first)
    #expect(losses.count == 1 && loss.batches == 7)
    let orders = try await manager.store.stored(stream).held
    #expect(orders.contains(2) && orders.contains(12))
    let blocks = try await manager.store.blocks(from: 0, through: .max)
    let ends = blocks.filter { $0.lastOrder <= 2 }.map(\.throughNanoseconds).max()
    #expect(loss.afterNanoseconds == ends)
    let next = try #require(blocks.filter { $0.lastOrder >= 10 }.map(\.fromNanoseconds).min())
    #expect(loss.beforeNanoseconds <= next)
  }

  /// An agent's disk keeps what was acknowledged until its segment is full: it may send all of it again.
  @Test func whatAnAgentSendsAgainIsMissingUntilItIsStored() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/state"
    let stream = Self.streams[0]
    var again = path
    func copy(withoutLog: Bool) throws {
      let next = directory.path + "/\(UUID())"
      try FileManager.default.copyItem(atPath: again, toPath: next)
      again = next
      guard withoutLog else { return }
      for name in try FileManager.default.contentsOfDirectory(atPath: next + "/history")
      where name.hasPrefix("raw-") && !name.hasSuffix(".sqlite") {
        try FileManager.default.removeItem(atPath: next + "/history/" + name)
      }
    }
    func send(_ orders: ClosedRange<UInt64>, to manager: FrameSite) async throws {
      for order in orders {
        try await manager.send(ToldBatch(stream: stream, order: order, values: ["a": order]))
      }
    }
    var managers: [FrameSite] = []
    func start() async throws -> FrameSite {
      let manager = try await FrameSite(again)
      // None ends before the test does: each is as if it was killed.
      managers.append(manager)
      return manager
    }
    let first = try await start()
    try await send(1...9, to: first)
    await first.site.flush(force: true)
    try await send(10...12, to: first)
    await first.site.flush()
    try copy(withoutLog: true)
    // Its end stores what the frame log has.
    let second = try await start()
    await second.site.flush(force: true)
    try copy(withoutLog: false)
    let third = try await start()
    var hello = Self.hello(stream.server)
    hello.lives = [
      HeldLife(
        boot: stream.boot, incarnation: stream.incarnation, firstOrder: 4, lastOrder: 12,
        firstStamp: Stamp(bootNanoseconds: 1, wallNanoseconds: 1),
        lastStamp: Stamp(bootNanoseconds: 1, wallNanoseconds: 1))
    ]
    try await third.site.settleMissingOrders(hello)
    try await send(4...6, to: third)
    await third.site.flush()
    try copy(withoutLog: false)
    // What the frame log has again is not yet in a block: a kill loses none of it.
    for _ in 1...2 {
      let killed = try await start()
      #expect(await killed.acknowledged(stream) == 6)
      try copy(withoutLog: false)
    }
    let fourth = try await start()
    #expect(await fourth.acknowledged(stream) == 6)
    #expect(try await fourth.store.losses(of: stream.server).map(\.batches) == [3])
    #expect(await fourth.site.missing[stream.server]?.map(\.orders) == [7...9])
    try await fourth.site.settleMissingOrders(hello)
    try await send(7...8, to: fourth)
    await fourth.site.flush(force: true)
    #expect(await fourth.acknowledged(stream) == 8)
    try copy(withoutLog: false)
    let fifth = try await start()
    #expect(await fifth.site.missing[stream.server]?.map(\.orders) == [9...9])
    try await fifth.site.settleMissingOrders(Self.hello(stream.server))
    await fifth.site.flush(force: true)
    #expect(await fifth.acknowledged(stream) == 12)
    #expect(try await fifth.store.losses(of: stream.server).map(\.batches) == [1, 3])
    #expect(await fifth.site.missing.isEmpty)
    #expect(try await fifth.store.missingOrders().isEmpty)
    #expect(Set(try await fifth.content().map(\.order)) == Set(4...8).union(10...12))
  }

  /// What is still in the frame log, and what the agent sends again, is not lost.
  @Test func whatADayLostAndIsElsewhereIsNoLoss() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/state"
    let again = directory.path + "/again"
    let stream = Self.streams[0]
    do {
      let manager = try await FrameSite(path)
      try await manager.send(ToldBatch(stream: stream, order: 1, values: ["a": 1]))
      await manager.site.flush()
      let log = try Data(
        contentsOf: URL(fileURLWithPath: path + "/frames/00000001.log"))
      await manager.site.flush(force: true)
      try FileManager.default.copyItem(atPath: path, toPath: again)
      try log.write(to: URL(fileURLWithPath: again + "/frames/00000001.log"))
      let folder = again + "/history/"
      for name in try FileManager.default.contentsOfDirectory(atPath: folder)
      where name.hasPrefix("raw-") && !name.hasSuffix(".sqlite") {
        try FileManager.default.removeItem(atPath: folder + name)
      }
    }
    let manager = try await FrameSite(again)
    #expect(await manager.acknowledged(stream) == 1)
    #expect(await manager.site.ownFindings().isEmpty)
    #expect(try await manager.content().map(\.order) == [1])
  }

  /// The file of this very day: what comes goes on being stored, and an answer says what it lacks.
  @Test func aDamagedFileOfHistoryIsToldAndNothingStops() async throws {
    let directory = try TemporaryDirectory()
    _ = try await live(directory.path, Killer())
    let folder = directory.path + "/history/"
    let name = try #require(
      try FileManager.default.contentsOfDirectory(atPath: folder).first {
        $0.hasPrefix("raw-") && $0.hasSuffix(".sqlite")
      })
    for ending in ["-wal", "-shm"] {
      try? FileManager.default.removeItem(atPath: folder + name + ending)
    }
    try directory.put("history/" + name, [UInt8](repeating: 0x5a, count: 40_000))
    for isFirst in [true, false] {
      let manager = try await FrameSite(directory.path)
      let stream = Given.stream(1, incarnation: isFirst ? "second" : "third")
      try await manager.send(ToldBatch(stream: stream, order: 1, values: ["a": 7]))
      await manager.site.flush(force: true)
      #expect(await manager.acknowledged(stream) == 1)
      #expect(await manager.site.readiness().isEmpty)
      let reasons = try await manager.store.losses(of: stream.server).map(\.reason)
      #expect(reasons == ["history/\(name) is damaged, and kept as history/\(name).damaged"])
      let status = await manager.site.status()
      #expect(
        status.findings.first?.diagnostic.subject == "history/\(name).damaged", "\(isFirst)")
      #expect(status.health != .healthy)
      // Of before there is what was still in the frame log.
      let answer = try await manager.site.query(MetricRequest(metric: "a", by: ["server"]))
      #expect(answer.groups.map(\.samples) == [isFirst ? 3 : 4, 2])
      #expect(answer.unreadable?.map(\.file) == ["history/\(name).damaged"])
      let kept = try directory.contents("history/\(name).damaged")
      #expect(kept == [UInt8](repeating: 0x5a, count: 40_000))
      try manager.store.close()
    }
  }

  @Test func aKillAtAnyPointKeepsWhatWasAcknowledgedAndAgentsBringTheRestOnce() async throws {
    let whole = Killer()
    let first = try TemporaryDirectory()
    let all = try await live(first.path, whole)
    #expect(all.values.allSatisfy { $0 == 10 })
    let kinds = Set(whole.passed)
    #expect(
      kinds == [
        "store identities", "store series and losses", "identities are stored", "open", "write",
        "sync", "sync the folder", "synced", "acknowledge", "store blocks", "blocks are stored",
        "unlink", "give numbers", "note that they are stored",
      ])
    for point in 0..<whole.passed.count {
      let directory = try TemporaryDirectory()
      let killer = Killer(after: point)
      let acknowledged = try await live(directory.path, killer)
      let name: Comment = "killed at point \(point), \(whole.passed[point])"
      #expect(killer.isDead, name)
      // Another process finds the files as they are, and not the lock.
      let copy = try TemporaryDirectory()
      let path = copy.path + "/state"
      try FileManager.default.copyItem(atPath: directory.path, toPath: path)
      let next = try await FrameSite(path)
      let found = try await next.content()
      #expect(Set(found).isSubset(of: Self.everything), name)
      for told in Self.everything where told.order <= acknowledged[told.stream] ?? 0 {
        #expect(found.contains(told), name)
      }
      for told in Self.everything where await told.order > next.acknowledged(told.stream) {
        try await next.send(told)
      }
      await next.site.flush(force: true)
      #expect(Set(try await next.content()) == Set(Self.everything), name)
      #expect(try next.segments.isEmpty, name)
    }
  }

  @Test func whatWasAcknowledgedOutlivesManyKillsWithoutABlock() async throws {
    var directories = [try TemporaryDirectory()]
    var path = directories[0].path + "/state"
    for round in Self.rounds {
      let manager = try await FrameSite(path)
      for told in Self.told(round) { try await manager.send(told) }
      await manager.site.flush()
      #expect(await manager.acknowledged(Self.streams[0]) == round * 2)
      #expect(try await manager.store.blocks(from: .min, through: .max).isEmpty)
      directories.append(try TemporaryDirectory())
      let next = directories[directories.count - 1].path + "/state"
      try FileManager.default.copyItem(atPath: path, toPath: next)
      path = next
    }
    let last = try await FrameSite(path)
    #expect(try last.segments.count == 5)
    #expect(Set(try await last.content()) == Set(Self.everything))
  }

  @Test func aTornLastWriteIsCutOffAndTheNextStartFindsNothingWrong() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/state"
    do {
      let manager = try await FrameSite(path)
      for round in Self.rounds.prefix(2) {
        for told in Self.told(round) { try await manager.send(told) }
        await manager.site.flush()
      }
    }
    let name = "frames/00000001.log"
    var bytes = try directory.contents("state/" + name)
    bytes.removeLast(3)
    for start in 1...2 {
      let copy = try TemporaryDirectory()
      try FileManager.default.copyItem(atPath: path, toPath: copy.path + "/state")
      try copy.put("state/" + name, bytes)
      for _ in 0..<start {
        let again = copy.path + "/\(UUID())"
        try FileManager.default.copyItem(atPath: copy.path + "/state", toPath: again)
        let next = try await FrameSite(again)
        #expect(await next.acknowledged(Self.streams[0]) == 4)
        #expect(await next.acknowledged(Self.streams[1]) == 3)
        #expect(await next.site.damages.isEmpty)
        try copy.put(
          "state/" + name,
          [UInt8](
            try Data(contentsOf: URL(fileURLWithPath: again + "/" + name))))
      }
    }
  }

  @Test func aDamageIsToldAndCountedAndAllBeforeAndAfterItIsKept() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/state"
    do {
      let manager = try await FrameSite(path, segmentBytes: 200)
      for round in Self.rounds {
        for told in Self.told(round) { try await manager.send(told) }
        await manager.site.flush()
      }
      #expect(try manager.segments.count > 2)
    }
    let name = "state/frames/00000002.log"
    var bytes = try directory.contents(name)
    bytes[40] ^= 1
    let copy = try TemporaryDirectory()
    try FileManager.default.copyItem(atPath: path, toPath: copy.path + "/state")
    try copy.put(name, bytes)
    let next = try await FrameSite(copy.path + "/state")
    let found = try await next.content()
    #expect(found.contains { $0.order == 1 })
    #expect(found.contains { $0.order == 10 })
    #expect(found.count < Self.everything.count)
    let damages = await next.site.damages
    #expect(damages.map(\.code) == ["samples-lost"])
    let damage = try #require(damages.first)
    #expect(damage.reason.contains("segment 2 is damaged"))
    #expect(await next.site.counters.damagedBatches > 0)
    #expect(await next.site.status().findings.map(\.diagnostic).contains(damage))
    #expect(await next.site.status().health != .healthy)
    // Agents that still have them bring them again.
    for told in Self.everything where !found.contains(told) { try await next.send(told) }
    #expect(Set(try await next.content()) == Set(Self.everything))
  }

  @Test func aFullDiskStopsAcknowledgementsIsNamedAndRecovers() async throws {
    let isFull = Mutex(false)
    let directory = try TemporaryDirectory()
    let manager = try await FrameSite(directory.path) { point throws(DiagnosticError) in
      if point == "write", isFull.withLock({ $0 }) {
        throw DiagnosticError(
          .stateDirectoryUnusable, subject: "frames", reason: "No space left on device")
      }
    }
    for told in Self.told(1) { try await manager.send(told) }
    await manager.site.flush()
    #expect(await manager.site.readiness().isEmpty)
    isFull.withLock { $0 = true }
    for round in UInt64(2)...4 {
      for told in Self.told(round) { try await manager.send(told) }
      await manager.site.flush()
    }
    #expect(await manager.acknowledged(Self.streams[0]) == 2)
    #expect(await manager.site.readiness().map(\.reason) == ["No space left on device"])
    #expect(
      await manager.site.status().findings.first?.diagnostic.reason == "No space left on device")
    isFull.withLock { $0 = false }
    await manager.site.flush()
    await manager.site.flush()
    #expect(await manager.site.readiness().isEmpty)
    #expect(await manager.acknowledged(Self.streams[0]) == 8)
    #expect(Set(try await manager.content()) == Set(Self.everything.filter { $0.order <= 8 }))
  }

  @Test func aQueryReadsAllBlocksPageByPage() async throws {
    let directory = try TemporaryDirectory()
    let manager = try await FrameSite(directory.path, blocksPerPage: 2)
    for round in Self.rounds {
      for told in Self.told(round) { try await manager.send(told) }
      await manager.site.flush(force: true)
    }
    #expect(try await manager.store.blocks(from: .min, through: .max).count == 10)
    let answer = try await manager.site.query(MetricRequest(metric: "a", by: ["server"]))
    #expect(answer.groups.map(\.samples) == [10, 10])
    let one = try await manager.site.query(
      MetricRequest(metric: "a", match: ["server": "oss02"]))
    #expect(one.groups.map(\.samples) == [10])
    #expect(one.groups.first?.points.map(\.value) == (1...10).map(Double.init))
  }

  @Test func lostOrdersStaySettledOverAKill() async throws {
    let directory = try TemporaryDirectory()
    let stream = Self.streams[0]
    let path = directory.path + "/state"
    do {
      let manager = try await FrameSite(path)
      for told in Self.told(2) { try await manager.send(told) }
      try await manager.site.dropped(
        GivenUp(from: 1, through: 2, samples: 6), FrameSite.handle(stream))
      await manager.site.flush()
      #expect(await manager.acknowledged(stream) == 4)
    }
    let copy = try TemporaryDirectory()
    try FileManager.default.copyItem(atPath: path, toPath: copy.path + "/state")
    let next = try await FrameSite(copy.path + "/state")
    #expect(await next.acknowledged(stream) == 4)
    #expect(try await next.store.losses(of: stream.server).count == 1)
  }

  /// History has numbers alone: one that is given again would make one series of two.
  @Test(arguments: ["kept", "older", "emptied", "removed", "a folder"])
  func anOlderDatabaseGivesNoNumberTwice(_ mark: String) async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/state"
    let database = path + "/state.sqlite"
    func run(_ told: ToldBatch, _ then: (FrameSite) async throws -> Void = { _ in }) async throws {
      let lab = try await FrameSite(path)
      try await lab.send(told)
      await lab.site.flush(force: true)
      try await then(lab)
      try lab.store.close()
    }
    try await run(ToldBatch(stream: Given.stream(1), order: 1, values: ["a": 1])) { lab in
      #expect(
        await lab.site.status().findings.filter { $0.diagnostic.subject == "state.sqlite" }.isEmpty)
    }
    try FileManager.default.copyItem(atPath: database, toPath: directory.path + "/older")
    let markPath = path + "/history.series"
    let older = try Data(contentsOf: URL(fileURLWithPath: markPath))
    try await run(
      ToldBatch(stream: Given.stream(1), order: 2, values: ["a": 2, "b": 5, "c": 6]))
    try FileManager.default.removeItem(atPath: database)
    try FileManager.default.copyItem(atPath: directory.path + "/older", toPath: database)
    if mark != "kept" { try FileManager.default.removeItem(atPath: markPath) }
    switch mark {
    case "older": try older.write(to: URL(fileURLWithPath: markPath))
    case "emptied": try Data().write(to: URL(fileURLWithPath: markPath))
    case "a folder":
      try FileManager.default.createDirectory(
        atPath: markPath, withIntermediateDirectories: false)
      // Nothing is stored until it is out of the way.
      let lab = try await FrameSite(path)
      try await lab.send(ToldBatch(stream: Given.stream(2), order: 1, values: ["d": 7]))
      await lab.site.flush(force: true)
      #expect(await lab.site.readiness().map(\.subject) == [markPath])
      try lab.store.close()
      try FileManager.default.removeItem(atPath: markPath)
    default: break
    }
    try await run(ToldBatch(stream: Given.stream(2), order: 1, values: ["d": 7, "e": 8])) { lab in
      for metric in ["d", "e"] {
        let answer = try await lab.site.query(MetricRequest(metric: metric, by: ["server"]))
        #expect(answer.groups.map(\.samples) == [1], "\(metric)")
      }
      let told = await lab.site.status().findings.map(\.diagnostic).filter {
        $0.subject == "state.sqlite"
      }
      #expect(told.map(\.code) == ["samples-lost"])
      #expect(told.first?.reason.contains("up to 2 series") == true)
    }
    // Numbers are higher now; that something was lost is known all the same, once.
    for order in UInt64(2)...3 {
      try await run(ToldBatch(stream: Given.stream(2), order: order, values: ["d": 7])) { lab in
        let losses = try await lab.store.losses(of: Given.server(1), newest: 99)
        #expect(losses.filter { $0.reason.contains("older than history") }.count == 1)
      }
    }
  }
}
