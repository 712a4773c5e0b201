/// `declare`: a count, then for each series in ascending id: id gap, subject (0 server, 1 target),
/// [label, MGS NIDs], metric, labels sorted by name, kind, unit, decimals, width, source.
package enum DeclarationCodec {
  package static func encode(_ declarations: [UInt32: SeriesDeclaration]) -> [UInt8] {
    var writer = ByteWriter()
    writer.varint(UInt64(declarations.count))
    var previous: UInt32 = 0
    for (id, declaration) in declarations.sorted(by: { $0.key < $1.key }) {
      writer.varint(UInt64(id - previous))
      previous = id
      encode(declaration, into: &writer)
    }
    return writer.bytes
  }

  private static func encode(_ declaration: SeriesDeclaration, into writer: inout ByteWriter) {
    switch declaration.key.subject {
    case .server: writer.byte(0)
    case .target(let reference):
      writer.byte(1)
      writer.text(reference.label)
      writer.varint(UInt64(reference.mgs.count))
      for nid in reference.mgs { writer.text(nid) }
    }
    writer.text(declaration.key.metric)
    writer.varint(UInt64(declaration.key.labels.count))
    for (name, value) in declaration.key.labels.sorted(by: { $0.key < $1.key }) {
      writer.text(name)
      writer.text(value)
    }
    switch declaration.kind {
    case .counter: writer.byte(0)
    case .gauge: writer.byte(1)
    case .unrecognised: writer.byte(0xff)
    }
    writer.text(declaration.unit)
    writer.byte(declaration.decimals)
    writer.byte(declaration.width)
    writer.text(declaration.source)
  }

  package static func decode(_ span: Span<UInt8>) throws(WireError) -> [UInt32: SeriesDeclaration] {
    var cursor = ByteCursor()
    let count = try cursor.count(
      span, of: "declared series", limit: WireLimits.seriesPerSession)
    var declarations: [UInt32: SeriesDeclaration] = [:]
    var id: UInt64 = 0
    for position in 0..<count {
      let gap = try cursor.varint(span)
      guard gap < UInt64(WireLimits.seriesPerSession) else {
        throw .tooLong(
          what: "a series id", length: Int(clamping: gap), limit: WireLimits.seriesPerSession)
      }
      if position > 0 && gap == 0 { throw .malformed("a series id declared twice") }
      id += gap
      guard id < UInt64(WireLimits.seriesPerSession) else {
        throw .tooLong(
          what: "a series id", length: Int(clamping: id), limit: WireLimits.seriesPerSession)
      }
      declarations[UInt32(id)] = try declaration(span, &cursor)
    }
    guard cursor.isAtEnd(of: span) else { throw .malformed("bytes after the last declaration") }
    return declarations
  }

  private static func declaration(_ span: Span<UInt8>, _ cursor: inout ByteCursor)
    throws(WireError) -> SeriesDeclaration
  {
    let subject: SeriesSubject
    switch try cursor.byte(span) {
    case 0: subject = .server
    case 1:
      var reference = TargetReference(label: try text(span, &cursor, "a target's label"))
      for _ in 0..<(try cursor.count(span, of: "MGS NIDs", limit: WireLimits.mgsNIDs)) {
        reference.mgs.append(try text(span, &cursor, "a NID"))
      }
      subject = .target(reference)
    case let other: throw .malformed("series subject \(other)")
    }
    let metric = try text(span, &cursor, "a metric's name")
    var labels: [String: String] = [:]
    for _ in 0..<(try cursor.count(span, of: "labels", limit: WireLimits.labels)) {
      let name = try text(span, &cursor, "a label's name")
      guard labels.updateValue(try text(span, &cursor, "a label's value"), forKey: name) == nil
      else { throw .malformed("a label given twice") }
    }
    let kind: SeriesKind =
      switch try cursor.byte(span) {
      case 0: .counter
      case 1: .gauge
      default: .unrecognised
      }
    let unit = try text(span, &cursor, "a unit")
    let decimals = try cursor.byte(span)
    let width = try cursor.byte(span)
    guard decimals <= 9 else { throw .malformed("\(decimals) decimals, at most 9") }
    guard width == 32 || width == 64 else { throw .malformed("a counter of \(width) bits") }
    return SeriesDeclaration(
      key: SeriesKey(subject: subject, metric: metric, labels: labels), kind: kind, unit: unit,
      decimals: decimals, width: width, source: try text(span, &cursor, "a source"))
  }

  private static func text(_ span: Span<UInt8>, _ cursor: inout ByteCursor, _ what: String)
    throws(WireError) -> String
  {
    try cursor.text(span, of: what, limit: WireLimits.textBytes)
  }
}
