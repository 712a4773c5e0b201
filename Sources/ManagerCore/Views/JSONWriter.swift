/// Writes JSON in the form of `CanonicalJSON`, in pieces: what is long is never copied to be joined, nor
/// in one block of memory that the kernel has to give and take for each answer.
struct JSONWriter {
  private(set) var pieces: [[UInt8]] = []
  private var bytes: [UInt8] = []
  private var heads: PointHeads

  /// - Parameter times: of points whose times others may share.
  init(times: [MetricAnswer.Point] = []) { heads = PointHeads(times) }

  /// All that was written, in order.
  mutating func end() -> [[UInt8]] {
    if !bytes.isEmpty { pieces.append(bytes) }
    bytes = []
    return pieces
  }

  /// Pieces that another one wrote.
  mutating func add(_ others: [[UInt8]]) { pieces = end() + others }

  mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }
  mutating func raw(_ text: StaticString) {
    bytes.append(
      contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func integer(_ value: Int64) { put { DecimalText.put(value, at: $0) } }

  /// A member with its name; none for no number.
  mutating func number(_ name: StaticString, _ value: Double?) {
    guard let value, value.isFinite else { return }
    raw(name)
    put { DecimalText.put(value, at: $0) }
  }

  private mutating func put(
    _ body: (UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8>
  ) {
    bytes += [UInt8](unsafeUninitializedCapacity: DecimalText.longest) { room, count in
      if let begin = room.baseAddress { count = body(begin) - begin }
    }
  }

  /// A piece of its own: written without looking at an array each time, into room that is enough for
  /// whatever they are.
  mutating func points(_ points: [MetricAnswer.Point]) {
    guard !points.isEmpty else { return }
    pieces.append(bytes)
    bytes = []
    let longest = PointHeads.room + DecimalText.longest + 1
    pieces.append(
      [UInt8](unsafeUninitializedCapacity: points.count * longest) { room, count in
        guard let begin = room.baseAddress else { return }
        count = heads.withPlaces { Self.put(points, $0, at: begin) } - begin
      })
  }

  private static func put(
    _ points: [MetricAnswer.Point], _ heads: PointHeads.Places,
    at begin: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8> {
    var next = begin
    var place = 0
    for point in points where point.value.isFinite {
      next = heads.put(point.nanoseconds, &place, at: next, isFirst: next == begin)
      next = DecimalText.put(point.value, at: next)
      next.pointee = 0x5d
      next += 1
    }
    return next
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

/// What stands before the value of a point. The groups of an answer mostly have the same times, so
/// each is written once and then copied.
private struct PointHeads {
  /// Of one: `,[-9223372036854775808,` has 23.
  static let room = 24

  private var times: [Int64] = []
  private var ends: [Int] = []
  private var texts: [UInt8] = []

  init(_ points: [MetricAnswer.Point]) {
    guard !points.isEmpty else { return }
    times = points.map(\.nanoseconds)
    ends.reserveCapacity(times.count)
    texts = [UInt8](repeating: 0, count: times.count * Self.room)
    texts.withUnsafeMutableBufferPointer { texts in
      guard let begin = texts.baseAddress else { return }
      for (place, time) in times.enumerated() {
        let text = begin + place * Self.room
        ends.append(Self.write(time, at: text) - text)
      }
    }
  }

  fileprivate static func write(
    _ time: Int64, at begin: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8> {
    var next = begin
    func put(_ text: StaticString) {
      next.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
      next += text.utf8CodeUnitCount
    }
    put(",[")
    next = DecimalText.put(time, at: next)
    put(",")
    return next
  }

  /// Without the arrays around them, whose counting of who holds them would be most of the work.
  struct Places {
    fileprivate var times: UnsafeBufferPointer<Int64>
    fileprivate var ends: UnsafeBufferPointer<Int>
    fileprivate var texts: UnsafeBufferPointer<UInt8>
  }

  func withPlaces<Result>(_ body: (Places) -> Result) -> Result {
    times.withUnsafeBufferPointer { times in
      ends.withUnsafeBufferPointer { ends in
        texts.withUnsafeBufferPointer { body(Places(times: times, ends: ends, texts: $0)) }
      }
    }
  }
}

extension PointHeads.Places {
  /// Gives where the text ends; all of `room` may be written over.
  /// - Parameter place: where the search begins; of one group it only grows.
  func put(
    _ time: Int64, _ place: inout Int, at begin: UnsafeMutablePointer<UInt8>, isFirst: Bool
  ) -> UnsafeMutablePointer<UInt8> {
    while place < times.count, times[place] < time { place += 1 }
    guard place < times.count, times[place] == time else {
      let end = PointHeads.write(time, at: begin)
      guard isFirst else { return end }
      begin.update(from: begin + 1, count: end - begin - 1)
      return end - 1
    }
    defer { place += 1 }
    guard let base = texts.baseAddress else { return begin }
    let skipped = isFirst ? 1 : 0
    begin.update(
      from: base + place * PointHeads.room + skipped, count: PointHeads.room - skipped)
    return begin + (ends[place] - skipped)
  }
}
