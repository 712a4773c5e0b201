import AgentCore
import Foundation
import Protocol
import Testing

@testable import NodeAgent

/// A tree that is gone tells nothing, least of all that nothing is mounted.
@Suite struct VanishedRootTests {
  private func outcomes(_ tasks: [CollectorTask]) -> [String: CollectorAnswer] {
    tasks.reduce(into: [:]) { all, task in
      switch task.work {
      case .whole(let collect): all[task.name] = collect()
      case .units(let list):
        switch list() {
        case .failed(let reason): all[task.name] = .failed(reason: reason)
        case .notApplicable(let reason): all[task.name] = .notApplicable(reason: reason)
        case .units(let units):
          all[task.name] = .sampled(Collection())
          for unit in units { all["\(task.name)/\(unit.subject)"] = unit.collect() }
        }
      }
    }
  }

  @Test func aRootThatIsGoneFailsEveryCollectorAndOneThatIsBackDoesNot() throws {
    let tree = try TemporaryTree()
    try tree.write("/proc/sys/kernel/hostname", "oss01\n")
    let tasks = CollectorTask.all(reading: HostRoot(tree.path))
    let before = outcomes(tasks)
    #expect(before.values.contains { if case .notApplicable = $0 { true } else { false } })
    let away = tree.path + ".away"
    try FileManager.default.moveItem(atPath: tree.path, toPath: away)
    for (name, answer) in outcomes(tasks) {
      guard case .failed(let reason) = answer else {
        Issue.record("\(name): \(answer)")
        continue
      }
      #expect(reason == "the root \(tree.path) is not there: No such file or directory")
    }
    // An unmounted tree leaves its empty mount point behind.
    try FileManager.default.createDirectory(atPath: tree.path, withIntermediateDirectories: false)
    for (name, answer) in outcomes(tasks) {
      guard case .failed(let reason) = answer else {
        Issue.record("\(name): \(answer)")
        continue
      }
      #expect(reason == "the root \(tree.path) is empty")
    }
    try FileManager.default.removeItem(atPath: tree.path)
    try FileManager.default.moveItem(atPath: away, toPath: tree.path)
    #expect(Set(outcomes(tasks).keys) == Set(before.keys))
    #expect(
      !outcomes(tasks).values.contains {
        if case .failed(let reason) = $0 { reason.hasPrefix("the root") } else { false }
      })
  }

  @Test func theIntervalThatTheManagerToldIsKeptWithTheIdentity() throws {
    let tree = try TemporaryTree()
    let files = AgentFiles(directory: tree.path)
    #expect(files.collectMilliseconds() == nil)
    try files.store(collectMilliseconds: 1_000)
    #expect(AgentFiles(directory: tree.path).collectMilliseconds() == 1_000)
    for text in ["", "x", "-1", "0", "99", "999999999999999999999"] {
      try tree.write("/collect-milliseconds", text)
      #expect(files.collectMilliseconds() == nil, "\(text)")
    }
  }
}
