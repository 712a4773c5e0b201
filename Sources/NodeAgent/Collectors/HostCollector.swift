import AgentCore
import Protocol

/// The machine: name, kernel, memory, processors, load.
struct HostCollector: SteadyCollector {
  let name = "host"
  let sections = ["host"]

  func collect(
    _ host: HostRoot, _ context: CollectorContext, _ recorder: ReadRecorder?
  ) -> CollectorAnswer {
    var gathering = Gathering(name, host, context.listings, recorder: recorder)
    let hostname = gathering.hostname()
    var section = HostSection(hostname: hostname ?? "unknown")
    section.kernel = text("/proc/sys/kernel/osrelease", &gathering)
    section.operatingSystem = operatingSystem(&gathering)
    if let bytes = gathering.read(path: "/proc/cpuinfo") {
      let count = HostParsers.processors(bytes.span)
      section.processors = count > 0 ? count : nil
    }
    section.memoryBytes = readMemory(&gathering)
    section.bootedAt = readStat(&gathering)
    readLoad(&gathering)
    let isBare =
      hostname == nil && section == HostSection(hostname: "unknown")
      && gathering.collection.samples.isEmpty
    if !isBare {
      section.bootID = context.bootID
      gathering.section(section)
    }
    return gathering.answer(orNotApplicable: "the tree holds no files of the machine itself")
  }

  private func text(_ path: String, _ gathering: inout Gathering) -> String? {
    gathering.read(path: path).flatMap { ScalarParser.text($0.span) }
  }

  private func operatingSystem(_ gathering: inout Gathering) -> String? {
    for path in ["/etc/os-release", "/usr/lib/os-release"] {
      if let bytes = gathering.read(path: path), let text = HostParsers.osRelease(bytes.span) {
        return text
      }
    }
    return nil
  }

  private func readMemory(_ gathering: inout Gathering) -> UInt64? {
    guard let bytes = gathering.read(path: "/proc/meminfo") else { return nil }
    let file = gathering.take(HostParsers.meminfo(bytes.span), from: "/proc/meminfo")
    let numbers: [(Metric, UInt64?)] = [
      (.nodeMemoryTotal, file.total), (.nodeMemoryFree, file.free),
      (.nodeMemoryAvailable, file.available), (.nodeMemoryBuffers, file.buffers),
      (.nodeMemoryCached, file.cached), (.nodeSwapTotal, file.swapTotal),
      (.nodeSwapFree, file.swapFree),
    ]
    for (metric, value) in numbers {
      gathering.sample(metric, value.flatMap { Int64(exactly: $0) })
    }
    return file.total
  }

  /// The time of the boot.
  private func readStat(_ gathering: inout Gathering) -> Int64? {
    guard let bytes = gathering.read(path: "/proc/stat") else { return nil }
    let file = gathering.take(HostParsers.stat(bytes.span), from: "/proc/stat")
    for mode in file.modes {
      gathering.sample(.nodeCPU, bits: mode.ticks, of: .server, ["mode": mode.name])
    }
    if let switches = file.contextSwitches {
      gathering.sample(.nodeContextSwitches, bits: switches)
    }
    if let forks = file.forks { gathering.sample(.nodeForks, bits: forks) }
    gathering.sample(.nodeRunning, file.running)
    gathering.sample(.nodeBlocked, file.blocked)
    gathering.sample(.nodeBootTime, file.bootedAt)
    return file.bootedAt
  }

  private func readLoad(_ gathering: inout Gathering) {
    guard let bytes = gathering.read(path: "/proc/loadavg"),
      let loads = gathering.take(HostParsers.loadavg(bytes.span), from: "/proc/loadavg")
    else { return }
    for (metric, load) in zip([Metric.load1, .load5, .load15], loads) {
      gathering.sample(metric, load)
    }
  }
}
