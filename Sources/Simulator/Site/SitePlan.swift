import Protocol

/// What never changes while a site runs: who there is, what belongs where, every name and address.
struct SitePlan: Sendable {
  struct Server: Sendable {
    var name: String
    var twin: Int
    var layout: Layout
    var nid: String
    var storageMAC: String
    var managementMAC: String
    var mgcUUID: String
    var processors: Int
    var memoryBytes: UInt64
  }

  struct Target: Sendable {
    /// `scratch-OST0000`, or `MGS`.
    var label: String
    var kind: TargetKind
    /// Position in `SitePlan.fileSystems`; -1 for the MGS.
    var fileSystem: Int
    var index: Int
    var primary: Int
    var failover: Int
    var backend: SiteConfiguration.Backend
    var source: String
    var totalBytes: UInt64
    var totalFiles: UInt64

    var mountPoint: String { "/mnt/" + label }
    var osdName: String { "osd-" + backend.rawValue }
  }

  struct FileSystem: Sendable {
    var name: String
    /// Positions in `SitePlan.targets`, by index.
    var metadataTargets: [Int] = []
    var objectTargets: [Int] = []
  }

  struct Client: Sendable {
    var nid: String
    /// One a mounted file system, in the order of `SitePlan.fileSystems`.
    var uuids: [String]
    var mgcUUID: String
  }

  private(set) var servers: [Server] = []
  private(set) var targets: [Target] = []
  private(set) var fileSystems: [FileSystem] = []
  private(set) var clients: [Client] = []
  /// The MGS is always the first target.
  let mgs = 0

  init(_ configuration: SiteConfiguration, random: inout SplitMix64) {
    for position in 0..<configuration.servers {
      servers.append(Self.server(position, configuration, &random))
    }
    let backing: UInt64 = 8 << 30
    targets.append(
      Target(
        label: "MGS", kind: .mgt, fileSystem: -1, index: 0, primary: 0, failover: 1,
        backend: .ldiskfs, source: "/dev/mapper/mgs", totalBytes: backing, totalFiles: 524_288))
    for shape in configuration.fileSystems { add(shape) }
    for position in 0..<configuration.clients {
      clients.append(
        Client(
          nid: "10.73.\(100 + position / 250).\(position % 250 + 1)@tcp",
          uuids: fileSystems.map { _ in random.uuid() }, mgcUUID: random.uuid()))
    }
  }

  /// The NIDs of both servers that may run the target, the primary's first.
  func nids(of target: Target) -> [String] {
    [servers[target.primary].nid, servers[target.failover].nid]
  }

  /// The name of the management client's device, after the first NID of the MGS.
  var mgcName: String { "MGC" + servers[targets[mgs].primary].nid }

  /// The targets of a target's own file system, by kind; nothing for the MGS.
  func siblings(of target: Target, _ kind: TargetKind) -> [Int] {
    guard fileSystems.indices.contains(target.fileSystem) else { return [] }
    let whole = fileSystems[target.fileSystem]
    return kind == .mdt ? whole.metadataTargets : whole.objectTargets
  }

  private static func server(
    _ position: Int, _ configuration: SiteConfiguration, _ random: inout SplitMix64
  ) -> Server {
    let isMetadata = position < 2
    let number = isMetadata ? position + 1 : position - 1
    let host = isMetadata ? "10.73.10.\(10 + number)" : "10.73.\(20 + number / 200).\(number % 200)"
    let mac = hexadecimal(UInt64(position + 1), width: 4)
    let tail = mac.prefix(2) + ":" + mac.suffix(2)
    return Server(
      name: (isMetadata ? "mds" : "oss") + zeroPadded(number, 2), twin: position ^ 1,
      layout: configuration.layouts.layout(ofPair: position / 2), nid: host + "@tcp",
      storageMAC: "02:73:00:0a:" + tail, managementMAC: "02:73:00:01:" + tail,
      mgcUUID: random.uuid(), processors: isMetadata ? 32 : 16,
      memoryBytes: (isMetadata ? 384 : 192) << 30)
  }

  private mutating func add(_ shape: SiteConfiguration.FileSystem) {
    var whole = FileSystem(name: shape.name)
    let position = fileSystems.count
    for index in 0..<shape.metadataTargets {
      // The MGS runs on the first server, so further file systems start on its twin.
      let primary = (index + position) % 2
      let label = "\(shape.name)-MDT\(hexadecimal(UInt64(index), width: 4))"
      whole.metadataTargets.append(targets.count)
      targets.append(
        Target(
          label: label, kind: .mdt, fileSystem: position, index: index, primary: primary,
          failover: primary ^ 1, backend: .ldiskfs, source: "/dev/mapper/" + label.lowercased(),
          totalBytes: 4 << 40, totalFiles: 1 << 31))
    }
    for server in servers.indices.dropFirst(2) {
      for _ in 0..<shape.objectTargetsPerServer {
        let index = whole.objectTargets.count
        let label = "\(shape.name)-OST\(hexadecimal(UInt64(index), width: 4))"
        let low = label.lowercased()
        whole.objectTargets.append(targets.count)
        targets.append(
          Target(
            label: label, kind: .ost, fileSystem: position, index: index, primary: server,
            failover: server ^ 1, backend: shape.objectBackend,
            source: shape.objectBackend == .zfs ? "\(low)/\(low)" : "/dev/mapper/\(low)",
            totalBytes: shape.objectTargetBytes, totalFiles: shape.objectTargetBytes >> 19))
      }
    }
    fileSystems.append(whole)
  }
}
