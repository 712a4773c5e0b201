import AgentCore
import Protocol

/// The Lustre node as such: release, health, devices, memory.
struct LustreCollector: SteadyCollector {
  let name = "lustre"
  let sections = ["lustre"]

  private static let debugfs = "/sys/kernel/debug"

  func collect(
    _ host: HostRoot, _ context: CollectorContext, _ recorder: ReadRecorder?
  ) -> CollectorAnswer {
    if let answer = context.facts.withoutLustre { return answer }
    var gathering = Gathering(name, host, context.listings, recorder: recorder)
    var section = LustreSection(
      version: nil, health: nil, unhealthyDevices: [], devices: [], debugfsReadable: false)
    if let bytes = gathering.read(.version) {
      section.version = LustreVersion(bytes.span)?.text
      if section.version == nil { gathering.leftover("version", bytes) }
    }
    section.debugfsReadable = isDebugfsReadable(&gathering)
    if let health = readHealth(&gathering) {
      section.health = health.health
      section.unhealthyDevices = health.unhealthyDevices
      gathering.sample(.healthy, health.health.map { $0 == .healthy ? 1 : 0 })
    }
    if let bytes = gathering.read(.devices) {
      section.devices = gathering.take(DevicesParser.parse(bytes.span), from: "devices")
    }
    gathering.sample(.memory, gathering.number(.memoryUsed))
    gathering.sample(.memoryMaximum, gathering.number(.memoryUsedMaximum))
    gathering.section(section)
    return gathering.answer(orNotApplicable: noLustre)
  }

  /// One file says how it is, and from 2.13 to 2.16 another, in debugfs, says which device.
  private func readHealth(_ gathering: inout Gathering) -> HealthFile? {
    guard let bytes = gathering.read(.healthCheck) else { return nil }
    var file = gathering.take(HealthParser.parse(bytes.span), from: "health_check")
    guard file.health != .healthy, file.unhealthyDevices.isEmpty,
      let more = gathering.read(.healthCheckDevices)
    else { return file }
    file.unhealthyDevices = HealthParser.parse(more.span).value.unhealthyDevices
    return file
  }

  /// Much of 2.12 and later lies in debugfs. A machine without it is told how to mend that; a tree
  /// that was captured without it is simply a tree without it.
  private func isDebugfsReadable(_ gathering: inout Gathering) -> Bool {
    let remedy = "; mount it with: mount -t debugfs debugfs \(LustreCollector.debugfs)"
    do {
      let names = try gathering.list(LustreCollector.debugfs)
      guard !names.isEmpty else {
        gathering.complain(LustreCollector.debugfs, "debugfs is not mounted" + remedy)
        return false
      }
      for name in ["lustre", "lnet"] where names.contains(name) {
        _ = try gathering.list("\(LustreCollector.debugfs)/\(name)")
      }
      return true
    } catch {
      if !error.isAbsence {
        let hint = "; debugfs needs root, and a kernel that is not locked down"
        gathering.fail(LustreCollector.debugfs, error.reason + hint)
      } else if gathering.host.isLive {
        gathering.complain(LustreCollector.debugfs, "the kernel has no debugfs")
      }
      return false
    }
  }
}
