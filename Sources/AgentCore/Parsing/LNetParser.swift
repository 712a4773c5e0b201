/// LNet's `stats`: eleven numbers. Message counts are 32 bits wide and wrap, lengths are 64.
package struct LNetStatsFile: Hashable, Sendable {
  package var allocated: Int64 = 0
  package var maximum: Int64 = 0
  package var errors: UInt64 = 0
  package var sent: UInt64 = 0
  package var received: UInt64 = 0
  package var routed: UInt64 = 0
  package var dropped: UInt64 = 0
  package var sentBytes: UInt64 = 0
  package var receivedBytes: UInt64 = 0
  package var routedBytes: UInt64 = 0
  package var droppedBytes: UInt64 = 0
  package init() {}
}

/// One NI: the lines of one NID (there is one a CPT) taken together.
package struct LNetInterfaceEntry: Hashable, Sendable {
  package var nid: String
  /// `up` only when every line says so.
  package var status: String
  /// Added up.
  package var credits: Int64
  /// The lowest.
  package var minimumCredits: Int64
}

/// All of `peers` that is kept.
package struct LNetPeersFile: Hashable, Sendable {
  /// Its heading is there: without one the numbers tell nothing.
  package var isTable = false
  package var up = 0
  package var down = 0
  /// `NA`: nobody watches the peer's health.
  package var unknown = 0
  package var queuedBytes: Int64 = 0
  /// The first 20 in the file's order: enough to see a pattern.
  package var downPeers: [String] = []
  package init() {}
}

/// Parses LNet's `stats`, `nis` and `peers`.
package enum LNetParser {
  /// A router may have many; no server has thousands.
  private static let interfaceLimit = 1_000
  private static let downPeerLimit = 20

  package static func stats(_ bytes: Span<UInt8>) -> Parsed<LNetStatsFile?> {
    var leftovers = Leftovers()
    var file: LNetStatsFile?
    var index = 0
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      if content.isEmpty { continue }
      let numbers = bytes.fields(content).compactMap { bytes.unsigned($0) }
      guard file == nil, numbers.count == 11, bytes.fields(content).count == 11,
        let allocated = Int64(exactly: numbers[0]), let maximum = Int64(exactly: numbers[1]),
        numbers[2...6].allSatisfy({ $0 <= UInt64(UInt32.max) })
      else {
        leftovers.keep(bytes, content)
        continue
      }
      var stats = LNetStatsFile()
      (stats.allocated, stats.maximum, stats.errors) = (allocated, maximum, numbers[2])
      (stats.sent, stats.received) = (numbers[3], numbers[4])
      (stats.routed, stats.dropped) = (numbers[5], numbers[6])
      (stats.sentBytes, stats.receivedBytes) = (numbers[7], numbers[8])
      (stats.routedBytes, stats.droppedBytes) = (numbers[9], numbers[10])
      file = stats
    }
    return Parsed(file, leftovers)
  }

  /// `nid status alive refs peer rtr max tx min`
  package static func interfaces(_ bytes: Span<UInt8>) -> Parsed<[LNetInterfaceEntry]> {
    var entries: [LNetInterfaceEntry] = []
    var places: [String: Int] = [:]
    var leftovers = Leftovers()
    var index = 0
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      let words = bytes.fields(content)
      if words.isEmpty || bytes.isEqual("nid", words[0]) { continue }
      guard words.count == 9, bytes.first(UInt8(ascii: "@"), in: words[0]) != nil,
        let credits = bytes.signed(words[7]), let minimum = bytes.signed(words[8])
      else {
        leftovers.keep(bytes, content)
        continue
      }
      let nid = bytes.text(words[0])
      let status = bytes.text(words[1])
      if let place = places[nid] {
        if status != "up" { entries[place].status = status }
        entries[place].credits = entries[place].credits.addingClamped(credits)
        entries[place].minimumCredits = min(entries[place].minimumCredits, minimum)
      } else if entries.count < interfaceLimit {
        places[nid] = entries.count
        entries.append(
          LNetInterfaceEntry(
            nid: nid, status: status, credits: credits, minimumCredits: minimum))
      } else {
        leftovers.keep(bytes, content)
      }
    }
    return Parsed(entries, leftovers)
  }

  /// `nid refs state last max rtr min tx min queue`
  package static func peers(_ bytes: Span<UInt8>) -> Parsed<LNetPeersFile> {
    var file = LNetPeersFile()
    var leftovers = Leftovers()
    var index = 0
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      let words = bytes.fields(content)
      if words.isEmpty { continue }
      if bytes.isEqual("nid", words[0]) {
        file.isTable = true
        continue
      }
      guard words.count == 10, bytes.first(UInt8(ascii: "@"), in: words[0]) != nil,
        let queued = bytes.signed(words[9])
      else {
        leftovers.keep(bytes, content)
        continue
      }
      file.queuedBytes = file.queuedBytes.addingClamped(queued)
      if bytes.isEqual("up", words[2]) {
        file.up += 1
      } else if bytes.isEqual("down", words[2]) {
        file.down += 1
        if file.downPeers.count < downPeerLimit { file.downPeers.append(bytes.text(words[0])) }
      } else {
        file.unknown += 1
      }
    }
    return Parsed(file, leftovers)
  }
}

extension Int64 {
  /// The sum, or the limit that it would have passed: a nonsense file must not trap.
  package func addingClamped(_ other: Int64) -> Int64 {
    let (sum, over) = addingReportingOverflow(other)
    return over ? (other < 0 ? .min : .max) : sum
  }
}
