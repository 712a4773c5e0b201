import AgentCore
import Protocol

/// Network interfaces and their traffic.
struct InterfacesCollector: SteadyCollector {
  let name = "interfaces"
  let sections = ["interfaces"]

  /// As for the traffic: containers bring interfaces by the hundred.
  private static let limit = 256

  func collect(
    _ host: HostRoot, _ context: CollectorContext, _ recorder: ReadRecorder?
  ) -> CollectorAnswer {
    var gathering = Gathering(name, host, context.listings, recorder: recorder)
    if let bytes = gathering.read(path: "/proc/net/dev") {
      let devices = gathering.take(HostParsers.netDev(bytes.span), from: "/proc/net/dev")
      for device in devices { sample(device, &gathering) }
    }
    do {
      let names = try gathering.directories(path: "/sys/class/net")
      let interfaces = names.prefix(InterfacesCollector.limit).map { read($0, &gathering) }
      gathering.section(InterfacesSection(interfaces: Array(interfaces)))
    } catch {
      if !error.isAbsence { gathering.fail("/sys/class/net", error) }
    }
    return gathering.answer(orNotApplicable: "the tree holds no network interfaces")
  }

  private func read(_ name: String, _ gathering: inout Gathering) -> InterfacesSection.Interface {
    var interface = InterfacesSection.Interface(name: name)
    interface.state = text(name, "operstate", &gathering)
    interface.address = text(name, "address", &gathering)
    interface.mtu = text(name, "mtu", &gathering).flatMap { Int64($0) }
    let speed = text(name, "speed", &gathering).flatMap { Int64($0) }
    // -1 and 0 mean that the driver does not know.
    interface.megabitsPerSecond = speed.flatMap { $0 > 0 ? $0 : nil }
    return interface
  }

  private func text(_ name: String, _ file: String, _ gathering: inout Gathering) -> String? {
    // A link that is down has no speed and says EINVAL.
    gathering.text(path: "/sys/class/net/\(name)/\(file)", noValue: HostError.invalid)
  }

  private func sample(_ device: DeviceTraffic, _ gathering: inout Gathering) {
    let counters: [(Metric, UInt64)] = [
      (.receivedBytes, device.receivedBytes), (.receivedPackets, device.receivedPackets),
      (.receiveErrors, device.receiveErrors), (.receiveDrops, device.receiveDrops),
      (.sentBytes, device.sentBytes), (.sentPackets, device.sentPackets),
      (.sendErrors, device.sendErrors), (.sendDrops, device.sendDrops),
    ]
    for (metric, value) in counters {
      gathering.sample(metric, bits: value, of: .server, ["device": device.name])
    }
  }
}
