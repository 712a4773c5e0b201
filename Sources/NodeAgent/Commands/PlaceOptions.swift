import ArgumentParser
import Platform
import Protocol

/// Where the agent reads and where it keeps its own files.
package struct PlaceOptions: ParsableArguments {
  @Option(help: "Read this tree instead of the live server.")
  package var root = "/"

  @Option(help: "Where the agent keeps its key, certificate and settings.")
  package var stateDir = "/var/lib/iml-agent"

  @Option(help: "The name that this server goes by (default: its host name).")
  package var hostname: String?

  package init() {}

  package var host: HostRoot { HostRoot(root) }
  package func boot() -> BootID { host.bootID() }

  /// - Throws: when the root is no directory, or neither the kernel nor `/etc/hostname` tells.
  package func reportedHostname() throws(DiagnosticError) -> String {
    try host.checkThere()
    if let name = hostname ?? host.hostname() { return name }
    throw DiagnosticError(
      .requestMalformed, subject: root, reason: "it tells no host name",
      remedy: "Give one with --hostname, or write etc/hostname below that root.")
  }
}

/// `HOST[:PORT]`, an IPv6 address in brackets.
package struct DialAddress: ExpressibleByArgument, Sendable {
  package var host: String
  package var port: Int?

  package init?(argument: String) {
    var rest = Substring(argument)
    if rest.hasPrefix("["), let end = rest.firstIndex(of: "]") {
      host = String(rest[rest.index(after: rest.startIndex)..<end])
      rest = rest[rest.index(after: end)...]
    } else {
      host = String(rest.prefix { $0 != ":" })
      rest = rest.dropFirst(host.count)
    }
    guard !host.isEmpty else { return nil }
    if rest.isEmpty { return }
    guard rest.first == ":", let port = Int(rest.dropFirst()), (1...65_535).contains(port) else {
      return nil
    }
    self.port = port
  }
}
