import ArgumentParser
import Glibc
import Logging
import ManagerCore
import Platform
import Protocol
import UnixSignals

/// `iml serve`: the manager in the foreground, as systemd runs it.
package struct ServeCommand: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Run the manager.",
    discussion: """
      Serves the API over HTTPS and over a Unix socket, and the agents' port. Ends on SIGTERM or \
      SIGINT after it has stored what it holds.
      """)

  private static let defaultStateDirectory = "/var/lib/iml"
  /// Where `iml` looks when it is told nothing else.
  private static let defaultSocket = "/run/iml/manager.sock"

  @Option(
    help: ArgumentHelp(
      "Where the manager keeps its state and its CA (default: \(ServeCommand.defaultStateDirectory)).",
      valueName: "dir"))
  package var stateDir: String?

  @Option(help: ArgumentHelp("Address of the API, HOST:PORT.", valueName: "host:port"))
  package var https = ListenAddress(host: "0.0.0.0", port: 8443)

  @Option(help: ArgumentHelp("Address that agents dial, HOST:PORT.", valueName: "host:port"))
  package var agents = ListenAddress(host: "0.0.0.0", port: 8440)

  @Option(
    help: ArgumentHelp(
      """
      The Unix socket for operators on this host (default: \(ServeCommand.defaultSocket), \
      or DIR/manager.sock with --state-dir DIR).
      """))
  package var socket: String?

  @Option(
    name: .customLong("name"), help: "A further name or address of this host for its certificate.")
  package var names: [String] = []

  @Option(help: ArgumentHelp("How often agents collect, for example 10s.", valueName: "span"))
  package var collectInterval = Span(.seconds(10))

  @Option(
    help: ArgumentHelp(
      "How long samples wait in the frame log to be stored compactly, for example 10m.",
      valueName: "span"))
  package var flushInterval = Span(.seconds(600))

  @Option(help: ArgumentHelp("How long raw history is kept, for example 7d.", valueName: "span"))
  package var retention = Span(.seconds(7 * 86_400))

  @Option(
    name: .customLong("retention-1m"),
    help: ArgumentHelp(
      "How long roll-ups of a minute are kept, for example 90d.", valueName: "span"))
  package var retention1m = Span(.seconds(90 * 86_400))

  @Option(
    name: .customLong("retention-10m"),
    help: ArgumentHelp(
      "How long roll-ups of ten minutes are kept, for example 365d.", valueName: "span"))
  package var retention10m = Span(.seconds(365 * 86_400))

  @Option(
    name: .customLong("retention-1h"),
    help: ArgumentHelp(
      "How long roll-ups of an hour are kept, for example 1825d.", valueName: "span"))
  package var retention1h = Span(.seconds(5 * 365 * 86_400))

  @Option(
    help: ArgumentHelp(
      """
      The most that history's files may take, for example 200GiB; beyond it the oldest days of \
      samples go first (default: no limit but the disk).
      """, valueName: "size"))
  package var historySize: ByteSize?

  @Option(
    help: ArgumentHelp("Lifetime of the agents' certificates, for example 30d.", valueName: "span"))
  package var certificateLifetime = Span(.seconds(30 * 86_400))

  @Flag(help: "Log each request and each session's details.")
  package var debug = false

  package init() {}

  package func validate() throws {
    guard (.milliseconds(100)...(.seconds(3_600))).contains(collectInterval.duration) else {
      throw ValidationError("--collect-interval takes 100ms to 1h")
    }
    guard (.seconds(1)...(.seconds(3_600))).contains(flushInterval.duration) else {
      throw ValidationError("--flush-interval takes 1s to 1h")
    }
    guard retention.duration >= .seconds(60) else {
      throw ValidationError("--retention takes 1m or more")
    }
    guard historySize.map({ $0.bytes >= 64 << 20 }) ?? true else {
      throw ValidationError("--history-size takes 64MiB or more: a day's file has some by itself")
    }
    if let name = names.first(where: { name in
      name.isEmpty || !name.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }) {
      throw ValidationError("--name \(name.debugDescription) is no name or address of a host")
    }
  }

  private func socketPath() throws -> String {
    if let socket { return socket }
    // Whoever names a directory names it to `iml` too, whichever it is.
    if let stateDir { return "\(stateDir)/manager.sock" }
    do {
      try DurableFile.makeFolder("/run/iml", mode: 0o755)
    } catch {
      throw DiagnosticError(
        .stateDirectoryUnusable, subject: "/run/iml", reason: "\(error)",
        remedy: "Run it as the unit does, or give --socket PATH or --state-dir DIR.")
    }
    return Self.defaultSocket
  }

  package func run() async throws {
    // A closed connection is an error to handle, not a reason to die.
    signal(SIGPIPE, SIG_IGN)
    var configuration = ManagerService.Configuration(
      stateDirectory: stateDir ?? Self.defaultStateDirectory, https: (https.host, https.port),
      agents: (agents.host, agents.port), socketPath: try socketPath(),
      names: names + HostNames.all, collectInterval: collectInterval.duration,
      flushInterval: flushInterval.duration, retention: retention.duration,
      certificateLifetime: certificateLifetime.duration, logLevel: debug ? .debug : .info)
    configuration.keeping.ages = [
      .minute: retention1m.duration.wholeNanoseconds,
      .tenMinutes: retention10m.duration.wholeNanoseconds,
      .hour: retention1h.duration.wholeNanoseconds,
    ]
    configuration.keeping.bytes = historySize?.bytes
    let service = ManagerService(configuration)
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        try await service.run { addresses in
          print(
            "https://\(HostPort.text(addresses.httpsHost, addresses.httpsPort)) "
              + "agents \(HostPort.text(addresses.agentsHost, addresses.agentsPort)) "
              + "socket \(addresses.socketPath)")
          fflush(nil)
        } onStored: {
          fflush(nil)
          LineOutput.standardError.drain(milliseconds: 1_000)
          // Not `exit`, which ends what other threads still use.
          _exit(0)
        }
      }
      tasks.addTask { for await _ in signals { return } }
      // Whichever comes first: the service fails, or a signal asks it to end.
      defer { tasks.cancelAll() }
      try await tasks.next()
    }
  }
}

/// `HOST:PORT`, an IPv6 address in brackets.
package struct ListenAddress: ExpressibleByArgument, CustomStringConvertible, Sendable {
  package var host: String
  package var port: Int
  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  package init?(argument: String) {
    guard let colon = argument.lastIndex(of: ":"),
      let port = Int(argument[argument.index(after: colon)...]), (0...65_535).contains(port)
    else { return nil }
    var host = String(argument[..<colon])
    if host.hasPrefix("[") && host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    guard !host.isEmpty else { return nil }
    self.init(host: host, port: port)
  }

  package var description: String { HostPort.text(host, port) }
  package var defaultValueDescription: String { description }
}

/// A span of time on the command line.
package struct Span: ExpressibleByArgument, Sendable {
  package var duration: Duration
  package init(_ duration: Duration) { self.duration = duration }
  package init?(argument: String) {
    guard let duration = Duration(operatorText: argument) else { return nil }
    self.duration = duration
  }
  /// In the greatest unit that divides it.
  package var defaultValueDescription: String {
    let seconds = duration.components.seconds
    guard duration == .seconds(seconds) else { return "\(duration)" }
    for (unit, name) in [(86_400, "d"), (3_600, "h"), (60, "m")] where seconds % Int64(unit) == 0 {
      return "\(seconds / Int64(unit))\(name)"
    }
    return "\(seconds)s"
  }
}

/// A number of bytes on the command line: `200GiB`, `500MB`, `1048576`.
package struct ByteSize: ExpressibleByArgument, Hashable, Sendable {
  package var bytes: Int64

  package init?(argument: String) {
    let digits = argument.prefix { $0.isASCII && $0.isNumber }
    let units: [String: Int64] = [
      "": 1, "B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
      "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    ]
    guard let number = Int64(digits), number > 0,
      let unit = units[String(argument.dropFirst(digits.count))]
    else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
    guard !overflow else { return nil }
    self.bytes = bytes
  }
}

/// The names that this host goes by.
enum HostNames {
  static var all: [String] {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return ["localhost", "127.0.0.1"] }
    let name = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return [String(decoding: name, as: UTF8.self), "localhost", "127.0.0.1", "::1"]
  }
}
