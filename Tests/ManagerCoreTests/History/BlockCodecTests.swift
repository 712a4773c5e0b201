import Protocol
import Testing

@testable import ManagerCore

@Suite struct BlockCodecTests {
  /// Three batches: series 3 constant in all, series 9 with a reset in the last two, series 300
  /// only in the first and last.
  private let batches = [
    StoredBatch(
      order: 41, nanoseconds: 1_000_000_000,
      samples: [
        StoredSample(series: 3, source: 0x11, bits: 100),
        StoredSample(series: 300, source: 0x22, bits: UInt64(bitPattern: -5)),
      ]),
    StoredBatch(
      order: 42, nanoseconds: 2_000_000_000,
      samples: [
        StoredSample(series: 3, source: 0x11, bits: 100),
        StoredSample(series: 9, source: 0x22, bits: 1_000),
      ]),
    StoredBatch(
      order: 43, nanoseconds: 3_000_000_000,
      samples: [
        StoredSample(series: 3, source: 0x11, bits: 100),
        StoredSample(series: 9, source: 0x33, bits: 2),
        StoredSample(series: 300, source: 0x22, bits: .max),
      ]),
  ]
  private let golden = """
    494d4c48 01 03 03 03 07
    1100000000000000 2200000000000000 3300000000000000
    01 52 02 02
    02 80a8d6b907 80a8d6b907 00 00
    03 04 00 00 c801
    05 0c 0e 01 02 02 01 01 02 01 d00f cb0f
    a202 05 09 05 01 09 08
    3cf919b7
    """

  @Test func theBytesOfVersionOneNeverChange() {
    #expect(hex(BlockCodec.encode(batches)) == hex(unhex(golden)))
  }

  @Test func theGoldenBytesDecode() throws {
    #expect(try BlockCodec.decode(unhex(golden).span) == batches)
    #expect(try BlockCodec.decode(BlockCodec.encode([]).span) == [])
  }

  @Test func theChecksumIsThatOfGzip() {
    let digits = Array("123456789".utf8)
    #expect(CRC32.sum(digits.span, count: 9) == 0xcbf4_3926)
    #expect(CRC32.sum(digits.span, count: 0) == 0)
    let text = Array("The quick brown fox jumps over the lazy dog".utf8)
    #expect(CRC32.sum(text.span, count: text.count) == 0x414f_a339)
  }

  @Test func oneSeriesIsReadWithoutTheOthers() throws {
    let bytes = unhex(golden)
    let columns = try BlockCodec.columns(for: [9, 77], in: bytes.span)
    #expect(
      columns == [
        9: [
          HistoryPoint(nanoseconds: 2 * second, source: 0x22, bits: 1_000),
          HistoryPoint(nanoseconds: 3 * second, source: 0x33, bits: 2),
        ]
      ])
    let late = try BlockCodec.columns(for: [3], in: bytes.span, range: (3 * second)...(9 * second))
    #expect(late[3]?.map(\.bits) == [100])
  }

  @Test func anyBrokenByteAndAnyCutIsReported() {
    let bytes = BlockCodec.encode(batches)
    for index in bytes.indices {
      var broken = bytes
      broken[index] ^= 0x10
      #expect(throws: BlockError.self) { try BlockCodec.decode(broken.span) }
      #expect(throws: BlockError.self) { try BlockCodec.columns(for: [9], in: broken.span) }
      let cut = Array(bytes[..<index])
      #expect(throws: BlockError.self) { try BlockCodec.decode(cut.span) }
    }
    #expect(throws: BlockError("checksum cc98ccfa instead of 0")) {
      try BlockCodec.decode((Array("IMLH".utf8) + [1] + [0, 0, 0, 0]).span)
    }
  }

  @Test func nonsenseUnderAValidChecksumNeitherTrapsNorSwallowsMemory() {
    var random = SplitMix(seed: 5)
    let bytes = BlockCodec.encode(batches)
    var refused = 0
    for _ in 0..<20_000 {
      var broken = Array(bytes.dropLast(4))
      for _ in 0...(random.next() % 3) {
        let index = 5 + Int(random.next() % UInt64(broken.count - 5))
        broken[index] = UInt8(truncatingIfNeeded: random.next())
      }
      let sum = CRC32.sum(broken.span, count: broken.count)
      for shift in 0..<4 { broken.append(UInt8(truncatingIfNeeded: sum >> UInt32(8 * shift))) }
      do {
        let decoded = try BlockCodec.decode(broken.span)
        #expect(decoded.count <= BlockCodec.batchLimit)
        #expect(decoded.reduce(0) { $0 + $1.samples.count } <= BlockCodec.sampleLimit)
      } catch {
        refused += 1
      }
    }
    #expect(refused > 10_000)
  }

  /// Constants: two bytes a series, whatever number of batches has them.
  private func claim(batches: UInt64, series: UInt64, samples: UInt64, version: UInt8 = 3)
    -> [UInt8]
  {
    var writer = ByteWriter()
    writer.raw(Array("IMLH".utf8) + [version])
    for number in [batches, series, 1, samples] { writer.varint(number) }
    writer.raw([UInt8](repeating: 7, count: 8) + [0, 2, 0, 2])
    for _ in 0..<series { writer.raw([0xc0, 0]) }
    let sum = CRC32.sum(writer.bytes.span, count: writer.bytes.count)
    for shift in 0..<4 { writer.byte(UInt8(truncatingIfNeeded: sum >> UInt32(8 * shift))) }
    return writer.bytes
  }

  @Test func aFewBytesNeverBecomeMoreThanWhatIsEverWritten() throws {
    let most = claim(batches: 1_000, series: 100, samples: 100_000)
    #expect(try BlockCodec.decode(most.span).count == 1_000)
    for (batches, series, samples) in [
      (1_001, 100, 100_100), (10_000, 1_600, 16_000_000), (1_000, 1_100, 1_100_000),
      (1_000, 1_100, 1_000_000),
    ] as [(UInt64, UInt64, UInt64)] {
      let bytes = claim(batches: batches, series: series, samples: samples)
      #expect(bytes.count < 5_000)
      #expect(throws: BlockError.self) { try BlockCodec.decode(bytes.span) }
      #expect(throws: BlockError.self) {
        try BlockCodec.columns(in: bytes.span, range: Int64.min...Int64.max) { _ in true }
      }
    }
  }

  /// A damaged byte is no newer version.
  @Test func onlyWholeBytesAreOfANewerManager() {
    var bytes = claim(batches: 1, series: 1, samples: 1, version: 4)
    for isNewer in [true, false] {
      #expect {
        try BlockCodec.decode(bytes.span)
      } throws: {
        ($0 as? BlockError)?.isNewer == isNewer
      }
      bytes[9] ^= 1
    }
  }

  @Test func randomBatchesComeBackAsTheyWere() throws {
    var random = SplitMix(seed: 3)
    for _ in 0..<60 {
      let batches = randomBatches(&random)
      let bytes = BlockCodec.encode(batches)
      #expect(try BlockCodec.decode(bytes.span) == batches)
      var expected: [SeriesID: [HistoryPoint]] = [:]
      let wanted = Set((0..<30).map { _ in UInt32(random.next() % 100) })
      for batch in batches {
        for sample in batch.samples where wanted.contains(sample.series) {
          expected[sample.series, default: []].append(
            HistoryPoint(nanoseconds: batch.nanoseconds, source: sample.source, bits: sample.bits))
        }
      }
      #expect(try BlockCodec.columns(for: wanted, in: bytes.span) == expected)
    }
  }

  private func randomBatches(_ random: inout SplitMix) -> [StoredBatch] {
    var order = random.next() >> (random.next() % 60 + 1)
    return (0..<(random.next() % 130)).map { _ in
      order &+= random.next() % 3 == 0 ? 2 : 1
      var samples: [StoredSample] = []
      for series in UInt32(0)..<100 where random.next() % 4 != 0 {
        let bits =
          switch series % 4 {
          case 0: UInt64(series)
          case 1: order &* 1_000
          case 2: random.next()
          default: random.next() % 3
          }
        samples.append(
          StoredSample(series: series, source: random.next() % 20 == 0 ? 2 : 1, bits: bits))
      }
      return StoredBatch(
        order: order, nanoseconds: Int64(bitPattern: random.next()), samples: samples)
    }
  }

  @Test func aSeriesThatABatchHoldsTwiceKeepsTheLastValue() throws {
    let samples = [
      StoredSample(series: 1, source: 1, bits: 1), StoredSample(series: 1, source: 2, bits: 2),
    ]
    let bytes = BlockCodec.encode([StoredBatch(order: 1, nanoseconds: 0, samples: samples)])
    #expect(try BlockCodec.decode(bytes.span).first?.samples == [samples[1]])
  }
}
