import Protocol

/// Takes what `job_stats` says of one job after the other.
package protocol JobEntryTaker {
  /// - Parameter id: the job's name, its raw bytes.
  /// - Parameter start: identifies the entry's life, from `start_time` (2.15 and later); 0 when the
  ///   file does not tell.
  mutating func take(id: [UInt8], counters: JobCounters, start: UInt64)
  /// - Parameter gaps: what the entry has and does not tell; its counters are 0.
  mutating func take(id: [UInt8], counters: JobCounters, start: UInt64, gaps: JobGaps)
}

extension JobEntryTaker {
  package mutating func take(id: [UInt8], counters: JobCounters, start: UInt64, gaps: JobGaps) {
    take(id: id, counters: counters, start: start)
  }
}

/// What of a job's entry is no number: more than 64 bits are none of the kernel's.
package struct JobGaps: OptionSet, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }
  package static let readBytes = JobGaps(rawValue: 1)
  package static let writtenBytes = JobGaps(rawValue: 2)
  package static let ioOperations = JobGaps(rawValue: 4)
  package static let metadataOperations = JobGaps(rawValue: 8)
  package static let start = JobGaps(rawValue: 16)
}

/// Reads `job_stats` piece by piece, in any size of pieces, without ever holding the whole of it:
/// busy targets have hundreds of MiB.
///
/// The format is that of `lprocfs_jobstats_seq_show` in Lustre, 2.10 to master: `- job_id:` opens an
/// entry, a line an operation follows. The numbers may touch their colons (2.12 and before).
package struct JobStatsScanner: Sendable {
  /// Longest name kept; Lustre has 31 bytes and escapes them to four times as many.
  package static let idLimit = 200

  private var id: [UInt8] = []
  private var hasEntry = false
  private var counters = JobCounters()
  private var start: UInt64 = 0
  private var gaps: JobGaps = []
  private var isSkipping = false
  package private(set) var leftovers = Leftovers()
  /// Entries that were handed on.
  package private(set) var entries = 0

  package init() {}

  /// Takes the whole lines of `bytes` and answers how many bytes these were; the rest is to be given
  /// again with what follows it.
  package mutating func scan<Taker: JobEntryTaker>(
    _ bytes: Span<UInt8>, into taker: inout Taker
  ) -> Int {
    var position = 0
    while let end = bytes.lineEnd(from: position) {
      if isSkipping {
        isSkipping = false
      } else {
        line(bytes, position..<end, &taker)
      }
      position = end + 1
    }
    return position
  }

  /// The piece was full and held no end of a line: what belongs to this line is no `job_stats`.
  package mutating func skipLine(_ bytes: Span<UInt8>) {
    if !isSkipping { leftovers.keep(bytes, bytes.everything) }
    isSkipping = true
  }

  /// The end of the file; `bytes` is what follows its last line.
  package mutating func finish<Taker: JobEntryTaker>(
    _ bytes: Span<UInt8>, into taker: inout Taker
  ) {
    if !isSkipping, !bytes.isEmpty { line(bytes, bytes.everything, &taker) }
    isSkipping = false
    handOn(&taker)
  }

  /// Reading broke off: the entry under way is incomplete and is dropped.
  package mutating func abandon() {
    hasEntry = false
    isSkipping = false
  }

  private mutating func handOn<Taker: JobEntryTaker>(_ taker: inout Taker) {
    guard hasEntry else { return }
    if gaps.isEmpty {
      taker.take(id: id, counters: counters, start: start)
    } else {
      taker.take(id: id, counters: counters, start: start, gaps: gaps)
    }
    entries += 1
    hasEntry = false
  }

  private mutating func line<Taker: JobEntryTaker>(
    _ bytes: Span<UInt8>, _ line: Range<Int>, _ taker: inout Taker
  ) {
    var first = line.lowerBound
    while first < line.upperBound && bytes[first] == 0x20 { first += 1 }
    guard first < line.upperBound else { return }
    if bytes[first] == UInt8(ascii: "-") {
      handOn(&taker)
      open(bytes, line, first)
      return
    }
    guard hasEntry else {
      if !bytes.isEqual("job_stats:", bytes.trimmed(line)) { leftovers.keep(bytes, line) }
      return
    }
    let word = bytes.word(at: first)
    if word == .snapshot || word == .elapsed { return }
    if word == .started {
      if let time = time(bytes, first..<line.upperBound) {
        start = time
      } else {
        gaps.insert(.start)
        leftovers.keep(bytes, line)
      }
      return
    }
    if !operation(bytes, first..<line.upperBound, word) { leftovers.keep(bytes, line) }
  }

  /// `- job_id:` and the name: padded to column 19, quoted from 2.14 on where it must be.
  private mutating func open(_ bytes: Span<UInt8>, _ line: Range<Int>, _ dash: Int) {
    let column = dash + 19
    guard let colon = bytes.first(UInt8(ascii: ":"), in: dash..<min(column, line.upperBound)),
      bytes.isEqual("job_id", bytes.trimmed((dash + 1)..<colon))
    else {
      leftovers.keep(bytes, line)
      return
    }
    var name = bytes.trimmed((colon + 1)..<line.upperBound)
    // Exactly what stands behind the column, so that blanks of the name's own are kept.
    let isPadded = line.upperBound > column && bytes.trimmed((colon + 1)..<column).isEmpty
    if isPadded {
      name = column..<line.upperBound
      if bytes[line.upperBound - 1] == 0x0d { name = column..<(line.upperBound - 1) }
    }
    if name.count >= 2, bytes[name.lowerBound] == UInt8(ascii: "\""),
      bytes[name.upperBound - 1] == UInt8(ascii: "\"")
    {
      unescape(bytes, (name.lowerBound + 1)..<(name.upperBound - 1))
    } else {
      id.removeAll(keepingCapacity: true)
      for index in name.prefix(Self.idLimit) { id.append(bytes[index]) }
    }
    hasEntry = true
    counters = JobCounters()
    start = 0
    gaps = []
  }

  private mutating func unescape(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    id.removeAll(keepingCapacity: true)
    var index = range.lowerBound
    while index < range.upperBound, id.count < Self.idLimit {
      if bytes[index] == UInt8(ascii: "\\"), index + 3 < range.upperBound,
        bytes[index + 1] == UInt8(ascii: "x"), let high = bytes.hexadecimal(index + 2),
        let low = bytes.hexadecimal(index + 3)
      {
        id.append(high << 4 | low)
        index += 4
      } else {
        id.append(bytes[index])
        index += 1
      }
    }
  }

  /// `NAME: { samples: N, unit: U[, min: N, max: N, sum: N[, sumsq: N]][, hist: { … }] }`
  private mutating func operation(
    _ bytes: Span<UInt8>, _ line: Range<Int>, _ word: UInt64
  ) -> Bool {
    var position = line.lowerBound
    while position < line.upperBound && bytes[position] != UInt8(ascii: ":") { position += 1 }
    // Behind the colon, so that a byte lies before wherever the search is.
    position += 1
    let samples: UInt64?
    if bytes.word(at: position) == .samplesFollow, position + 11 <= line.upperBound,
      bytes.isEqual("es:", (position + 8)..<(position + 11))
    {
      // Where all releases have it.
      position += 11
      samples = bytes.number(&position, line.upperBound)
    } else {
      samples = bytes.value(after: "samples:", from: &position, to: line.upperBound)
    }
    guard let samples else {
      if bytes.isDigit(before: position, in: line) { leaveOut(word) }
      return false
    }
    switch word {
    case .readBytes, .writeBytes:
      counters.ioOperations &+= samples
      guard samples > 0 else { return true }
      guard let sum = bytes.value(after: "sum:", from: &position, to: line.upperBound) else {
        if bytes.isDigit(before: position, in: line) {
          gaps.insert(word == .readBytes ? .readBytes : .writtenBytes)
        }
        return false
      }
      if word == .readBytes { counters.readBytes = sum } else { counters.writtenBytes = sum }
    // The latencies of the same requests (2.14 and later).
    case .read, .write: break
    // These count again what `rename` has counted.
    case .sameDirectory, .crossDirectory, .parallel, .renameLocks: break
    default: counters.metadataOperations &+= samples
    }
    return true
  }

  /// The number of an operation's requests has more than 64 bits; then its bytes are not looked for.
  private mutating func leaveOut(_ word: UInt64) {
    switch word {
    case .readBytes: gaps.formUnion([.ioOperations, .readBytes])
    case .writeBytes: gaps.formUnion([.ioOperations, .writtenBytes])
    case .read, .write, .sameDirectory, .crossDirectory, .parallel, .renameLocks: break
    default: gaps.insert(.metadataOperations)
    }
  }

  /// `SECONDS.NANOSECONDS` as one number; only ever compared.
  private func time(_ bytes: Span<UInt8>, _ line: Range<Int>) -> UInt64? {
    guard let colon = bytes.first(UInt8(ascii: ":"), in: line) else { return nil }
    var position = colon + 1
    guard let seconds = bytes.number(&position, line.upperBound) else { return nil }
    var fraction: UInt64 = 0
    if position < line.upperBound, bytes[position] == UInt8(ascii: ".") {
      position += 1
      fraction = bytes.number(&position, line.upperBound) ?? 0
    }
    return seconds &* 1_000_000_000 &+ fraction
  }
}

/// The first eight bytes of a line's key, the first one lowest; they tell all keys apart that matter.
/// Spelled out, because each of them is compared with each line.
extension UInt64 {
  /// ` { sampl`
  fileprivate static var samplesFollow: UInt64 { 0x6c70_6d61_7320_7b20 }
  /// `snapshot`
  fileprivate static var snapshot: UInt64 { 0x746f_6873_7061_6e73 }
  /// `start_ti`
  fileprivate static var started: UInt64 { 0x6974_5f74_7261_7473 }
  /// `elapsed_`
  fileprivate static var elapsed: UInt64 { 0x5f64_6573_7061_6c65 }
  /// `read_byt`
  fileprivate static var readBytes: UInt64 { 0x7479_625f_6461_6572 }
  /// `write_by`
  fileprivate static var writeBytes: UInt64 { 0x7962_5f65_7469_7277 }
  /// `read:`
  fileprivate static var read: UInt64 { 0x2020_203a_6461_6572 }
  /// `write:`
  fileprivate static var write: UInt64 { 0x2020_3a65_7469_7277 }
  /// `samedir_`
  fileprivate static var sameDirectory: UInt64 { 0x5f72_6964_656d_6173 }
  /// `crossdir`
  fileprivate static var crossDirectory: UInt64 { 0x7269_6473_736f_7263 }
  /// `parallel`
  fileprivate static var parallel: UInt64 { 0x6c65_6c6c_6172_6170 }
  /// `rename_t`
  fileprivate static var renameLocks: UInt64 { 0x745f_656d_616e_6572 }
}

extension Span where Element == UInt8 {
  /// Where the line that `start` lies in ends, eight bytes a step; `nil` when its end is not here.
  fileprivate func lineEnd(from start: Int) -> Int? {
    var index = start
    while index + 8 <= count {
      let eight = UInt64(
        littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
      // A byte of `other` is zero where `eight` has a line feed; the lowest such byte keeps its mark.
      let other = eight ^ 0x0a0a_0a0a_0a0a_0a0a
      let marks = (other &- 0x0101_0101_0101_0101) & ~other & 0x8080_8080_8080_8080
      if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
      index += 8
    }
    while index < count {
      if self[index] == 0x0a { return index }
      index += 1
    }
    return nil
  }

  /// Eight bytes as one number, the first one lowest; 0 beyond the end.
  fileprivate func word(at index: Int) -> UInt64 {
    if index + 8 <= count {
      return UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
    }
    var word: UInt64 = 0
    for offset in 0..<Swift.max(0, count - index) {
      word |= UInt64(self[index + offset]) << (8 * UInt64(offset))
    }
    return word
  }

  /// The number behind blanks at `position`, which moves behind it. A sum that outgrew 2^63 comes
  /// out negative; its bits are still right.
  fileprivate func number(_ position: inout Int, _ end: Int) -> UInt64? {
    while position + 8 <= end, word(at: position) == 0x2020_2020_2020_2020 { position += 8 }
    while position < end && self[position] == 0x20 { position += 1 }
    var isNegative = false
    if position < end, self[position] == UInt8(ascii: "-") {
      isNegative = true
      position += 1
    }
    let first = position
    var value: UInt64 = 0
    // Behind its digits, so that the caller can tell one that is too large from none.
    defer { while position < end && self[position] &- 0x30 < 10 { position += 1 } }
    while position < end {
      let digit = self[position] &- 0x30
      guard digit < 10 else { break }
      // Twenty digits at most: what does not fit 64 bits is no number of the kernel's.
      if position - first >= 19 {
        let (scaled, over) = value.multipliedReportingOverflow(by: 10)
        let (sum, carry) = scaled.addingReportingOverflow(UInt64(digit))
        if over || carry { return nil }
        value = sum
      } else {
        value = value &* 10 &+ UInt64(digit)
      }
      position += 1
    }
    guard position > first else { return nil }
    return isNegative ? 0 &- value : value
  }

  /// The number behind the next ` NAME:` of the line.
  fileprivate func value(after name: StaticString, from position: inout Int, to end: Int) -> UInt64?
  {
    let length = name.utf8CodeUnitCount
    let initial = name.utf8Start[0]
    while position + length <= end {
      if self[position] == initial, self[position - 1] == 0x20,
        isEqual(name, position..<(position + length))
      {
        position += length
        return number(&position, end)
      }
      position += 1
    }
    return nil
  }

  /// Whether a number that does not fit ends at `position`: a search that finds none ends behind a brace.
  fileprivate func isDigit(before position: Int, in line: Range<Int>) -> Bool {
    line.contains(position - 1) && self[position - 1] &- 0x30 < 10
  }

  fileprivate func hexadecimal(_ index: Int) -> UInt8? {
    switch self[index] {
    case let digit where digit &- 0x30 < 10: digit &- 0x30
    case let letter where (letter | 0x20) &- 0x61 < 6: (letter | 0x20) &- 0x61 + 10
    default: nil
    }
  }
}
