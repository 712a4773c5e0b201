import Testing

@testable import Protocol

@Suite struct SampleCodecTests {
  /// Reads `samples` the plain way: one value after the other into a dictionary.
  private struct NaiveReader {
    var last: [Int: UInt64] = [:]

    mutating func read(_ bytes: [UInt8]) -> (order: UInt64, values: [Int: UInt64]) {
      var rest = bytes[...]
      func varint() -> UInt64 {
        var digits: [UInt64] = []
        while let byte = rest.popFirst() {
          digits.append(UInt64(byte & 0x7f))
          if byte < 0x80 { break }
        }
        return digits.reversed().reduce(0) { $0 &* 128 &+ $1 }
      }
      let order = varint()
      _ = (varint(), varint())
      var left = varint()
      var id = 0
      var values: [Int: UInt64] = [:]
      while left > 0 {
        id += Int(varint())
        var run = varint()
        left -= run
        while run > 0 {
          let coded = varint()
          let difference = coded % 2 == 0 ? coded / 2 : ~(coded / 2)
          let times = coded == 0 ? varint() + 1 : 1
          for _ in 0..<times {
            values[id] = (last[id] ?? 0) &+ difference
            id += 1
          }
          run -= times
        }
      }
      last.merge(values) { $1 }
      return (order, values)
    }
  }

  @Test func randomSeriesAreReadAsANaiveReaderReadsThem() throws {
    var random = SplitMix(seed: 21)
    for round in 0..<30 {
      var encoder = SampleEncoder()
      var decoder = SampleDecoder()
      var naive = NaiveReader()
      var known: [UInt32: UInt64] = [:]
      for order in 1...UInt64(40) {
        for _ in 0..<random.below(6) { known[UInt32(random.below(200))] = random.next() }
        for id in known.keys.sorted() { known[id] = step(known[id] ?? 0, &random) }
        let ids = known.keys.sorted().filter { _ in round % 3 != 0 || random.below(4) > 0 }
        let batch = SampleBatch(
          order: order * (round == 5 ? WireLimits.highestOrder / 40 : 1),
          stamp: Stamp(
            bootNanoseconds: Int64(bitPattern: random.next()) / 2,
            wallNanoseconds: Int64(bitPattern: random.next()) / 2), ids: ids,
          bits: ids.map { known[$0] ?? 0 })
        let bytes = encoder.encode(batch)
        #expect(try decoder.decode(bytes.span) == batch)
        let (readOrder, values) = naive.read(bytes)
        #expect(readOrder == batch.order)
        #expect(
          values == Dictionary(uniqueKeysWithValues: zip(ids.map { Int($0) }, batch.bits)))
      }
    }
  }

  private func step(_ value: UInt64, _ random: inout SplitMix) -> UInt64 {
    switch random.below(6) {
    case 0, 1, 2: value
    case 3: value &+ random.next() % 1_000_000
    case 4: value &- random.next() % 1_000
    default: [0, .max, 1 << 63, random.next()][random.below(4)]
    }
  }

  @Test func whatStandsStillCostsNearlyNothing() {
    var encoder = SampleEncoder()
    let ids = (0..<UInt32(10_000)).map { $0 }
    let batch = SampleBatch(
      order: 1, stamp: stamp, ids: ids, bits: [UInt64](repeating: 12_345_678, count: 10_000))
    _ = encoder.encode(batch)
    #expect(encoder.encode(batch).count < 15)
  }

  @Test func aRefusedBatchLeavesTheLastValuesAlone() throws {
    var encoder = SampleEncoder()
    var decoder = SampleDecoder()
    func batch(_ order: UInt64, _ bits: [UInt64]) -> SampleBatch {
      SampleBatch(order: order, stamp: stamp, ids: [0, 1], bits: bits)
    }
    _ = try decoder.decode(encoder.encode(batch(1, [10, 20])).span)
    let second = encoder.encode(batch(2, [11, 21]))
    #expect(throws: WireError.truncated) { try decoder.decode(Array(second.dropLast()).span) }
    #expect(try decoder.decode(second.span).bits == [11, 21])
  }

  @Test func runsIdsAndCountsAreBounded() {
    let cases: [(String, String)] = [
      (
        "80808080808080808001 00 00 00",
        "batch order 9223372036854775808, the highest is 9223372036854775807"
      ),
      ("01 ffffffffffffffffff01 00 00", "a clock that says -9223372036854775808 ns"),
      ("01 00 00 c1843d", "samples of 1000001, the limit is 1000000"),
      ("01 00 00 02 00 03 02 02 02", "a run of 3 values in a batch of 2"),
      ("01 00 00 02 00 00 02 02", "a run of 0 values in a batch of 2"),
      ("01 00 00 01 bf843d 02", "a run of 2 values in a batch of 1"),
      ("01 00 00 02 bf843d 02", "a series id that is not below 1000000"),
      ("01 00 00 01 ffffffffffffffffff01 01 02", "a series id that is not below 1000000"),
      ("01 00 00 02 00 02 00 02", "more equal values than the run has"),
      ("01 00 00 02 00 02 00 ffffffffffffffffff01", "more equal values than the run has"),
      ("01 00 00 01 00 01 02 00", "bytes after the last sample"),
      ("01 00 00 01 00 01", "the message ends in the middle of a value"),
    ]
    for (text, reason) in cases {
      var decoder = SampleDecoder()
      do {
        _ = try decoder.decode(unhex(text).span)
        Issue.record("taken: \(text)")
      } catch {
        #expect(error.reason == reason, "\(text)")
      }
    }
  }

  @Test func aFewBytesNeverBecomeMoreThanTheLimit() throws {
    // Order, stamps, a million values in one run, all equal: 12 bytes.
    let bomb = unhex("01 00 00 c0843d 00 c0843d 00 bf843d")
    var decoder = SampleDecoder()
    let batch = try decoder.decode(bomb.span)
    #expect(batch.ids.count == WireLimits.seriesPerSession)
    #expect(batch.bits.allSatisfy { $0 == 0 })
    // One more than the limit is refused at its count, and so is what was never declared.
    #expect(throws: WireError.self) { try decoder.decode(unhex("01 00 00 c1843d").span) }
    decoder.seriesLimit = 100
    #expect(throws: WireError.tooLong(what: "samples", length: 1_000_000, limit: 100)) {
      try decoder.decode(bomb.span)
    }
    #expect(throws: WireError.malformed("a series id that is not below 100")) {
      try decoder.decode(unhex("01 00 00 01 64 01 02").span)
    }
    #expect(try decoder.decode(unhex("01 00 00 01 63 01 02").span).ids == [99])
    decoder.seriesLimit = -5
    #expect(try decoder.decode(unhex("01 00 00 00").span).ids == [])
  }
}
