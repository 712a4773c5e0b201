import Glibc
import NIOCore
import NIOPosix
import NodeAgent
import Platform
import Protocol

extension Measurement {
  /// So many agents in one process: the agent's own link, real enrolment, real TLS; only what they
  /// read is made up.
  static let load = Measurement(
    name: "load",
    summary: """
      --dir DIR --https HOST:PORT --token T --servers N --series N --cycles N \
      --pace max|real [--window N] [--seconds N] [--ramp SECONDS]
      """
  ) { options in
    let servers = try options.number("servers", or: 100)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    let https = try options.text("https").split(separator: ":")
    guard https.count == 2, let port = Int(https[1]) else {
      throw BenchFailure("--https HOST:PORT")
    }
    let plan = LoadPlan(
      series: try options.number("series", or: 500),
      cycles: try options.number("cycles", or: 360),
      isReal: options.text("pace", or: "max") == "real",
      window: try options.number("window", or: 60), began: Clock.boot(),
      wallAhead: Clock.wall() - Clock.boot())
    var agents: [LoadAgent] = []
    let directory = try options.text("dir")
    for server in 0..<servers {
      let files = AgentFiles(directory: "\(directory)/\(server)")
      let settings: AgentFiles.Settings
      if let known = try files.settings() {
        settings = known
      } else {
        settings = try await EnrolmentClient(
          host: String(https[0]), port: port, token: try options.text("token"),
          hostname: "bench\(server)", files: files
        ).enrol(on: group)
      }
      agents.append(
        try LoadAgent(number: server, plan: plan, files: files, settings, group.next()))
    }
    print("enrolled \(servers)")
    let fleet = LoadFleet(agents)
    try await fleet.run(
      plan, seconds: try options.number("seconds", or: 60),
      ramp: try options.number("ramp", or: 0))
    // The agents do not say goodbye one by one: as when all servers lose power.
    fflush(nil)
    exit(0)
  }
}

/// What all agents of a load do.
struct LoadPlan: Sendable {
  var series: Int
  /// Batches of each agent; with the real pace they come as long as the load lasts.
  var cycles: Int
  /// A batch every ten seconds; else as fast as the manager takes them, with times of the past.
  var isReal: Bool
  /// Batches that may wait for their acknowledgement at the greatest pace.
  var window: Int
  /// Boot clock at the start.
  var began: Int64
  var wallAhead: Int64

  /// The pretended servers have been up for a month: times of the past are times of this boot.
  private static let uptime: Int64 = 30 * 86_400_000_000_000

  func stamp(boot: Int64) -> Stamp {
    Stamp(bootNanoseconds: boot + Self.uptime, wallNanoseconds: boot + wallAhead)
  }

  /// Of a batch at the greatest pace: the last one is as of the start.
  func stamp(cycle: Int) -> Stamp {
    stamp(boot: began - Int64(cycles - 1 - cycle) * LoadSource.intervalNanoseconds)
  }
}

/// Runs the agents of a load, and tells how it goes.
struct LoadFleet {
  private let agents: [LoadAgent]

  init(_ agents: [LoadAgent]) { self.agents = agents }

  /// - Parameter ramp: seconds within which the agents start.
  func run(_ plan: LoadPlan, seconds: Int, ramp: Int) async throws {
    // A site's servers do not all start in one moment.
    for (number, agent) in agents.enumerated() {
      agent.start(after: .milliseconds(Int64(ramp * 1_000 * number / agents.count)))
    }
    let began = Clock.monotonic()
    var open = -1
    var isCounting = false
    print("start_wall_ms \(plan.stamp(cycle: 0).wallNanoseconds / 1_000_000)")
    while true {
      let now = Clock.monotonic()
      let states = agents.map(\.figures)
      let count = states.count { $0.isOpen }
      if count != open {
        // By the machine's monotonic clock, so that another process can compare.
        print("open \(count) \(now / 1_000_000)")
        fflush(nil)
        open = count
      }
      // What is acknowledged has left, and all that stood before it.
      if !isCounting, states.allSatisfy({ $0.acknowledged >= 1 && $0.isOpen }) {
        isCounting = true
        // Declarations and sections are behind: what follows is the steady state.
        for agent in agents { agent.beginCounting() }
        print("steady \(now / 1_000_000)")
        fflush(nil)
      }
      if plan.isReal
        ? now - began > Int64(seconds) * 1_000_000_000
        : states.allSatisfy({ $0.acknowledged >= UInt64(plan.cycles) })
      {
        break
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    print("finished \(Clock.monotonic() / 1_000_000)")
    report(plan)
  }

  private func report(_ plan: LoadPlan) {
    var sum = LoadFigures()
    for agent in agents { sum.add(agent.figures) }
    print("seconds \(Double(Clock.boot() - plan.began) / 1e9)")
    print("samples \(sum.samples)")
    print("unchanged_share \(Double(sum.unchanged) / Double(max(1, sum.samples)))")
    let counted = Double(max(1, sum.countedSamples))
    print("counted_samples \(sum.countedSamples)")
    print("sample_bytes_a_sample \(Double(sum.sampleBytes) / counted)")
    print("wire_bytes_a_sample \(Double(sum.wireBytes) / counted)")
    for (type, frames) in sum.frames.sorted(by: { $0.key < $1.key }) {
      print("frames_of_type_\(type) \(frames.count)")
      print("frame_bytes_of_type_\(type) \(frames.bytes)")
    }
    print("writes \(sum.writes)")
    print("sessions \(sum.sessions)")
  }
}
