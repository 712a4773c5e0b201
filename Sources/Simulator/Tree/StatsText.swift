import Protocol

/// The text of the `stats` family: `md_stats`, `obdfilter.*.stats`, exports' `stats`.
struct StatsText: Sendable {
  var layout: Layout

  func file(
    _ counters: CounterSet, of kind: TargetKind, snapshot: Int64, startedAt: Int64
  ) -> String {
    var text = header(snapshot: snapshot, startedAt: startedAt)
    for operation in Operation.order(kind, layout) {
      let counter = counters[operation]
      // The kernel leaves out what never happened.
      guard counter.count > 0 else { continue }
      text += line(operation, counter)
    }
    return text
  }

  func header(snapshot: Int64, startedAt: Int64) -> String {
    var text = time("snapshot_time", snapshot)
    if layout.hasStartTime {
      text += time("start_time", startedAt) + time("elapsed_time", snapshot - startedAt)
    }
    return text
  }

  /// A counter that has no values beside its count.
  func plain(_ name: String, _ count: UInt64) -> String {
    "\(leading(name, layout.statsNameWidth)) \(count) samples [reqs]\n"
  }

  private func time(_ name: String, _ nanoseconds: Int64) -> String {
    "\(leading(name, layout.statsNameWidth)) \(secondsAndNanoseconds(nanoseconds)) secs.nsecs\n"
  }

  private func line(_ operation: Operation, _ counter: Counter) -> String {
    let name = leading(operation.name, layout.statsNameWidth)
    guard layout.hasLatencies else {
      let values = operation.isBytes ? " \(counter.low) \(counter.high) \(counter.sum)" : ""
      let unit = operation.isBytes ? "bytes" : "reqs"
      return "\(name) \(counter.count) samples [\(unit)]\(values)\n"
    }
    return "\(name) \(counter.count) samples [\(operation.isBytes ? "bytes" : "usecs")] "
      + "\(counter.low) \(counter.high) \(counter.sum) \(counter.sumOfSquares)\n"
  }
}
