/// The machine itself. Sources: `/proc/sys/kernel/*`, `/etc/os-release`, `/proc/meminfo`,
/// `/proc/cpuinfo`, `/proc/stat`.
package struct HostSection: SectionBody {
  package static let sectionName = "host"
  package var hostname: String
  package var kernel: String?
  package var operatingSystem: String?
  package var bootID: BootID?
  /// Seconds since the epoch, from `btime` of `/proc/stat`.
  package var bootedAt: Int64?
  package var memoryBytes: UInt64?
  package var processors: Int?
  package init(hostname: String) { self.hostname = hostname }
}

/// Network interfaces, from `/sys/class/net` and `/proc/net/dev`.
package struct InterfacesSection: SectionBody {
  package static let sectionName = "interfaces"
  package struct Interface: Codable, Hashable, Sendable {
    package var name: String
    /// `up`, `down`, `unknown` … as the kernel's `operstate` says.
    package var state: String?
    package var megabitsPerSecond: Int64?
    package var mtu: Int64?
    package var address: String?
    package init(name: String) { self.name = name }
  }
  /// Sorted by name.
  package var interfaces: [Interface]
  package init(interfaces: [Interface]) { self.interfaces = interfaces }
}

/// LNet's own identities and peers, from `nis` and `peers`.
package struct LNetSection: SectionBody {
  package static let sectionName = "lnet"
  package struct Interface: Codable, Hashable, Sendable {
    package var nid: String
    /// `up` or `down`.
    package var status: String
    package init(nid: String, status: String) {
      self.nid = nid
      self.status = status
    }
  }
  /// One a NID (the file has one line a NID and CPT), in the file's order, `0@lo` included.
  package var interfaces: [Interface]
  package var peersUp: Int
  package var peersDown: Int
  /// Of peers that are down, the first 20 in the file's order.
  package var downPeers: [String]
  package init(interfaces: [Interface], peersUp: Int, peersDown: Int, downPeers: [String]) {
    self.interfaces = interfaces
    self.peersUp = peersUp
    self.peersDown = peersDown
    self.downPeers = downPeers
  }
}

/// The mount table's Lustre lines, from `/proc/self/mountinfo` (else `/proc/self/mounts`, `/proc/mounts`).
package struct MountsSection: SectionBody {
  package static let sectionName = "mounts"
  package enum Role: String, WireEnum { case target, client, unrecognised }
  package struct Mount: Codable, Hashable, Sendable {
    /// A device path or `pool/dataset` for a target; `NIDs:/fsname` for a client.
    package var source: String
    package var mountPoint: String
    /// `lustre` or `lustre_tgt`.
    package var type: String
    package var role: Role
    /// `svname=` of a target (separator as on disk), the file system's name of a client.
    package var name: String?
    package var options: [String]
    package init(
      source: String, mountPoint: String, type: String, role: Role, name: String?,
      options: [String]
    ) {
      self.source = source
      self.mountPoint = mountPoint
      self.type = type
      self.role = role
      self.name = name
      self.options = options
    }
  }
  package var mounts: [Mount]
  package init(mounts: [Mount]) { self.mounts = mounts }
}
