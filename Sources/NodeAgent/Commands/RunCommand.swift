import AgentCore
import ArgumentParser
import Glibc
import Platform
import Protocol
import UnixSignals

/// `iml-agent run`
package struct RunCommand: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run the agent, as systemd does.")

  @OptionGroup package var place: PlaceOptions

  @Option(help: "Dial this address instead of the enrolled one, HOST:PORT.")
  package var manager: DialAddress?

  @Option(
    help: "How many MiB of samples to keep on disk for a manager that is away (4 to 65536).")
  package var spoolLimit = Spool.Limits().bytes >> 20

  package init() {}

  package func validate() throws {
    guard (4...65_536).contains(spoolLimit) else {
      throw ValidationError("--spool-limit takes 4 to 65536 (MiB)")
    }
  }

  package func run() async throws {
    signal(SIGPIPE, SIG_IGN)
    let host = place.host
    try host.checkThere()
    let enrolled = try AgentFiles(directory: place.stateDir).settings()
    let service = AgentService(
      AgentService.Configuration(
        stateDirectory: place.stateDir,
        hostname: try place.hostname ?? enrolled?.hostname ?? place.reportedHostname(),
        boot: place.boot(), readsTree: !host.isLive,
        collectors: CollectorTask.all(reading: host),
        manager: manager.map { ($0.host, $0.port ?? 8440) }, spoolBytes: spoolLimit << 20))
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await service.run() }
      tasks.addTask {
        for await _ in signals { return await service.stop() }
      }
      defer { tasks.cancelAll() }
      try await tasks.next()
    }
  }
}
