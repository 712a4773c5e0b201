import AgentCore
import Foundation
import NodeAgent
import Protocol
import Synchronization
import Testing

@Suite struct SpoolFilesTests {
  private struct Killed: Error {}

  /// Lets so many steps pass; at the next one, and ever after, the process is dead.
  private final class Hook: Sendable {
    private let left: Mutex<Int>
    let names = Mutex<[String]>([])
    init(_ steps: Int) { left = Mutex(steps) }
    func step(_ name: String) throws {
      try left.withLock { left in
        guard left > 0 else { throw Killed() }
        left -= 1
      }
      names.withLock { $0.append(name) }
    }
    var isDead: Bool { left.withLock { $0 == 0 } }
  }

  private static let limits: Spool.Limits = {
    var limits = Spool.Limits(bytes: 1_500)
    limits.segmentBytes = 400
    limits.writeBytes = 300
    limits.readBytes = 200
    return limits
  }()

  private struct Agent {
    var link: AgentLink
    var files: SpoolFiles
    var order: UInt64 = 0
    let stampBase: Int64

    init(_ folder: String, life: Int, hook: Hook? = nil) throws {
      let server = try #require(ServerID("00000000-0000-4000-8000-000000000001"))
      link = AgentLink(
        identity: AgentLink.Identity(
          server: server, boot: BootID("b"), incarnation: "i\(life)", hostname: "oss01",
          agentVersion: "0", readsTree: true), bufferLimit: 3, spool: SpoolFilesTests.limits)
      files = SpoolFiles(folder: folder) { name in try hook?.step(name) }
      stampBase = Int64(life) * 1_000
    }

    mutating func collect() {
      order += 1
      let stamp = Stamp(
        bootNanoseconds: stampBase + Int64(order), wallNanoseconds: stampBase + Int64(order))
      let declaration = SeriesDeclaration(
        key: SeriesKey(subject: .server, metric: "m"), kind: .counter, unit: "1")
      link.collected([], samples: [Sample(declaration, UInt64(stampBase) + order)], stamp: stamp)
      tend()
    }

    mutating func tend() {
      for _ in 0..<100 {
        guard let work = link.nextSpoolWork() else { return }
        link.spoolAnswered(files.perform(work))
      }
    }

    /// What the next session is told of earlier lives, and what can be read of them.
    mutating func replay() throws -> (lives: [HeldLife], values: [Int: [UInt64: UInt64]]) {
      tend()
      var decoder = FrameDecoder()
      var assembler = FrameAssembler()
      var samples: [Int: SampleDecoder] = [:]
      var values: [Int: [UInt64: UInt64]] = [:]
      var lives: [HeldLife] = []
      _ = link.connected(now: 1, certificateExpired: false)
      for _ in 0..<10_000 {
        guard
          let frame = link.nextFrame(stamp: Stamp(bootNanoseconds: 1, wallNanoseconds: 1))
        else {
          guard let work = link.nextSpoolWork() else { break }
          link.spoolAnswered(files.perform(work))
          continue
        }
        for whole in try decoder.feed(frame.encoded().span) {
          switch try assembler.add(whole) {
          case .hello(let hello):
            lives = try #require(hello.lives)
            _ = link.received(
              .welcome(
                Welcome(
                  session: "s", collectMilliseconds: 1_000, durableOrder: 0,
                  renewWithinSeconds: 1, lives: lives.map { _ in 0 })), now: 1)
          case .lifeSamples(let life, let encoded):
            let batch = try (samples[life] ?? SampleDecoder()).decoding(encoded)
            samples[life] = batch.decoder
            values[life, default: [:]][batch.batch.order] = batch.batch.bits.first
          default: break
          }
        }
      }
      return (lives, values)
    }
  }

  /// One life's work: it begins segments, appends to them, gives the oldest up, and removes files.
  private func run(_ folder: String, life: Int, hook: Hook) throws -> (made: UInt64, synced: UInt64)
  {
    var agent = try Agent(folder, life: life, hook: hook)
    while agent.order < 20, !hook.isDead { agent.collect() }
    return (agent.order, agent.link.spooledThrough)
  }

  @Test func aKillAtAnyStepLeavesExactlyWhatWasSynced() throws {
    let whole = Hook(.max)
    let folder = try temporaryFolder()
    _ = try run(folder, life: 1, hook: whole)
    _ = try run(folder, life: 2, hook: whole)
    let steps = whole.names.withLock { $0 }
    #expect(
      Set(steps) == ["make the folder", "open", "write", "sync", "sync the folder", "remove"])
    #expect(steps.count > 60)
    for step in 0..<steps.count {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let hook = Hook(step)
      let first = try run(folder, life: 1, hook: hook)
      let second = hook.isDead ? (made: 0, synced: 0) : try run(folder, life: 2, hook: hook)
      var next = try Agent(folder, life: 3)
      let (lives, values) = try next.replay()
      for (name, end) in [("i1", first), ("i2", second)] {
        let place = lives.firstIndex { $0.incarnation == name }
        let held = place.flatMap { values[$0] } ?? [:]
        let life = Int(name.dropFirst()) ?? 0
        #expect(held.allSatisfy { $0.value == UInt64(life * 1_000) + $0.key })
        let last = place.map { lives[$0].lastOrder } ?? 0
        // A write that was cut off after its last byte is there, though nobody was told so.
        #expect((end.synced...max(end.synced, end.made)).contains(last), "\(name), step \(step)")
        let lost = place.map { lives[$0].lost } ?? []
        for order in 1...max(1, last) where last > 0 {
          let isLost = lost.contains { $0.from <= order && order <= $0.through }
          #expect((held[order] != nil) != isLost, "\(name) \(order), step \(step)")
        }
        #expect(lost.allSatisfy { $0.samples == $0.through - $0.from + 1 }, "step \(step)")
      }
    }
  }

  @Test func whatCanNotBeWrittenIsSaidAndComesBack() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = "\(folder)/spool"
    try Data().write(to: URL(fileURLWithPath: path))
    var agent = try Agent(path, life: 1)
    agent.collect()
    let failure = try #require(agent.link.spoolReport?.failure)
    #expect(failure.contains(path) && failure.contains("Not a directory"))
    try FileManager.default.removeItem(atPath: path)
    agent.collect()
    #expect(agent.link.spoolReport?.failure == nil)
    #expect(agent.link.spooledThrough == 2)
  }

  @Test func aSecondAgentKeepsOutOfTheFolder() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var first: Agent? = try Agent(folder, life: 1)
    first?.collect()
    var second = try Agent(folder, life: 2)
    second.collect()
    #expect(second.link.spoolReport?.failure?.contains("another agent uses this spool") == true)
    #expect(second.link.spooledThrough == 0)
    first = nil
    second.collect()
    #expect(second.link.spoolReport?.failure == nil)
    #expect(try second.replay().lives.map(\.incarnation) == ["i1"])
  }

  /// As when a list of the folder did not have it.
  @Test func aSegmentThatNobodyReadIsNotWrittenOver() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let files = SpoolFiles(folder: folder)
    _ = files.perform(.open)
    let path = URL(fileURLWithPath: "\(folder)/0000000000000001.segment")
    try Data("what was kept".utf8).write(to: path)
    let answer = files.perform(.write(number: 1, offset: 0, bytes: [1]))
    #expect("\(answer)".contains("File exists"))
    #expect(try Data(contentsOf: path) == Data("what was kept".utf8))
  }

  @Test func otherFilesInTheFolderAreLeftAlone() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let names = [
      "notes.txt", "1.segment", "00000000000000zz.segment", "+00000000000000a.segment",
      "00000000000000AB.segment", "0000000000000009.segment",
    ]
    for name in names {
      try Data("hello, this is no segment".utf8).write(
        to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }
    // What is no file takes nothing else out of use.
    let kept = ["00000000000000f0.segment", "00000000000000f1.segment"]
    try FileManager.default.createDirectory(
      atPath: "\(folder)/\(kept[0])", withIntermediateDirectories: false)
    #expect(mkfifo("\(folder)/\(kept[1])", 0o600) == 0)
    var agent = try Agent(folder, life: 1)
    agent.collect()
    let left = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(Set(kept).isSubset(of: left))
    // The last one has a segment's name and holds none: said, and removed.
    #expect(Set(names.dropLast()).isSubset(of: left) && !left.contains(names[5]))
    #expect(left.contains("00000000000000f2.segment"))
    let noFile = "it is no regular file, and is left as it is"
    #expect(agent.link.spoolReport?.failure == nil)
    #expect(
      agent.link.spoolReport?.damages == [
        "segment 9: it is no segment of a spool", "segment 240: \(noFile)",
        "segment 241: \(noFile)",
      ])
  }

  private func temporaryFolder() throws -> String {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("iml-spool-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url.path
  }
}

extension SampleDecoder {
  fileprivate func decoding(_ bytes: [UInt8]) throws -> (batch: SampleBatch, decoder: SampleDecoder)
  {
    var copy = self
    let batch = try copy.decode(bytes.span)
    return (batch, copy)
  }
}
