import Protocol

/// What writes its own canonical JSON, because the encoder takes longer than the answer is allowed to.
package protocol DirectJSON {
  /// The bytes that `CanonicalJSON` would give.
  var canonicalJSON: [UInt8] { get }
}

extension MetricAnswer: DirectJSON {
  package var canonicalJSON: [UInt8] {
    var writer = JSONWriter()
    // Some 60 bytes a point.
    writer.bytes.reserveCapacity(512 + groups.reduce(0) { $0 + 512 + $1.points.count * 64 })
    writer.raw("{\"fromNanoseconds\":")
    writer.integer(fromNanoseconds)
    writer.raw(",\"groups\":[")
    for (place, group) in groups.enumerated() {
      if place > 0 { writer.raw(",") }
      write(group, into: &writer)
    }
    writer.raw("],\"isRate\":\(isRate),\"kind\":")
    writer.text(kind.rawValue)
    writer.raw(",\"metric\":")
    writer.text(metric)
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
    return writer.bytes
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

private struct JSONWriter {
  var bytes: [UInt8] = []

  mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }
  mutating func raw(_ text: StaticString) {
    bytes.append(
      contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func integer(_ value: Int64) {
    if value < 0 { bytes.append(0x2d) }
    var rest = value.magnitude
    let begin = bytes.count
    repeat {
      bytes.append(0x30 + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    } while rest > 0
    bytes[begin...].reverse()
  }

  /// An answer has a hundred thousand of these: they are written without looking at the array each
  /// time, into room that is enough for whatever they are.
  mutating func points(_ points: [MetricAnswer.Point]) {
    // {"nanoseconds":-9223372036854775808,"value":-2.2250738585072014e-308},
    let longest = 80
    let written = [UInt8](unsafeUninitializedCapacity: points.count * longest) { room, count in
      guard var next = room.baseAddress else { return }
      let begin = next
      func put(_ text: StaticString) {
        next.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        next += text.utf8CodeUnitCount
      }
      func put(_ value: Int64) {
        if value < 0 {
          next.pointee = 0x2d
          next += 1
        }
        var rest = value.magnitude
        var digits = 1
        var power: UInt64 = 10
        while digits < 20, rest >= power {
          digits += 1
          let (product, overflow) = power.multipliedReportingOverflow(by: 10)
          if overflow { break }
          power = product
        }
        var place = next + digits
        next = place
        repeat {
          place -= 1
          place.pointee = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
          rest /= 10
        } while rest > 0
      }
      for point in points where point.value.isFinite {
        put(next == begin ? "{\"nanoseconds\":" : ",{\"nanoseconds\":")
        put(point.nanoseconds)
        put(",\"value\":")
        if let whole = JSONWriter.whole(point.value) {
          put(whole)
        } else {
          var text = point.value.description
          text.withUTF8 { utf8 in
            guard let from = utf8.baseAddress else { return }
            next.update(from: from, count: utf8.count)
            next += utf8.count
          }
          if next[-1] == 0x30 && next[-2] == 0x2e { next -= 2 }
        }
        put("}")
      }
      count = next - begin
    }
    bytes += written
  }

  /// A whole number that a double has exactly, without the fraction that its description adds.
  private static func whole(_ value: Double) -> Int64? {
    guard value.magnitude < 1e15, value.rounded(.towardZero) == value else { return nil }
    return value.sign == .plus || value != 0 ? Int64(value) : nil
  }

  /// A member with its name; none for no number.
  mutating func number(_ name: StaticString, _ value: Double?) {
    guard let value, value.isFinite else { return }
    raw(name)
    number(value)
  }

  mutating func number(_ value: Double) {
    if let whole = JSONWriter.whole(value) { return integer(whole) }
    var text = value.description
    if text.hasSuffix(".0") { text.removeLast(2) }
    text.withUTF8 { bytes.append(contentsOf: $0) }
  }

  mutating func text(_ text: String) {
    bytes.append(0x22)
    for byte in text.utf8 {
      switch byte {
      case 0x22, 0x5c: bytes += [0x5c, byte]
      case 0x08: raw("\\b")
      case 0x09: raw("\\t")
      case 0x0a: raw("\\n")
      case 0x0c: raw("\\f")
      case 0x0d: raw("\\r")
      case 0..<0x20:
        let digits = String(byte, radix: 16)
        raw("\\u00\(digits.utf8.count == 1 ? "0" : "")\(digits)")
      default: bytes.append(byte)
      }
    }
    bytes.append(0x22)
  }
}
