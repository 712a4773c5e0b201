import Protocol

extension SimulatedSite {
  /// Every file that `server`'s kernel shows now, by its path below the root, without a leading `/`.
  /// Empty while the server has no power, or when the site has no such server.
  package func tree(of server: String) -> [String: [UInt8]] {
    guard let position = self.server(server), servers[position].isPoweredOn else { return [:] }
    var builder = TreeBuilder(site: self, server: position)
    builder.addHost()
    builder.addNetwork()
    builder.addMounts()
    builder.addLustreNode()
    for active in builder.activeTargets {
      builder.addTarget(active)
      builder.addExports(active)
      builder.addImports(active)
    }
    return builder.files
  }
}

/// Collects the files of one server.
struct TreeBuilder {
  /// A target that is mounted on this server.
  struct Active {
    var position: Int
    var target: SitePlan.Target
    var mount: Mount
  }

  let site: SimulatedSite
  let position: Int
  private(set) var files: [String: [UInt8]] = [:]

  init(site: SimulatedSite, server: Int) {
    self.site = site
    position = server
  }

  var server: SimulatedServer { site.servers[position] }
  var shape: SitePlan.Server { site.plan.servers[position] }
  var layout: Layout { server.layout }
  var wallNow: Int64 { site.wall(site.now) }

  var activeTargets: [Active] {
    site.states.indices.flatMap { target in
      site.states[target].mounts.filter { $0.server == position }.map {
        Active(position: target, target: site.plan.targets[target], mount: $0)
      }
    }
  }

  mutating func add(_ path: String, _ text: String) { files[path] = Array(text.utf8) }

  /// Adds a parameter at the place where this server's release has it; not at all where it has none.
  mutating func add(_ family: ParameterFamily, _ path: String, _ text: String) {
    guard let root = family.root(in: layout) else { return }
    add("\(root.rawValue)/\(path)", text)
  }

  /// A parameter of one value.
  mutating func add(_ family: ParameterFamily, _ path: String, value: some CustomStringConvertible)
  {
    add(family, path, "\(value)\n")
  }
}
