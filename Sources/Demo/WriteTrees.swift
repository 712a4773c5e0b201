import Platform
import Simulator

/// The trees of all servers of a simulated site below one directory, `DIR/mds01/…`, and a README that
/// says what they are.
package struct SiteTrees: Sendable {
  private static let title = "These trees are simulated."
  private let directory: String
  private var writers: [String: TreeWriter] = [:]

  /// Takes over `directory`, made if absent; refused when it holds anything that is not from here.
  package init(directory: String, site: SimulatedSite) throws(TreeWriteError) {
    self.directory = directory
    let present = try TreeWriter.entries(of: directory)
    for name in present where !Self.isOurs(name) {
      throw TreeWriteError(
        directory, "holds \(name), which is no simulated tree; give an empty one")
    }
    let isOurs = present.isEmpty ? true : try Self.isSimulated(directory)
    guard isOurs else {
      throw TreeWriteError(
        directory, "is not empty and has no README of simulated trees; give an empty one")
    }
    // Who put a link there means what lies behind it, which may be anything.
    for name in present where try TreeWriter.isLink(directory + "/" + name) {
      throw TreeWriteError(directory + "/" + name, "is a link, and what it leads to is left alone")
    }
    // First, so that a directory left half made is still known as ours.
    try TreeWriter.makeDirectory(directory)
    try TreeWriter.writeWhole(
      directory + "/README", through: directory + "/.readme", Array(Self.readme(site).utf8))
    for server in site.servers {
      writers[server.name] = try TreeWriter(directory: directory + "/" + server.name)
    }
    // Servers of an earlier, larger site.
    for name in present where name.hasPrefix("mds") || name.hasPrefix("oss") {
      guard writers[name] == nil else { continue }
      var stale = try TreeWriter(directory: directory + "/" + name)
      try stale.write([:])
    }
  }

  /// Makes the files what the site shows now; a server without power has none.
  package mutating func write(_ site: SimulatedSite) throws(TreeWriteError) {
    for server in site.servers { try writers[server.name]?.write(site.tree(of: server.name)) }
  }

  /// The directory to give to that server's agent as its `--root`.
  package func root(of server: String) -> String { directory + "/" + server }

  /// Whether the README there is one of ours: other trees may well have one.
  static func isSimulated(_ directory: String) throws(TreeWriteError) -> Bool {
    let path = directory + "/README"
    guard try !TreeWriter.isLink(path) else { return false }
    do throws(FileError) {
      let text = try DurableFile.readIfPresent(path) ?? []
      return text.starts(with: Array(title.utf8))
    } catch {
      throw TreeWriteError(path, error.errorNumber)
    }
  }

  private static func isOurs(_ name: String) -> Bool {
    guard name != "README", name != ".readme" else { return true }
    return (name.hasPrefix("mds") || name.hasPrefix("oss"))
      && name.count > 3 && name.dropFirst(3).allSatisfy { $0.isASCII && $0.isNumber }
  }

  private static func readme(_ site: SimulatedSite) -> String {
    let rows = site.servers.map { "\($0.name)  Lustre \($0.layout.version)  \($0.nid)\n" }
    return """
      \(title)

      Each directory holds the files that an agent would read on one Lustre server: below proc/, sys/
      and etc/. Nothing in them was measured on a machine. An export's stats carries the time of its
      last change, all other files the time of writing. When they are written anew, all else in these
      directories is removed.

      \(rows.joined())
      """
  }
}

/// Writes the trees of a whole simulated site as they are `virtualSeconds` after its start. The same
/// arguments give the same bytes: without `startedAt` (wall nanoseconds) the site starts at the
/// beginning of 2026.
package func writeTrees(
  to directory: String, layouts: SiteConfiguration.Layouts = .mixed, servers: Int = 6,
  clients: Int = 40, seed: UInt64 = 1, atVirtualSeconds seconds: Int64 = 120,
  startedAt: Int64 = 1_767_225_600_000_000_000
) throws {
  let configuration = try SiteConfiguration.standard(
    servers: servers, clients: clients, layouts: layouts)
  var site = SimulatedSite(configuration: configuration, seed: seed, startedAt: startedAt)
  // A day of virtual time is minutes of computing; more is a slip of the pen.
  guard (0...86_400).contains(seconds) else {
    throw SiteProblem("\(seconds) virtual seconds: possible are 0 to 86400")
  }
  site.advance(to: seconds * 1_000_000_000)
  var trees = try SiteTrees(directory: directory, site: site)
  try trees.write(site)
}
