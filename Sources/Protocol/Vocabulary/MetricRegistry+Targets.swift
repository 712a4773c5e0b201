/// Metrics whose subject is a target. `component` is `mdt`, `ost` or `mgt`.
extension Metric {
  private static let operation = ["component", "operation", "occurrence"]
  private static let component = ["component"]

  package static let readSamples = counter(
    "lustre_read_samples_total", labels: operation, help: "Reads that were recorded",
    from: "obdfilter.{target}.stats", "mdt.{target}.md_stats")
  package static let readMinimum = gauge(
    "lustre_read_minimum_size_bytes", "bytes", labels: operation,
    help: "Smallest read since the counters were cleared", from: "obdfilter.{target}.stats")
  package static let readMaximum = gauge(
    "lustre_read_maximum_size_bytes", "bytes", labels: operation,
    help: "Largest read since the counters were cleared", from: "obdfilter.{target}.stats")
  package static let readBytes = counter(
    "lustre_read_bytes_total", "bytes", labels: operation, help: "Bytes read",
    from: "obdfilter.{target}.stats", "mdt.{target}.md_stats")
  package static let writeSamples = counter(
    "lustre_write_samples_total", labels: operation, help: "Writes that were recorded",
    from: "obdfilter.{target}.stats", "mdt.{target}.md_stats")
  package static let writeMinimum = gauge(
    "lustre_write_minimum_size_bytes", "bytes", labels: operation,
    help: "Smallest write since the counters were cleared", from: "obdfilter.{target}.stats")
  package static let writeMaximum = gauge(
    "lustre_write_maximum_size_bytes", "bytes", labels: operation,
    help: "Largest write since the counters were cleared", from: "obdfilter.{target}.stats")
  package static let writeBytes = counter(
    "lustre_write_bytes_total", "bytes", labels: operation, help: "Bytes written",
    from: "obdfilter.{target}.stats", "mdt.{target}.md_stats")
  package static let operations = counter(
    "lustre_stats_total", labels: operation, help: "Operations that the target performed",
    from: "obdfilter.{target}.stats", "mdt.{target}.md_stats")
  package static let operationTime = counter(
    "lustre_stats_time_total", "microseconds", labels: operation,
    help: "Time that the operations took, in microseconds (Lustre 2.14 and later)",
    from: "obdfilter.{target}.stats", "mdt.{target}.md_stats")
  package static let operationTimeMinimum = gauge(
    "lustre_stats_time_min", "microseconds", labels: operation,
    help: "Shortest operation, in microseconds", from: "obdfilter.{target}.stats",
    "mdt.{target}.md_stats")
  package static let operationTimeMaximum = gauge(
    "lustre_stats_time_max", "microseconds", labels: operation,
    help: "Longest operation, in microseconds", from: "obdfilter.{target}.stats",
    "mdt.{target}.md_stats")
  package static let operationValue = counter(
    "lustre_stats_value_total", labels: operation + ["unit"],
    help:
      "Sum of the values of a counter whose unit (label `unit`) is no time and no read or write",
    from: "obdfilter.{target}.stats", "mdt.{target}.md_stats")
  package static let operationValueMinimum = gauge(
    "lustre_stats_value_min", labels: operation + ["unit"],
    help: "Smallest value of such a counter", from: "obdfilter.{target}.stats",
    "mdt.{target}.md_stats")
  package static let operationValueMaximum = gauge(
    "lustre_stats_value_max", labels: operation + ["unit"],
    help: "Largest value of such a counter", from: "obdfilter.{target}.stats",
    "mdt.{target}.md_stats")
  package static let statsStart = gauge(
    "lustre_stats_start_time", "seconds", decimals: 9, labels: component,
    help: "When the counters began, in seconds since the epoch (Lustre 2.15 and later)",
    from: "obdfilter.{target}.stats", "mdt.{target}.md_stats")

  package static let capacity = gauge(
    "lustre_capacity_bytes", "bytes", labels: component, help: "Size of the target's storage",
    from: "obdfilter.{target}.kbytestotal", "osd-{backend}.{target}.kbytestotal")
  package static let freeSpace = gauge(
    "lustre_free_bytes", "bytes", labels: component,
    help: "Space that is free, reserved space included",
    from: "obdfilter.{target}.kbytesfree", "osd-{backend}.{target}.kbytesfree")
  package static let availableSpace = gauge(
    "lustre_available_bytes", "bytes", labels: component, help: "Space that users can fill",
    from: "obdfilter.{target}.kbytesavail", "osd-{backend}.{target}.kbytesavail")
  package static let inodes = gauge(
    "lustre_inodes_maximum", labels: component, help: "Inodes (objects) that the target can hold",
    from: "obdfilter.{target}.filestotal", "osd-{backend}.{target}.filestotal")
  package static let freeInodes = gauge(
    "lustre_inodes_free", labels: component, help: "Inodes (objects) that are free",
    from: "obdfilter.{target}.filesfree", "osd-{backend}.{target}.filesfree")
  package static let blockSize = gauge(
    "lustre_blocksize_bytes", "bytes", labels: component, help: "Block size of the storage",
    from: "obdfilter.{target}.blocksize", "osd-{backend}.{target}.blocksize")

  package static let jobEntries = gauge(
    "lustre_job_stats_jobs", labels: component,
    help: "Jobs that the target remembers; what they do is told by `iml job top`",
    from: "obdfilter.{target}.job_stats", "mdt.{target}.job_stats")

  package static let exports = gauge(
    "lustre_exports", labels: component,
    help: "Exports, the servers' own connections and the target itself included; no client count",
    from: "obdfilter.{target}.num_exports", "mdt.{target}.num_exports", "mgs.MGS.num_exports")
  package static let clients = gauge(
    "lustre_connected_clients", labels: component,
    help: "Real clients that are connected (for the MGT: every node that knows the MGS)",
    from: "obdfilter.{target}.exports.{nid}.uuid", "mdt.{target}.exports.{nid}.uuid",
    "mgs.MGS.exports.{nid}.uuid")
  package static let dirty = gauge(
    "lustre_exports_dirty_bytes", "bytes", labels: component,
    help: "Dirty data that clients hold against their grants",
    from: "obdfilter.{target}.tot_dirty", "mdt.{target}.tot_dirty")
  package static let granted = gauge(
    "lustre_exports_granted_bytes", "bytes", labels: component,
    help: "Space that is granted to clients", from: "obdfilter.{target}.tot_granted",
    "mdt.{target}.tot_granted")
  package static let pending = gauge(
    "lustre_exports_pending_bytes", "bytes", labels: component,
    help: "Granted space whose writes are under way", from: "obdfilter.{target}.tot_pending",
    "mdt.{target}.tot_pending")
  package static let evictions = counter(
    "lustre_evictions_total", labels: component, help: "Clients that the target evicted",
    from: "obdfilter.{target}.eviction_count", "mdt.{target}.eviction_count",
    "mgs.MGS.eviction_count")
  package static let degraded = gauge(
    "lustre_degraded", labels: component,
    help: "1 when the OST is marked degraded, so that the MDTs avoid it",
    from: "obdfilter.{target}.degraded")

  package static let recoveryStatus = gauge(
    "recovery_status", labels: component,
    help: "0 complete, 1 inactive, 2 waiting, 3 waiting for clients, 4 recovering, 5 unknown",
    from: "obdfilter.{target}.recovery_status", "mdt.{target}.recovery_status")
  package static let recoveryCompleted = gauge(
    "recovery_status_completed_clients", labels: component, help: "Clients that recovered",
    from: "obdfilter.{target}.recovery_status", "mdt.{target}.recovery_status")
  package static let recoveryConnected = gauge(
    "recovery_status_connected_clients", labels: component,
    help: "Clients that have come back so far", from: "obdfilter.{target}.recovery_status",
    "mdt.{target}.recovery_status")
  package static let recoveryEvicted = gauge(
    "recovery_status_evicted_clients", labels: component,
    help: "Clients that were evicted in recovery", from: "obdfilter.{target}.recovery_status",
    "mdt.{target}.recovery_status")
  package static let recoveryTotal = gauge(
    "recovery_status_total_clients", labels: component,
    help: "Clients that take part in the recovery", from: "obdfilter.{target}.recovery_status",
    "mdt.{target}.recovery_status")
  package static let recoveryDuration = gauge(
    "recovery_status_duration_seconds", "seconds", labels: component,
    help: "How long the recovery took", from: "obdfilter.{target}.recovery_status",
    "mdt.{target}.recovery_status")
  package static let recoveryRemaining = gauge(
    "recovery_status_time_remaining_seconds", "seconds", labels: component,
    help: "Time left until recovery gives up (always 0 in Lustre 2.12 and 2.13); it can grow",
    from: "obdfilter.{target}.recovery_status", "mdt.{target}.recovery_status")
  package static let recoveryReplayed = gauge(
    "lustre_recovery_replayed_requests", labels: component, help: "Requests replayed",
    from: "obdfilter.{target}.recovery_status", "mdt.{target}.recovery_status")
  package static let recoveryQueued = gauge(
    "lustre_recovery_queued_requests", labels: component, help: "Requests that wait for replay",
    from: "obdfilter.{target}.recovery_status", "mdt.{target}.recovery_status")
  package static let recoveryStart = gauge(
    "recovery_status_start_time_seconds", "seconds", labels: component,
    help: "When the recovery began, since the epoch (in Lustre 2.12 and 2.13 since the boot)",
    from: "obdfilter.{target}.recovery_status", "mdt.{target}.recovery_status")
  package static let recoveryWaited = gauge(
    "recovery_status_time_waited_seconds", "seconds", labels: component,
    help: "How long the target has waited for other MDTs",
    from: "obdfilter.{target}.recovery_status", "mdt.{target}.recovery_status")
  package static let recoveryRequestReplay = gauge(
    "lustre_recovery_request_replay_clients", labels: component,
    help: "Clients that are replaying requests", from: "obdfilter.{target}.recovery_status",
    "mdt.{target}.recovery_status")
  package static let recoveryLockReplay = gauge(
    "lustre_recovery_lock_replay_clients", labels: component,
    help: "Clients that are replaying locks", from: "obdfilter.{target}.recovery_status",
    "mdt.{target}.recovery_status")
  package static let recoveryLastTransaction = gauge(
    "lustre_recovery_last_transaction", labels: component,
    help: "Number of the last transaction replayed", from: "obdfilter.{target}.recovery_status",
    "mdt.{target}.recovery_status")
  package static let recoveryNextTransaction = gauge(
    "lustre_recovery_next_transaction", labels: component,
    help: "Number of the transaction to be replayed next",
    from: "obdfilter.{target}.recovery_status", "mdt.{target}.recovery_status")
}

extension MetricRegistry {
  static let targets: [Metric] = [
    .readSamples, .readMinimum, .readMaximum, .readBytes, .writeSamples, .writeMinimum,
    .writeMaximum, .writeBytes, .operations, .operationTime, .operationTimeMinimum,
    .operationTimeMaximum, .operationValue, .operationValueMinimum, .operationValueMaximum,
    .statsStart, .capacity, .freeSpace, .availableSpace, .inodes, .freeInodes, .blockSize,
    .jobEntries, .exports, .clients, .dirty, .granted, .pending, .evictions, .degraded,
  ]
  static let recovery: [Metric] = [
    .recoveryStatus, .recoveryCompleted, .recoveryConnected, .recoveryEvicted, .recoveryTotal,
    .recoveryDuration, .recoveryRemaining, .recoveryReplayed, .recoveryQueued, .recoveryStart,
    .recoveryWaited, .recoveryRequestReplay, .recoveryLockReplay, .recoveryLastTransaction,
    .recoveryNextTransaction,
  ]
}
