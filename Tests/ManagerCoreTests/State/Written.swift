import Protocol

@testable import ManagerCore

/// What a manager that is killed has written down.
struct Written {
  var servers: [ServerID: ServerRecord] = [:]
  var targets: [String: TargetRecord] = [:]
  var mgss: [String: MGSRecord] = [:]
  var memories: [ServerID: ServerMemory] = [:]
  var memoriesWritten = 0

  mutating func take(_ stage: inout Stage) {
    for effect in stage.site.takeEffects() {
      switch effect {
      case .persistServer(let record): servers[record.id] = record
      case .persistTarget(let record): targets[record.id] = record
      case .persistMGS(let record): mgss[record.id] = record
      case .persistMemory(let memory):
        memories[memory.server] = memory
        memoriesWritten += 1
      default: break
      }
    }
  }

  /// A manager that starts on it; no agent has spoken yet.
  func restarted(_ stage: Stage, after seconds: Double) -> Stage {
    var next = stage
    next.now.monotonicNanoseconds = 10 * Stage.second
    next.now.wallNanoseconds += Int64(seconds * 1e9)
    next.site = ObservedSite(
      managerVersion: "1", startedAt: next.now, seed: Stage.seed,
      known: Array(servers.values), targets: Array(targets.values),
      mgs: Array(mgss.values), memories: Array(memories.values))
    for name in next.servers.keys { next.cut(name) }
    return next
  }
}
