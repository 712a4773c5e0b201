import AgentCore
import Protocol
import Testing

/// What the scanner hands on.
struct RecordingTaker: JobEntryTaker {
  struct Entry: Equatable {
    var id: [UInt8]
    var counters: JobCounters
    var start: UInt64
  }
  var entries: [Entry] = []
  mutating func take(id: [UInt8], counters: JobCounters, start: UInt64) {
    entries.append(Entry(id: id, counters: counters, start: start))
  }
}

enum JobTexts {
  /// Captured (2.10): one job of an OST, one of an MDT.
  static let v210 = """
    job_stats:
    - job_id:          24
      snapshot_time:   1510782606
      read_bytes:      { samples:           0, unit: bytes, min:       0, max:       0, sum:               0 }
      write_bytes:     { samples:       64575, unit: bytes, min:    4096, max: 4194304, sum:    215147593728 }
      getattr:         { samples:           0, unit:  reqs }
      punch:           { samples:           1, unit:  reqs }
    - job_id:          43
      snapshot_time:   1510781837
      open:            { samples:           2, unit:  reqs }
      rename:          { samples:           3, unit:  reqs }
      samedir_rename:  { samples:           1, unit:  reqs }
      crossdir_rename: { samples:           2, unit:  reqs }

    """
  /// Written from the manual (2.12): wide numbers touch their colons; nothing is quoted.
  static let v212 = """
    job_stats:
    - job_id:          cp.0 with space: "#
      snapshot_time:   1510782606
      read_bytes:      { samples:           5, unit: bytes, min:12345678, max:123456789, sum:12345678901234567 }

    """
  /// Written from the manual (2.16).
  static let v216 = #"""
    job_stats:
    - job_id:          "fio:0:host\x20\xff"
      snapshot_time:   1749555518.685497069 secs.nsecs
      start_time:      1749555500.000000001 secs.nsecs
      elapsed_time:    18.685497068 secs.nsecs
      read_bytes:      { samples:           2, unit: bytes, min:       27, max:    26759, sum:            69957, sumsq:         1599861835, hist: { 32: 2, 4K: 1 } }
      write_bytes:     { samples:           0, unit: bytes, min:        0, max:        0, sum:                0, sumsq:                  0, hist: {  } }
      read:            { samples:           2, unit: usecs, min:       80, max:      182, sum:              535, sumsq:              79601 }
      open:            { samples:           4, unit: usecs, min:       80, max:      182, sum:              535, sumsq:              79601 }
      parallel_rename_file: { samples:      9, unit: usecs, min:       80, max:      182, sum:              535, sumsq:              79601 }

    """#
  static let all = [v210, v212, v216]
}

@Suite struct JobStatsScannerTests {
  private func scan(_ text: [UInt8], pieces: Int = .max) -> (RecordingTaker, JobStatsScanner) {
    var scanner = JobStatsScanner()
    var taker = RecordingTaker()
    var held: [UInt8] = []
    var position = 0
    while position < text.count {
      let end = min(text.count, pieces == .max ? text.count : position + pieces)
      held += text[position..<end]
      position = end
      held.removeFirst(scanner.scan(held.span, into: &taker))
    }
    scanner.finish(held.span, into: &taker)
    return (taker, scanner)
  }

  private func scan(_ text: String) -> [RecordingTaker.Entry] {
    let (taker, scanner) = scan(Array(text.utf8))
    #expect(scanner.leftovers.texts.isEmpty)
    return taker.entries
  }

  @Test func operationsAreCountedOnce() {
    let entries = scan(JobTexts.v210)
    #expect(
      entries == [
        .init(
          id: Array("24".utf8),
          counters: JobCounters(
            writtenBytes: 215_147_593_728, ioOperations: 64_575, metadataOperations: 1), start: 0),
        .init(id: Array("43".utf8), counters: JobCounters(metadataOperations: 5), start: 0),
      ])
  }

  @Test func numbersThatTouchTheirColonsAreRead() {
    #expect(
      scan(JobTexts.v212) == [
        .init(
          id: Array("cp.0 with space: \"#".utf8),
          counters: JobCounters(readBytes: 12_345_678_901_234_567, ioOperations: 5), start: 0)
      ])
  }

  @Test func escapedNamesBecomeTheirBytesAndTheEntrysLifeIsKnown() {
    #expect(
      scan(JobTexts.v216) == [
        .init(
          id: Array("fio:0:host ".utf8) + [0xff],
          counters: JobCounters(readBytes: 69_957, ioOperations: 2, metadataOperations: 4),
          start: 1_749_555_500_000_000_001)
      ])
  }

  @Test(arguments: [
    (#"dd.1000"#, "dd.1000"), (#""a\x3ab""#, "a:b"), (#""@x""#, "@x"), (#""""#, ""),
    (#""a\x2"#, #""a\x2"#), (#""a\xzz""#, #"a\xzz"#), (#""\x5c""#, "\\"), ("  two", "  two"),
    ("a\"b", "a\"b"), ("\"", "\""),
  ])
  func everyEscapingOfAName(printed: String, name: String) {
    let entries = scan(
      "job_stats:\n- job_id:          \(printed)\n  open:            { samples: 1, unit: reqs }\n")
    #expect(entries.map(\.id) == [Array(name.utf8)])
  }

  @Test func whatIsShownOfANameIsPlain() {
    #expect(JobName.text(Array("dd.0".utf8)) == "dd.0")
    #expect(JobName.text(Array("ä b".utf8)) == "ä b")
    #expect(JobName.text([0x61, 0xff, 0x1b, 0x5c]) == #"a\xFF\x1B\x5C"#)
    #expect(JobName.text(Array("a\u{202e}b".utf8)) == #"a\xE2\x80\xAEb"#)
  }

  @Test func anySizeOfPiecesGivesTheSame() {
    for text in JobTexts.all.map({ Array($0.utf8) }) {
      let whole = scan(text).0.entries
      #expect(!whole.isEmpty)
      for size in 1...80 { #expect(scan(text, pieces: size).0.entries == whole) }
    }
  }

  @Test func everyTruncationKeepsTheEntriesBeforeIt() {
    for text in JobTexts.all.map({ Array($0.utf8) }) {
      let whole = scan(text).0.entries
      for end in 0...text.count {
        let cut = scan(Array(text[..<end])).0.entries
        #expect(cut.dropLast() == whole.prefix(max(0, cut.count - 1)))
      }
    }
  }

  @Test func nothingTraps() {
    var dice = JobDice(0x10b5)
    let pieces =
      ["- job_id:", "\"", "\\x", "samples:", "sum:", ":", "{", "}", "\n", " ", "-"]
      .map { Array($0.utf8) } + [[0], [0xff], Array("99999999999999999999999".utf8)]
    var seen = 0
    for text in JobTexts.all.map({ Array($0.utf8) }) {
      var bytes = text
      for round in 0..<4_000 {
        if round % 20 == 0 { bytes = text }
        let place = dice.below(bytes.count + 1)
        switch dice.below(4) {
        case 0 where place < bytes.count: bytes[place] = UInt8(dice.below(256))
        case 1: bytes.insert(contentsOf: pieces[dice.below(pieces.count)], at: place)
        case 2 where place < bytes.count:
          bytes.removeSubrange(place..<min(bytes.count, place + dice.below(30)))
        default: bytes.removeLast(dice.below(10) == 0 ? min(bytes.count, dice.below(200)) : 0)
        }
        seen += scan(bytes, pieces: 1 + dice.below(300)).0.entries.count
      }
    }
    #expect(seen > 1_000)
  }

  @Test func aLineWithoutAnEndIsDroppedAndTheRestIsRead() {
    var scanner = JobStatsScanner()
    var taker = RecordingTaker()
    let endless = [UInt8](repeating: 0x61, count: 1_000)
    #expect(scanner.scan(endless.span, into: &taker) == 0)
    scanner.skipLine(endless.span)
    scanner.skipLine(endless.span)
    let rest = Array(
      "aaa\n- job_id:          x\n  open:            { samples: 1, unit: reqs }\n".utf8)
    #expect(scanner.scan(rest.span, into: &taker) == rest.count)
    scanner.finish([UInt8]().span, into: &taker)
    #expect(taker.entries.map(\.counters.metadataOperations) == [1])
    #expect(scanner.leftovers.texts.count == 1)
  }
}
