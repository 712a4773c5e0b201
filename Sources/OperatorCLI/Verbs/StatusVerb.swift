import ArgumentParser
import ManagerCore

/// `iml status`
package struct StatusVerb: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Say how the site is, what is wrong, and what to do.",
    discussion: "Exit code 5 unless all is proven healthy.")
  @OptionGroup var options: ConnectionOptions
  package init() {}

  package mutating func run() async throws {
    let status = try await options.client.get(SiteStatus.self, Route("status"))
    try options.show(status) { StatusPage.render($0, $1) }
    try Soundness.report(Soundness.isSound(status.view))
  }
}
