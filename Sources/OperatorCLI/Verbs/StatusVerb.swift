import ArgumentParser
import ManagerCore

/// `iml status`
struct StatusVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Say how the site is, what is wrong, and what to do.",
    discussion: "Exit code 5 unless all is proven healthy.")
  @OptionGroup var watching: WatchOptions
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let status = try await manager.get(SiteStatus.self, Route("status"))
    return Answer(status, isSound: Soundness.isSound(status.view), table: StatusPage.render)
  }
}
