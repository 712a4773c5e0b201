import Protocol

/// What writes its own canonical JSON, because the encoder takes longer than the answer is allowed to.
package protocol DirectJSON {
  /// The bytes that `CanonicalJSON` would give, in pieces one after the other.
  var canonicalJSON: [[UInt8]] { get async }
}

extension MetricAnswer: DirectJSON {
  /// Of the groups on two cores: somebody waits for it.
  package var canonicalJSON: [[UInt8]] {
    get async {
      let empty = JSONWriter(
        times: groups.max { $0.points.count < $1.points.count }?.points ?? [])
      let middle = groups.count / 2
      async let others = written(groups[middle...], empty)
      var writer = empty
      writer.raw("{\"fromNanoseconds\":")
      writer.integer(fromNanoseconds)
      writer.raw(",\"groups\":[")
      write(groups[..<middle], into: &writer)
      writer.add(await others)
      writeRest(into: &writer)
      return writer.end()
    }
  }

  private func written(_ groups: ArraySlice<Group>, _ writer: JSONWriter) -> [[UInt8]] {
    var writer = writer
    write(groups, into: &writer)
    return writer.end()
  }

  private func write(_ groups: ArraySlice<Group>, into writer: inout JSONWriter) {
    for place in groups.indices {
      if place > 0 { writer.raw(",") }
      write(groups[place], into: &writer)
    }
  }

  private func writeRest(into writer: inout JSONWriter) {
    writer.raw("],\"isRate\":\(isRate),\"kind\":")
    writer.text(kind.rawValue)
    writer.raw(",\"metric\":")
    writer.text(metric)
    if let seriesOfOtherKinds {
      writer.raw(",\"seriesOfOtherKinds\":\(seriesOfOtherKinds)")
    }
    writer.raw(",\"throughNanoseconds\":")
    writer.integer(throughNanoseconds)
    if let tiers {
      writer.raw(",\"tiers\":[")
      for (place, tier) in tiers.enumerated() {
        if place > 0 { writer.raw(",") }
        writer.text(tier)
      }
      writer.raw("]")
    }
    writer.raw(",\"unit\":")
    writer.text(unit)
    if let unreadable {
      writer.raw(",\"unreadable\":[")
      for (place, gap) in unreadable.enumerated() {
        if place > 0 { writer.raw(",") }
        write(gap, into: &writer)
      }
      writer.raw("]")
    }
    writer.raw("}")
  }

  private func write(_ gap: Gap, into writer: inout JSONWriter) {
    writer.raw("{\"file\":")
    writer.text(gap.file)
    writer.raw(",\"fromNanoseconds\":")
    writer.integer(gap.fromNanoseconds)
    writer.raw(",\"reason\":")
    writer.text(gap.reason)
    writer.raw(",\"throughNanoseconds\":")
    writer.integer(gap.throughNanoseconds)
    writer.raw("}")
  }

  private func write(_ group: Group, into writer: inout JSONWriter) {
    writer.raw("{\"labels\":{")
    for (place, label) in group.labels.sorted(by: { $0.key < $1.key }).enumerated() {
      if place > 0 { writer.raw(",") }
      writer.text(label.key)
      writer.raw(":")
      writer.text(label.value)
    }
    writer.raw("}")
    writer.number(",\"lastSecondsAgo\":", group.lastSecondsAgo)
    writer.number(",\"maximum\":", group.maximum)
    writer.number(",\"minimum\":", group.minimum)
    writer.number(",\"peak\":", group.peak)
    writer.raw(",\"points\":[")
    writer.points(group.points)
    writer.raw("],\"resets\":\(group.resets),\"samples\":\(group.samples)")
    writer.raw(",\"series\":\(group.series),\"silentSeries\":\(group.silentSeries)")
    writer.number(",\"value\":", group.value)
    writer.raw("}")
  }
}
