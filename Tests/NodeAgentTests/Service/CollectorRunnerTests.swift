import AgentCore
import Glibc
import NodeAgent
import Protocol
import Synchronization
import Testing

/// Reads that hang, on the runner's real threads.
@Suite struct CollectorRunnerTests {
  /// Reads of targets: those that are held do not come back until they are let go.
  private final class Targets: Sendable {
    struct State {
      var names: [String]
      var held: Set<String> = []
      var busy: [String: Int] = [:]
      var mostBusy = 0
      var reads = 0
    }
    let state: Mutex<State>
    init(_ names: String...) { state = Mutex(State(names: names)) }

    func hold(_ names: String...) { state.withLock { $0.held.formUnion(names) } }
    func letGo() { state.withLock { $0.held = [] } }
    func remove(_ name: String) { state.withLock { $0.names.removeAll { $0 == name } } }

    func read(_ name: String) -> CollectorAnswer {
      state.withLock { state in
        state.busy[name, default: 0] += 1
        state.mostBusy = max(state.mostBusy, state.busy[name, default: 0])
        state.reads += 1
      }
      while state.withLock({ $0.held.contains(name) }) { usleep(2_000) }
      state.withLock { $0.busy[name, default: 1] -= 1 }
      return .sampled(Collection())
    }

    func task(_ collector: String) -> CollectorTask {
      CollectorTask(name: collector) {
        .units(
          self.state.withLock { $0.names }.map { name in
            CollectorUnit(subject: name, lane: name) { self.read(name) }
          })
      }
    }
  }

  private static let short = Duration.milliseconds(150)
  /// Ten times what a loaded machine needs; a test that passes never waits for it.
  private static let long = Duration.seconds(20)

  private func outcomes(_ cycle: CollectorRunner.Cycle) -> [String: String] {
    var told: [String: String] = [:]
    for result in cycle.finished {
      switch result.answer {
      case .sampled: told[result.name] = "sampled"
      case .notApplicable: told[result.name] = result.isGone ? "gone" : "none"
      case .failed(let reason): told[result.name] = "failed: \(reason)"
      }
    }
    for stall in cycle.stalled { told[stall.name] = "stalled: \(stall.reason)" }
    return told
  }

  @Test func aTargetThatHangsIsNamedAndTheOthersAreReadOn() async {
    let targets = Targets("OST0000", "OST0001", "OST0002")
    let runner = CollectorRunner([targets.task("ost")])
    let healthy = [
      "ost": "sampled", "ost/OST0000": "sampled", "ost/OST0001": "sampled",
      "ost/OST0002": "sampled",
    ]
    #expect(outcomes(await runner.cycle(patience: Self.long)) == healthy)
    targets.hold("OST0001")
    var expected = healthy
    expected["ost/OST0001"] = "stalled: its read has not come back"
    for _ in 0..<3 {
      let told = outcomes(await runner.cycle(patience: Self.short))
      #expect(told == expected)
    }
    targets.letGo()
    #expect(outcomes(await runner.cycle(patience: Self.long)) == healthy, "without a restart")
    await runner.end()
  }

  @Test func aListWithATargetThatWasNeverReadIsNotComplete() async {
    let targets = Targets("OST0000", "OST0001")
    targets.hold("OST0001")
    let runner = CollectorRunner([targets.task("ost")])
    let told = outcomes(await runner.cycle(patience: Self.short))
    #expect(told["ost"] == "stalled: ost/OST0001 has not been read yet")
    #expect(told["ost/OST0000"] == "sampled")
    targets.letGo()
    _ = await runner.cycle(patience: Self.long)
    #expect(outcomes(await runner.cycle(patience: Self.long))["ost"] == "sampled")
    await runner.end()
  }

  @Test func noTargetIsReadTwiceAtOnce() async {
    let targets = Targets("OST0000", "OST0001")
    let runner = CollectorRunner(["ost", "exports", "jobs"].map(targets.task))
    for _ in 0..<20 { _ = await runner.cycle(patience: Self.long) }
    #expect(targets.state.withLock { $0.mostBusy } == 1)
    #expect(targets.state.withLock { $0.reads } == 120)
    targets.hold("OST0000")
    let told = outcomes(await runner.cycle(patience: Self.short))
    let waiting = told.filter { $0.value.hasPrefix("stalled") }
    #expect(Set(waiting.keys) == ["ost/OST0000", "exports/OST0000", "jobs/OST0000"])
    #expect(waiting.values.filter { $0 == "stalled: its read has not come back" }.count == 1)
    targets.letGo()
    await runner.end()
  }

  @Test func aTargetThatGoesWhileItHangsIsGone() async {
    let targets = Targets("OST0000", "OST0001")
    let runner = CollectorRunner([targets.task("ost")])
    _ = await runner.cycle(patience: Self.long)
    targets.hold("OST0001")
    _ = await runner.cycle(patience: Self.short)
    targets.remove("OST0001")
    #expect(
      outcomes(await runner.cycle(patience: Self.long))
        == ["ost": "sampled", "ost/OST0000": "sampled", "ost/OST0001": "gone"])
    targets.letGo()
    for _ in 0..<3 {
      #expect(
        outcomes(await runner.cycle(patience: Self.long))
          == ["ost": "sampled", "ost/OST0000": "sampled"], "what it read in the end is no news")
    }
    await runner.end()
  }

  @Test func moreHangingReadsThanThreadsAreToldAndRecover() async {
    let names = (0..<6).map { "OST000\($0)" }
    let targets = Targets("OST0000", "OST0001", "OST0002", "OST0003", "OST0004", "OST0005")
    targets.hold("OST0000", "OST0001", "OST0002", "OST0003", "OST0004")
    let runner = CollectorRunner([targets.task("ost")], workerLimit: 2)
    let told = outcomes(await runner.cycle(patience: Self.short))
    let hanging = told.values.filter { $0 == "stalled: its read has not come back" }.count
    let waiting = told.values.filter { $0.contains("waits for another") }.count
    // The collector's own thread is free again after the list.
    #expect(hanging == 3 && hanging + waiting == 6)
    targets.letGo()
    _ = await runner.cycle(patience: Self.long)
    let after = outcomes(await runner.cycle(patience: Self.long))
    #expect(names.allSatisfy { after["ost/\($0)"] == "sampled" } && after["ost"] == "sampled")
    await runner.end()
  }

  @Test func aPauseThatGrowsBeginsWithTheNextRun() async {
    let period = Mutex(Duration.zero)
    let runs = Mutex(0)
    let runner = CollectorRunner([
      CollectorTask(name: "jobs") {
        .units([
          CollectorUnit(subject: "OST0000", lane: "a", period: { period.withLock { $0 } }) {
            runs.withLock { $0 += 1 }
            return .sampled(Collection())
          }
        ])
      }
    ])
    func told(_ cycle: CollectorRunner.Cycle) -> Duration? {
      cycle.finished.first { $0.name == "jobs/OST0000" }?.period
    }
    #expect(told(await runner.cycle(patience: Self.long)) == .zero)
    period.withLock { $0 = .seconds(300) }
    // The manager was told that the next one comes at once.
    #expect(told(await runner.cycle(patience: Self.long)) == .seconds(300))
    #expect(told(await runner.cycle(patience: Self.long)) == nil)
    #expect(runs.withLock { $0 } == 2)
    period.withLock { $0 = .zero }
    #expect(told(await runner.cycle(patience: Self.long)) == .zero)
    await runner.end()
  }

  @Test func aListThatFailsTakesNothingForGone() async {
    let state = Mutex(false)
    let targets = Targets("OST0000")
    let runner = CollectorRunner([
      CollectorTask(name: "ost") {
        state.withLock { $0 }
          ? .failed(reason: "obdfilter: input/output error (EIO)")
          : .units([CollectorUnit(subject: "OST0000", lane: "OST0000") { targets.read("OST0000") }])
      }
    ])
    _ = await runner.cycle(patience: Self.long)
    state.withLock { $0 = true }
    #expect(
      outcomes(await runner.cycle(patience: Self.long))
        == ["ost": "failed: obdfilter: input/output error (EIO)"])
    await runner.end()
  }
}
