import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import Manager
import OperatorCLI
import Platform
import Protocol
import Simulator
import UnixSignals

/// `iml demo`
package struct DemoCommand: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "demo", abstract: "Try everything on a simulated site.",
    discussion: """
      Runs the real manager and real agents, which read the files of simulated Lustre servers. Ends \
      on Ctrl-C or after --duration.

      Faults, for example: --fault power-loss:oss01@20s+60s --fault link-cut:oss02@30s+10s \
      --fault agent-stop:mds02@10s --fault mount-twice:scratch-OST0001@40s+20s
      """)

  @Option(help: "How many servers: two metadata servers, the rest in pairs.")
  package var servers = 6

  @Option(help: "How many clients.")
  package var clients = 40

  @Option(help: "The same seed gives the same site and load.")
  package var seed: UInt64 = 1

  @Option(
    help: "Where everything is kept (default: a new directory under /tmp, removed at the end).")
  package var stateDir: String?

  @Option(help: "End after this time, for example 90s.")
  package var duration: Span?

  @Option(
    help:
      "Something that goes wrong: KIND:NAME[@START][+DURATION], at once without START; may be repeated."
  )
  package var fault: [String] = []

  @Option(help: "Lustre's layout on the servers: 2.12, 2.15, 2.17 or mixed.")
  package var layout = "mixed"

  @Option(help: "Write the servers' trees into this directory and end.")
  package var writeTrees: String?

  @Option(help: "Address of the API, HOST:PORT; port 0 takes a free one.")
  package var https = ListenAddress(host: "127.0.0.1", port: 0)

  @Option(help: "Address for agents, HOST:PORT; port 0 takes a free one.")
  package var agents = ListenAddress(host: "127.0.0.1", port: 0)

  @Flag(help: "Show the manager's and the agents' log lines.")
  package var verbose = false

  package init() {}

  package func run() async throws {
    signal(SIGPIPE, SIG_IGN)
    do {
      let layouts = try SiteConfiguration.Layouts(parsing: layout)
      if let directory = writeTrees {
        guard fault.isEmpty else {
          throw ValidationError(
            "--fault is for a live site: trees are written of a site without faults.")
        }
        try Demo.writeTrees(
          to: directory, layouts: layouts, servers: servers, clients: clients, seed: seed)
        return print("simulated trees of \(servers) servers are in \(directory)")
      }
      try await live(layouts)
    } catch let problem as SiteProblem {
      throw ValidationError(problem.description)
    } catch let problem as FaultSyntaxError {
      throw ValidationError("--fault: \(problem)")
    }
  }

  private func live(_ layouts: SiteConfiguration.Layouts) async throws {
    let configuration = try SiteConfiguration.standard(
      servers: servers, clients: clients, layouts: layouts)
    let faults = try fault.map { text throws(FaultSyntaxError) in
      try ScheduledFault(parsing: text)
    }
    // What can not be is said before anything is made.
    var rehearsal = SimulatedSite(configuration: configuration, seed: seed, startedAt: 0)
    for fault in faults { try rehearsal.schedule(fault) }
    let directory = try self.directory()
    let site = DemoSite(
      stateDirectory: directory, https: https, agents: agents, configuration: configuration,
      seed: seed, faults: faults, duration: duration?.duration,
      logLevel: verbose ? .info : .critical)
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
    do {
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await site.run() }
        tasks.addTask { for await _ in signals { return } }
        defer { tasks.cancelAll() }
        try await tasks.next()
      }
    } catch {
      // Before the site was made there is nothing in it that tells more than this does.
      if site.hasBegun.isNoted {
        Narrator.say("The state is kept in \(directory).")
      } else {
        tidy(directory)
      }
      throw error
    }
    tidy(directory)
  }

  /// After a normal end: what the demo made for itself goes, what it was given stays.
  private func tidy(_ directory: String) {
    guard stateDir == nil else { return Narrator.say("The state is kept in \(directory).") }
    do {
      try FileManager.default.removeItem(atPath: directory)
      Narrator.say("\(directory) is removed; with --state-dir it would be kept.")
    } catch {
      Narrator.say("\(directory) could not be removed whole: \(error)")
    }
  }

  private func directory() throws -> String {
    if let stateDir {
      try DurableFile.makeFolder(stateDir)
      // A manager's would get simulated servers and history for good.
      guard
        try DurableFile.names(in: stateDir).allSatisfy(["lost+found", "lock"].contains)
          || SiteTrees.isSimulated(DemoSite.trees(in: stateDir))
      else {
        throw DiagnosticError(
          .stateDirectoryUnusable, subject: stateDir,
          reason: "it is not empty, and nothing of an earlier demo is in it",
          remedy: "Give a directory that is new or empty, or that of an earlier demo.")
      }
      return stateDir
    }
    var template = Array("/tmp/iml-demo-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw FileError(path: "/tmp", operation: "make a directory", errorNumber: errno)
    }
    return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

/// The verbs that the demo itself runs.
struct DemoStatus: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "iml", subcommands: OperatorVerbs.subcommands)
}
