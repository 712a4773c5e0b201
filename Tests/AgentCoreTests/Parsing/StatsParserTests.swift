import AgentCore
import Testing

@Suite struct StatsParserTests {
  private func parse(_ text: String) -> Parsed<StatsFile> {
    let bytes = Array(text.utf8)
    return StatsParser.parse(bytes.span)
  }

  @Test func countsOnlyLinesOf210() {
    let parsed = parse(StatsTexts.v210)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(parsed.value.snapshotTime == 1_510_782_606_789_180_921)
    #expect(parsed.value.startTime == nil)
    let names = parsed.value.counters.map { $0.name }
    #expect(names == ["write_bytes", "punch", "statfs", "connect", "statfs"])
    let write = parsed.value.counters[0]
    #expect(write.samples == 4_298_711 && write.unit == "bytes")
    #expect(write.values?.minimum == 4_096)
    #expect(write.values?.maximum == 4_194_304)
    #expect(write.values?.sum == 16_552_048_697_344)
    #expect(write.values?.sumOfSquares == nil)
    #expect(parsed.value.counters[1].values == nil)
  }

  @Test func secondCounterOfOneNameIsTheSecondOccurrence() {
    let statfs = parse(StatsTexts.v210).value.counters.filter { $0.name == "statfs" }
    #expect(statfs.map { $0.occurrence } == [1, 2])
    #expect(statfs.map { $0.samples } == [35_359, 124_430])
  }

  @Test func linesOf215HaveStartTimeAndSquares() {
    let parsed = parse(StatsTexts.v215)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(parsed.value.startTime == "1749630000.000000007")
    #expect(parsed.value.startNanoseconds == 1_749_630_000_000_000_007)
    let getattr = parsed.value.counters.first { $0.name == "getattr" }
    #expect(getattr?.unit == "usecs")
    #expect(getattr?.values?.sumOfSquares == 18_446_744_073_709_551_615)
  }

  @Test func columnsOf217AreWider() {
    let parsed = parse(StatsTexts.v217)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(
      parsed.value.counters.map { $0.name } == [
        "read_bytes", "llog_origin_handle_next_block_x", "thandle starting",
      ])
  }

  @Test func fractionPaddedWithBlanksIsANumberOfNanoseconds() {
    #expect(
      parse("snapshot_time  1510781853. 10473844 secs.nsecs\n").value.snapshotTime
        == 1_510_781_853_010_473_844)
    #expect(
      parse("snapshot_time  1438693238.20113 secs.usecs\n").value.snapshotTime
        == 1_438_693_238_020_113_000)
    #expect(
      parse("snapshot_time:  1510950459.787901292 (secs.nsecs)\n").value.snapshotTime
        == 1_510_950_459_787_901_292)
    #expect(
      parse("snapshot_time  1438693238 secs\n").value.snapshotTime
        == 1_438_693_238_000_000_000)
  }

  @Test func oldSpellingsOfUnitsAreRead() {
    let parsed = parse(
      "a 1 samples [usec]\nb 1 samples [regs]\nc 1 samples [sec]\nd 1 samples [slv]\n")
    #expect(parsed.value.counters.map { $0.unit } == ["usecs", "reqs", "secs", "slv"])
  }

  @Test func sumThatOutgrewItsSignKeepsItsBits() {
    let parsed = parse("read_bytes 1 samples [bytes] 0 1 -1\n")
    #expect(parsed.value.counters.first?.values?.sum == UInt64.max)
  }

  @Test func whatIsNotUnderstoodIsKeptAndTheRestCounts() {
    let parsed = parse(
      """
      snapshot_time 1.000000000 secs.nsecs
      open 3 samples [reqs]
      something new altogether
      close 4 samples [reqs] 1 2
      unlink -4 samples [reqs]
      mkdir 99999999999999999999 samples [reqs]
      rmdir 5 samples [reqs]
      """)
    #expect(parsed.value.counters.map { $0.name } == ["open", "rmdir"])
    #expect(parsed.leftovers.texts.count == 4)
    #expect(parsed.leftovers.texts.first == "something new altogether")
  }

  @Test func leftoversAreBounded() {
    let line = String(repeating: "x", count: 5_000) + "\n"
    let parsed = parse(String(repeating: line, count: 150))
    #expect(parsed.leftovers.texts.count == Leftovers.limit)
    #expect(parsed.leftovers.dropped == 50)
    #expect(parsed.leftovers.texts.allSatisfy { $0.utf8.count == Leftovers.textBytes })
  }

  @Test func brokenUTF8InALeftoverIsReplacedWithinTheLimit() {
    let bytes = [UInt8](repeating: 0xff, count: 500) + [0x0a]
    let parsed = StatsParser.parse(bytes.span)
    #expect(parsed.leftovers.texts.allSatisfy { $0.utf8.count <= Leftovers.textBytes })
    #expect(parsed.leftovers.texts.first?.unicodeScalars.first == "\u{fffd}")
  }
}

/// Written for these tests after the grammar of the stats files.
enum StatsTexts {
  static let v210 = """
    snapshot_time             1510782606.789180921 secs.nsecs
    write_bytes               4298711 samples [bytes] 4096 4194304 16552048697344
    punch                     57 samples [reqs]
    statfs                    35359 samples [reqs]
    connect                   1 samples [reqs]
    statfs                    124430 samples [reqs]

    """
  static let v215 = """
    snapshot_time             1749630552.994884593 secs.nsecs
    start_time                1749630000.000000007 secs.nsecs
    elapsed_time              552.994884586 secs.nsecs
    read_bytes                12 samples [bytes] 4096 1048576 5242880 1099511627776
    read                      12 samples [usecs] 10 400 900 200000
    getattr                   7 samples [usecs] 1 9 35 18446744073709551615

    """
  static let v217 = """
    snapshot_time                       1786000000.000000001 secs.nsecs
    start_time                          1785000000.000000000 secs.nsecs
    elapsed_time                        1000000.000000001 secs.nsecs
    read_bytes                          5 samples [bytes] 1 2 8 12
    llog_origin_handle_next_block_x 2 samples [usecs] 1 1 2 2
    thandle starting                    3 samples [usec] 0 1 2

    """
}
