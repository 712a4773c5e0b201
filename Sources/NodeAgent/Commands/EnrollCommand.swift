import ArgumentParser
import NIOPosix
import Platform
import Protocol

/// `iml-agent enroll`
package struct EnrollCommand: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "enroll", abstract: "Give this server an identity with its manager.",
    discussion: """
      The token comes from `iml server token create` on the management host. It proves the manager \
      to this server and this server to the manager.
      """)

  @Option(help: "The manager's HTTPS address, HOST:PORT (port 8443 by default).")
  package var manager: DialAddress

  @Option(help: "The enrolment token; `-` reads it from standard input.")
  package var token: String

  @OptionGroup package var place: PlaceOptions

  package init() {}

  package func run() async throws {
    let text = token == "-" ? (readLine() ?? "") : token
    let client = EnrolmentClient(
      host: manager.host, port: manager.port ?? 8443, token: text,
      hostname: try place.reportedHostname(),
      files: AgentFiles(directory: place.stateDir),
      remembersHostname: place.hostname != nil)
    let settings = try await client.enrol(on: MultiThreadedEventLoopGroup.singleton)
    try AgentMain.say(
      "enrolled as \(settings.server), profile \(settings.profile); "
        + "agents' port \(settings.managerHost):\(settings.managerPort)")
  }
}
