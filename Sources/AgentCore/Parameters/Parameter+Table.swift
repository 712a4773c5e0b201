/// Every parameter that the agent knows: one line each, with its roots in trying order. A root
/// that holds the parameter in current releases comes first, but debugfs comes last, because
/// looking there can fail for reasons of its own (not mounted, locked down).
///
/// The locations were read in Lustre's sources, 2.10 to master.
extension Parameter {
  // node
  package static let version = Parameter("version", .sys, .proc)
  package static let healthCheck = Parameter("health_check", .sys, .proc, .debug)
  /// From 2.13 to 2.16 only debugfs names the unhealthy devices.
  package static let healthCheckDevices = Parameter("health_check", .debug)
  package static let devices = Parameter("devices", .proc, .debug)
  package static let memoryUsed = Parameter("memused", .sys, .proc, .debug)
  package static let memoryUsedMaximum = Parameter("memused_max", .sys, .proc, .debug)

  // LNet
  package static let lnetStats = Parameter("stats", .lnetProc, .lnetDebug)
  package static let lnetInterfaces = Parameter("nis", .lnetProc, .lnetDebug)
  package static let lnetPeers = Parameter("peers", .lnetProc, .lnetDebug)
  package static let lnetMemoryUsed = Parameter("lnet_memused", .lnetProc, .lnetDebug, .sys)

  // MGS
  package static let managementServices = Parameter("mgs", .proc, .sys, .debug)
  package static let liveFileSystems = Parameter("mgs.MGS.live", .proc, .debug)
  package static let liveFileSystem = Parameter("mgs.MGS.live.{file system}", .proc, .debug)
  package static let mgsExports = Parameter("mgs.{target}.exports", .proc, .debug)
  package static let mgsExportUUIDs = Parameter("mgs.{target}.exports.{nid}.uuid", .proc, .debug)
  package static let mgsExportCount = Parameter("mgs.{target}.num_exports", .sys, .proc)
  package static let mgsEvictions = Parameter("mgs.{target}.eviction_count", .sys, .proc)
  package static let mgsUUID = Parameter("mgs.{target}.uuid", .sys, .proc)

  // MDT
  package static let metadataTargets = Parameter("mdt", .proc, .sys, .debug)
  package static let mdtStats = Parameter("mdt.{target}.md_stats", .proc, .debug)
  package static let mdtJobStats = Parameter("mdt.{target}.job_stats", .proc, .debug)
  package static let mdtRecovery = Parameter("mdt.{target}.recovery_status", .proc, .debug)
  package static let mdtExports = Parameter("mdt.{target}.exports", .proc, .debug)
  package static let mdtExportUUIDs = Parameter("mdt.{target}.exports.{nid}.uuid", .proc, .debug)
  package static let mdtExportCount = Parameter("mdt.{target}.num_exports", .sys, .proc)
  package static let mdtEvictions = Parameter("mdt.{target}.eviction_count", .sys, .proc)
  package static let mdtInstance = Parameter("mdt.{target}.instance", .sys, .proc)
  package static let mdtUUID = Parameter("mdt.{target}.uuid", .sys, .proc)
  package static let mdtDirty = Parameter("mdt.{target}.tot_dirty", .sys, .proc)
  package static let mdtGranted = Parameter("mdt.{target}.tot_granted", .sys, .proc)
  package static let mdtPending = Parameter("mdt.{target}.tot_pending", .sys, .proc)

  // OST
  package static let objectTargets = Parameter("obdfilter", .proc, .sys, .debug)
  package static let ostStats = Parameter("obdfilter.{target}.stats", .proc, .debug)
  package static let ostJobStats = Parameter("obdfilter.{target}.job_stats", .proc, .debug)
  package static let ostRecovery = Parameter("obdfilter.{target}.recovery_status", .proc, .debug)
  package static let ostExports = Parameter("obdfilter.{target}.exports", .proc, .debug)
  package static let ostExportUUIDs = Parameter(
    "obdfilter.{target}.exports.{nid}.uuid", .proc, .debug)
  package static let ostExportCount = Parameter("obdfilter.{target}.num_exports", .sys, .proc)
  package static let ostEvictions = Parameter("obdfilter.{target}.eviction_count", .sys, .proc)
  package static let ostInstance = Parameter("obdfilter.{target}.instance", .sys, .proc)
  package static let ostUUID = Parameter("obdfilter.{target}.uuid", .sys, .proc)
  package static let ostDirty = Parameter("obdfilter.{target}.tot_dirty", .sys, .proc)
  package static let ostGranted = Parameter("obdfilter.{target}.tot_granted", .sys, .proc)
  package static let ostPending = Parameter("obdfilter.{target}.tot_pending", .sys, .proc)
  package static let ostDegraded = Parameter("obdfilter.{target}.degraded", .sys, .proc)
  package static let ostCapacity = Parameter("obdfilter.{target}.kbytestotal", .sys, .proc)
  package static let ostFree = Parameter("obdfilter.{target}.kbytesfree", .sys, .proc)
  package static let ostAvailable = Parameter("obdfilter.{target}.kbytesavail", .sys, .proc)
  package static let ostInodes = Parameter("obdfilter.{target}.filestotal", .sys, .proc)
  package static let ostInodesFree = Parameter("obdfilter.{target}.filesfree", .sys, .proc)
  package static let ostBlockSize = Parameter("obdfilter.{target}.blocksize", .sys, .proc)

  // OSD: what stores a target, `osd-ldiskfs` or `osd-zfs`
  package static let storages = Parameter("osd-{backend}", .sys, .proc, .debug)
  package static let osdDevice = Parameter("osd-{backend}.{target}.mntdev", .sys, .proc)
  package static let osdCapacity = Parameter("osd-{backend}.{target}.kbytestotal", .sys, .proc)
  package static let osdFree = Parameter("osd-{backend}.{target}.kbytesfree", .sys, .proc)
  package static let osdAvailable = Parameter("osd-{backend}.{target}.kbytesavail", .sys, .proc)
  package static let osdInodes = Parameter("osd-{backend}.{target}.filestotal", .sys, .proc)
  package static let osdInodesFree = Parameter("osd-{backend}.{target}.filesfree", .sys, .proc)
  package static let osdBlockSize = Parameter("osd-{backend}.{target}.blocksize", .sys, .proc)

  // connections to targets elsewhere
  package static let managementClients = Parameter("mgc", .proc, .sys, .debug)
  package static let peerTargets = Parameter("osp", .proc, .sys, .debug)
  package static let lightweightProxies = Parameter("lwp", .proc, .sys, .debug)
  package static let mgcImport = Parameter("mgc.{import}.import", .proc, .debug)
  package static let ospImport = Parameter("osp.{import}.import", .proc, .debug)
  package static let lwpImport = Parameter("lwp.{import}.import", .proc, .debug)
}
