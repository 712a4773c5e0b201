/// Where and how a Lustre release lays out its parameters.
package enum Layout: String, Sendable, Hashable, CaseIterable {
  case lustre2_12 = "2.12"
  case lustre2_15 = "2.15"
  case lustre2_17 = "2.17"

  /// What `version` says.
  package var version: String {
    switch self {
    case .lustre2_12: "2.12.9"
    case .lustre2_15: "2.15.7"
    case .lustre2_17: "2.17.0"
    }
  }

  var kernel: String {
    switch self {
    case .lustre2_12: "3.10.0-1160.49.1.el7_lustre.x86_64"
    case .lustre2_15: "4.18.0-553.53.1.el8_lustre.x86_64"
    case .lustre2_17: "5.14.0-611.5.1.el9_lustre.x86_64"
    }
  }

  var operatingSystem: (name: String, id: String, version: String) {
    switch self {
    case .lustre2_12: ("CentOS Linux", "centos", "7")
    case .lustre2_15: ("AlmaLinux", "almalinux", "8.10")
    case .lustre2_17: ("AlmaLinux", "almalinux", "9.7")
    }
  }

  /// `start_time` and `elapsed_time` stand in every stats header from 2.15.
  var hasStartTime: Bool { self != .lustre2_12 }
  /// Operations carry latencies in microseconds from 2.14; before, only their count.
  var hasLatencies: Bool { self != .lustre2_12 }
  /// Width of the name column of a stats file.
  var statsNameWidth: Int { self == .lustre2_17 ? 35 : 25 }
  /// `mount -t lustre_tgt` came with 2.13; the older layouts here still mount as `lustre`.
  var mountType: String { self == .lustre2_17 ? "lustre_tgt" : "lustre" }
  /// Until 2.15 a mounted target always shows `ro`, which means nothing there.
  var mountAccess: String { self == .lustre2_17 ? "rw" : "ro" }
}

/// The three trees that Lustre's parameters are spread over.
package enum ParameterRoot: String, Sendable {
  case proc = "proc/fs/lustre"
  case sysfs = "sys/fs/lustre"
  case debugfs = "sys/kernel/debug/lustre"
}

/// Parameters that always moved together between the trees.
package enum ParameterFamily: Sendable, CaseIterable {
  case node, healthDetail, devices
  case metadataStats, objectStats, jobStats, recovery, exports, exportCount
  case uuid, instance, recoveryTime, evictionCount, grants, degraded
  case objectSpace, osdSpace, osdFacts
  case importDetail, importScalar, objectTargetList, objectTargetCount
  case mgsLive, mgsFileSystems, mgsFacts

  /// One letter a layout (2.12, 2.15, 2.17): P proc, S sysfs, D debugfs, `-` absent.
  private var places: StaticString {
    switch self {
    case .node, .uuid, .degraded, .objectSpace, .importScalar, .objectTargetCount: "SSS"
    case .healthDetail: "-D-"
    case .devices, .importDetail, .mgsFileSystems: "DDD"
    case .metadataStats, .jobStats, .mgsLive: "PPP"
    case .objectStats, .recovery, .exports, .objectTargetList: "PPD"
    case .exportCount, .instance, .recoveryTime, .grants, .osdSpace, .osdFacts: "PSS"
    case .evictionCount: "--S"
    case .mgsFacts: "-SS"
    }
  }

  /// The tree that holds the family in `layout`, or `nil` when that release has no such file.
  package func root(in layout: Layout) -> ParameterRoot? {
    let column =
      switch layout {
      case .lustre2_12: 0
      case .lustre2_15: 1
      case .lustre2_17: 2
      }
    return switch places.withUTF8Buffer({ $0[column] }) {
    case UInt8(ascii: "P"): .proc
    case UInt8(ascii: "S"): .sysfs
    case UInt8(ascii: "D"): .debugfs
    default: nil
    }
  }
}
