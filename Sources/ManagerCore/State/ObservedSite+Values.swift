import Protocol

/// The few numbers that views show.
extension ObservedSite {
  /// Metrics of targets that are worth handing to `valueArrived`.
  package static let keptMetrics: Set<String> = [
    CapacityMetric.bytesTotal, CapacityMetric.bytesFree, CapacityMetric.bytesAvailable,
    CapacityMetric.inodesTotal, CapacityMetric.inodesFree,
  ]

  /// Whether values of a series are: an amount as the kernel tells it, of the target as such.
  package static func keeps(_ series: SeriesDeclaration) -> Bool {
    guard keptMetrics.contains(series.key.metric), series.decimals == 0 else { return false }
    return series.key.labels.keys.allSatisfy { $0 == "component" }
  }

  /// A value of a target came. Others than the kept metrics are let go, and so is a value that is
  /// older than the one held. `nanoseconds` is when it was true, corrected; `nil` is now.
  package mutating func valueArrived(
    server id: ServerID, subject: SeriesSubject, metric: String, labels: [String: String] = [:],
    bits: SampleBits, nanoseconds: Int64? = nil, at now: Moment
  ) {
    guard ObservedSite.keptMetrics.contains(metric), case .target(let reference) = subject,
      servers[id] != nil
    else { return }
    guard let target = resolve(id, reference, at: now)?.targetID else { return }
    let evidence = nanoseconds.map { now.monotonic(ofWall: $0) } ?? now.monotonicNanoseconds
    if let held = targets[target]?.values[metric], held.evidence > evidence { return }
    targets[target]?.values[metric] = HeldValue(bits: bits, evidence: evidence)
  }
}

/// What the registry calls a target's capacity.
enum CapacityMetric {
  static let bytesTotal = Metric.capacity.name
  static let bytesFree = Metric.freeSpace.name
  static let bytesAvailable = Metric.availableSpace.name
  static let inodesTotal = Metric.inodes.name
  static let inodesFree = Metric.freeInodes.name
  static let bytes = [bytesTotal, bytesFree, bytesAvailable]
  static let inodes = [inodesTotal, inodesFree]
}
