import Protocol
import Testing

@testable import ManagerCore

/// Random events against one law: what is shown as mounted, available, unmounted or healthy has
/// current evidence.
@Suite struct RandomSiteTests {
  private struct Dice {
    var state: UInt64
    mutating func roll(_ sides: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(sides))
    }
    mutating func pick<Element>(_ list: [Element]) -> Element { list[roll(list.count)] }
  }

  private static let labels = ["fs1-OST0000", "fs1-OST0001", "fs1-MDT0000", "MGS"]
  private static let names = ["mds01", "oss01", "oss02"]

  /// What the test itself knows of the last time each server spoke of each collector.
  private struct Truth {
    var heard: [String: Int64] = [:]
    var sampled: [String: Int64] = [:]
    var reported: [String: Set<String>] = [:]
  }

  @Test(arguments: [1, 2, 3, 5, 8, 13, 21, 34, 55, 89] as [UInt64])
  func nothingIsShownWellWithoutCurrentEvidence(seed: UInt64) throws {
    var dice = Dice(state: seed)
    var stage = try Stage.pair()
    var truth = Truth()
    for name in Self.names {
      truth.heard[name] = stage.now.monotonicNanoseconds
      note(name, stage, &truth)
    }
    var wasMounted = 0
    for _ in 0..<250 {
      try act(&stage, &dice, &truth)
      wasMounted += try check(stage, truth)
    }
    // The law says nothing unless there was something to judge.
    #expect(wasMounted > 50)
  }

  private func act(_ stage: inout Stage, _ dice: inout Dice, _ truth: inout Truth) throws {
    let name = dice.pick(Self.names)
    let label = dice.pick(Self.labels)
    switch dice.roll(14) {
    case 0: stage.cut(name)
    case 1: stage.close(name)
    case 2, 3, 4:
      stage.connect(name)
      truth.heard[name] = stage.now.monotonicNanoseconds
      for collector in StagedServer.collectors { truth.sampled["\(name)/\(collector)"] = nil }
      truth.reported[name] = []
    case 5:
      stage.close(name)
      stage.servers[name]?.boot = "boot-\(dice.roll(1_000))"
      stage.servers[name]?.targets = [:]
    case 6, 7: if !isActive(label, stage) { stage.mount(label, on: name) }
    case 8: stage.unmount(label, on: name)
    case 9:
      let cycles: [StagedServer.Cycle] = [.failed("EIO"), .stalled, .silent, .sampled]
      stage.servers[name]?.cycles[dice.pick(["ost", "mdt", "mgs", "lustre"])] = dice.pick(cycles)
    case 10: stage.servers[name]?.cycles = [:]
    case 11: stage.pass(Double(dice.roll(50)) / 10)
    case 12: if dice.roll(8) == 0 { stage = restart(stage, &truth) }
    default: break
    }
    stage.pass(1)
    for name in Self.names where stage.servers[name]?.isConnected == true {
      if dice.roll(6) == 0 { continue }
      try stage.cycle(name)
      truth.heard[name] = stage.now.monotonicNanoseconds
      note(name, stage, &truth)
    }
  }

  private func isActive(_ label: String, _ stage: Stage) -> Bool {
    stage.servers.values.contains { $0.targets[label] != nil }
  }

  private func restart(_ stage: Stage, _ truth: inout Truth) -> Stage {
    truth = Truth()
    return stage.restarted(after: 5)
  }

  private func note(_ name: String, _ stage: Stage, _ truth: inout Truth) {
    guard let server = stage.servers[name] else { return }
    for collector in StagedServer.collectors {
      switch server.cycles[collector] ?? .sampled {
      case .sampled: truth.sampled["\(name)/\(collector)"] = stage.now.monotonicNanoseconds
      case .failed, .stalled: truth.sampled["\(name)/\(collector)"] = nil
      case .silent: break
      }
    }
    truth.reported[name] = Set(
      server.sent.keys.filter { $0.name == TargetSection.sectionName }.map(\.subject))
  }

  private func isCurrent(_ name: String, _ collector: String, _ truth: Truth, _ now: Int64) -> Bool
  {
    guard let heard = truth.heard[name], let sampled = truth.sampled["\(name)/\(collector)"]
    else { return false }
    return now - heard <= 3 * Stage.second && now - sampled < 3 * Stage.second
  }

  private func check(_ stage: Stage, _ truth: Truth) throws -> Int {
    let now = stage.now.monotonicNanoseconds
    let targets = stage.site.targets(at: stage.now)
    var mounted = 0
    for target in targets where target.state == .mounted || target.state == .recovering {
      let name = try #require(target.activeOn)
      let collector = target.kind == .mgt ? "mgs" : target.kind == .mdt ? "mdt" : "ost"
      #expect(isCurrent(name, collector, truth, now), "\(target.label) on \(name)")
      #expect(truth.reported[name]?.contains(target.label) == true)
      mounted += 1
    }
    for target in targets where target.state == .unmounted {
      for name in Self.names where isCurrent(name, "ost", truth, now) && target.kind == .ost {
        #expect(truth.reported[name]?.contains(target.label) != true)
      }
      if target.kind == .ost {
        #expect(isCurrent("oss01", "ost", truth, now) && isCurrent("oss02", "ost", truth, now))
      }
    }
    // Nothing was ever mounted twice here: an alarm would be a false one.
    #expect(!targets.contains { $0.state == .twice })
    for target in targets where target.state == .unknown { #expect(!target.reason.isEmpty) }
    for server in stage.site.servers(at: stage.now) {
      if server.health == .healthy {
        #expect(isCurrent(server.hostname, "lustre", truth, now))
      } else {
        #expect(!server.reason.isEmpty)
      }
    }
    for fileSystem in stage.site.fileSystems(at: stage.now) where fileSystem.state == .available {
      let members = targets.filter { $0.fileSystem == fileSystem.name }
      #expect(members.allSatisfy { $0.state == .mounted })
    }
    return mounted
  }
}
