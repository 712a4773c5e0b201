import Protocol

extension SimulatedSite {
  private static let second: Int64 = 1_000_000_000

  /// Lets a fault happen now. Refused when it names no server or target of this site.
  package mutating func apply(_ fault: Fault) throws(FaultSyntaxError) {
    try check(fault)
    perform(fault)
  }

  /// Enters a fault, and what puts it right, at their times.
  package mutating func schedule(_ scheduled: ScheduledFault) throws(FaultSyntaxError) {
    try check(scheduled.fault)
    enter(.fault(scheduled.fault), at: scheduled.at)
    if let duration = scheduled.duration, let healed = scheduled.fault.healed {
      enter(.fault(healed), at: scheduled.at + duration)
    }
  }

  private func check(_ fault: Fault) throws(FaultSyntaxError) {
    switch fault {
    case .agentStop(let name), .agentStart(let name), .linkCut(let name), .linkHeal(let name),
      .powerLoss(let name), .powerReturn(let name), .failback(let name):
      guard server(name) == nil else { return }
      throw FaultSyntaxError(
        part: name, reason: "is no server of this site", possible: servers.map(\.name))
    case .mountTwice(let label), .unmountSecond(let label):
      guard target(label) == nil else { return }
      throw FaultSyntaxError(
        part: label, reason: "is no target of this site", possible: plan.targets.map(\.label))
    }
  }

  func server(_ name: String) -> Int? { servers.firstIndex { $0.name == name } }
  func target(_ label: String) -> Int? { plan.targets.firstIndex { $0.label == label } }

  mutating func perform(_ fault: Fault) {
    switch fault {
    case .agentStop(let name): setAgent(name, stopped: true)
    case .agentStart(let name): setAgent(name, stopped: false)
    case .linkCut(let name): if let server = server(name) { servers[server].linkUp = false }
    case .linkHeal(let name): if let server = server(name) { servers[server].linkUp = true }
    case .powerLoss(let name): if let server = server(name) { losePower(server) }
    case .powerReturn(let name): if let server = server(name) { returnPower(server) }
    case .failback(let name): if let server = server(name) { failBack(server) }
    case .mountTwice(let label): if let target = target(label) { mountTwice(target) }
    case .unmountSecond(let label):
      guard let target = target(label) else { return }
      for mount in states[target].mounts.dropFirst() { states[target].endMount(on: mount.server) }
    }
  }

  private mutating func setAgent(_ name: String, stopped: Bool) {
    guard let server = server(name) else { return }
    servers[server].agentStopped = stopped
    servers[server].agentRunning = !stopped && servers[server].isPoweredOn
  }

  // MARK: Power

  private mutating func losePower(_ server: Int) {
    guard servers[server].isPoweredOn else { return }
    servers[server].isPoweredOn = false
    servers[server].agentRunning = false
    // Token timeout, election and a verified power-off take this long together.
    let fenced = now + chance.between(20_000, 30_000) * 1_000_000
    var order: Int64 = 0
    for target in states.indices
    where states[target].mounts.contains(where: { $0.server == server }) {
      states[target].endMount(on: server)
      guard states[target].mounts.isEmpty else { continue }
      enter(.takeOver(target: target, from: server), at: fenced + order * Self.second)
      order += 1
    }
  }

  private mutating func returnPower(_ server: Int) {
    guard !servers[server].isPoweredOn else { return }
    servers[server].isPoweredOn = true
    servers[server].agentRunning = !servers[server].agentStopped
    servers[server].bootID = BootID(chance.uuid())
    servers[server].bootedAt = now
    servers[server].traffic = ServerTraffic()
  }

  mutating func takeOver(_ target: Int, from lost: Int) {
    guard states[target].mounts.isEmpty else { return }
    let choice = [plan.servers[lost].twin, lost]
    guard let server = choice.first(where: { servers[$0].isPoweredOn }) else {
      // Both off: the cluster looks again when one of them is back.
      enter(.takeOver(target: target, from: lost), at: now + 5 * Self.second)
      return
    }
    mount(target, on: server, clientsWithin: 25)
  }

  // MARK: Moves

  private mutating func failBack(_ server: Int) {
    guard servers[server].isPoweredOn else { return }
    for (position, target) in plan.targets.enumerated()
    where target.primary == server && states[position].mounts.first?.server == target.failover {
      states[position].endMount(on: target.failover)
      enter(.moveBack(target: position), at: now + 4 * Self.second)
    }
  }

  mutating func moveBack(_ target: Int) {
    guard states[target].mounts.isEmpty else { return }
    let primary = plan.targets[target].primary
    guard servers[primary].isPoweredOn else { return takeOver(target, from: primary) }
    mount(target, on: primary, clientsWithin: 8)
  }

  private mutating func mount(_ target: Int, on server: Int, clientsWithin seconds: Int64) {
    states[target].lastInstance += 1
    var connectsAt: [Int64?] = []
    for _ in plan.clients {
      connectsAt.append(now + chance.between(2_000, seconds * 1_000) * 1_000_000)
    }
    states[target].mounts = [newMount(of: target, on: server, at: now, connectsAt: connectsAt)]
  }

  private mutating func mountTwice(_ target: Int) {
    guard let first = states[target].mounts.first, states[target].mounts.count == 1 else { return }
    let second = plan.servers[first.server].twin
    guard servers[second].isPoweredOn else { return }
    states[target].lastInstance += 1
    let mount = newMount(of: target, on: second, at: now, connectsAt: plan.clients.map { _ in nil })
    states[target].mounts.append(mount)
  }
}
