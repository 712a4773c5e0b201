import AgentCore
import Platform

extension HostRoot {
  /// Why a tree that stands for a machine is none now, for example because it was deleted or
  /// unmounted; `nil` when it is there. The live root always is.
  package func absence() -> String? {
    guard !isLive else { return nil }
    do throws(FileError) {
      if try !DurableFile.names(in: root).isEmpty { return nil }
    } catch {
      return "the root \(root) \(error.operation == "open" ? "is not there" : "can not be listed"):"
        + " \(error.text)"
    }
    return "the root \(root) is empty"
  }
}

extension CollectorTask {
  /// The same, but a root that is gone makes it fail: else every path below would merely not exist,
  /// and that counts as evidence that nothing is mounted. Asked before and after the reads, for it
  /// may go in between.
  func guarded(by host: HostRoot) -> CollectorTask {
    guard !host.isLive else { return self }
    var task = self
    switch work {
    case .whole(let collect):
      task.work = .whole { answer(host, collect) }
    case .units(let list):
      task.work = .units {
        if let absence = host.absence() { return .failed(reason: absence) }
        let listing = list()
        if let absence = host.absence() { return .failed(reason: absence) }
        guard case .units(let units) = listing else { return listing }
        return .units(
          units.map { unit in
            var guarded = unit
            guarded.collect = { answer(host, unit.collect) }
            return guarded
          })
      }
    }
    return task
  }
}

private func answer(
  _ host: HostRoot, _ collect: @Sendable () -> CollectorAnswer
) -> CollectorAnswer {
  if let absence = host.absence() { return .failed(reason: absence) }
  let answer = collect()
  return host.absence().map { .failed(reason: $0) } ?? answer
}
