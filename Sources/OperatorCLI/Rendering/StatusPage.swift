import ManagerCore
import Protocol

/// `iml status`: the verdict, what is wrong, then the site in two short tables.
enum StatusPage {
  /// A page shows this many servers; of a larger site only those that need a look.
  private static let serversMax = 20
  private static let fileSystemsMax = 20

  static func render(_ status: Reply<SiteStatus>, _ style: Style) -> String {
    let findings = status.list("findings", status.findings)
    let servers = status.list("servers", status.servers)
    let fileSystems = status.list("fileSystems", status.fileSystems)
    return page([
      verdict(status, style),
      FindingsBlock.render(findings, seeAll: "iml status -o json", style),
      limited(fileSystems, to: fileSystemsMax, "file systems", seeAll: "iml fs list") {
        FileSystemTable.render($0, style)
      },
      serverBlock(servers, style),
      "Manager \(printable(status.managerVersion)), up \(Quantities.span(status.upSeconds)).\n",
    ])
  }

  private static func verdict(_ status: Reply<SiteStatus>, _ style: Style) -> String {
    let word = status.word("health", status.health)
    let parts = [
      serverCount(status.servers), fileSystemCount(status.fileSystems),
      FindingsBlock.counts(status.findings),
    ].filter { !$0.isEmpty }
    // Wrapped before it is painted: colours have no width.
    let plain = printable(word)
    let lines = wrap("\(plain): \(printable(parts.joined(separator: ", ")))", to: style.width)
      .joined(separator: "\n")
    return style.paint(plain, Tone(word: word)) + lines.dropFirst(plain.count) + "\n"
      + (status.servers.isEmpty ? firstStep : "")
  }

  private static let firstStep =
    "Make a token with `iml server token create`, then run `iml-agent enroll` on each server.\n"

  private static func serverCount(_ servers: [ServerSummary]) -> String {
    guard !servers.isEmpty else { return "no server is enrolled" }
    let connected = servers.count { $0.contact == .connected }
    return "\(connected) of \(plural(servers.count, "server")) connected"
  }

  private static func fileSystemCount(_ all: [FileSystemSummary]) -> String {
    guard !all.isEmpty else { return "no file system known" }
    let available = all.count { $0.state == .available }
    let noun = plural(all.count, "file system")
    return available == all.count ? "\(noun) available" : "\(available) of \(noun) available"
  }

  private static func serverBlock(_ servers: [Reply<ServerSummary>], _ style: Style) -> String {
    guard servers.count > serversMax else {
      return ServerTable.render(servers, isShort: true, style)
    }
    let needy = servers.filter { $0.health != .healthy || $0.contact != .connected }
    let healthy = servers.count - needy.count
    let rest =
      healthy == 0
      ? ""
      : "\(plural(healthy, "healthy server is", "healthy servers are")) not shown:"
        + " `iml server list` shows all.\n"
    return limited(needy, to: serversMax, "servers", seeAll: "iml server list") {
      ServerTable.render($0, isShort: true, style)
    } + rest
  }
}
