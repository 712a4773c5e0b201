import Protocol
import Testing

@testable import ManagerCore

/// Blocks of version 3, and those that earlier ones left behind.
@Suite struct PackedBlockTests {
  /// A counter in a burst, constants beside it, a reset, and series that are not in all batches.
  private func batches(_ count: UInt64 = 20) -> [StoredBatch] {
    var random = SplitMix(seed: 4)
    var written: UInt64 = 1 << 40
    return (1...count).map { order in
      if order % 10 < 7 { written += (900 + random.next() % 200) << 12 }
      var samples = [
        StoredSample(series: 3, source: 0x11, bits: 5),
        StoredSample(series: 4, source: 0x11, bits: 6),
        StoredSample(series: 5, source: 0x22, bits: written),
        StoredSample(series: 6, source: order < 9 ? 0x22 : 0x33, bits: order < 9 ? order : 0),
      ]
      if order > 4 { samples.append(StoredSample(series: 7, source: 0x22, bits: 9)) }
      if order % 3 == 0 { samples.append(StoredSample(series: 90, source: 0x11, bits: order)) }
      samples.append(StoredSample(series: 91, source: 0x11, bits: 1 << 63))
      return StoredBatch(order: order, nanoseconds: Int64(order) * 10 * second, samples: samples)
    }
  }
  private let goldenOfThree = """
    494d4c48031407037a1100000000000000220000000000000033000000000000000202020011028090dfc04a8090dfc0
    4a001180030ac00c601b0180809b8480400ce1b41039a2d690a8370e22409a4b1fd25e68898a540d020108020c020200
    0511100009c2030410121152070024490206060003c0ffffffffffffffffff011ab6e37b
    """

  @Test func theBytesOfVersionThreeNeverChange() throws {
    #expect(hex(BlockCodec.encode(batches())) == hex(unhex(goldenOfThree)))
    #expect(try BlockCodec.decode(unhex(goldenOfThree).span) == batches())
  }

  /// An amount of pages, which is not worth packing.
  private let goldenOfTwo = """
    494d4c48 02 02 01 01 02
    1100000000000000
    01 02 02
    03 80a8d6b907 09 cab5ee01
    07 05 18 00 02 0c 02
    6d462137
    """

  @Test func theBytesOfVersionTwoNeverChange() throws {
    let batches = [UInt64(1), 4_097].enumerated().map { index, bits in
      StoredBatch(
        order: UInt64(index) + 1, nanoseconds: Int64(index + 1) * second,
        samples: [StoredSample(series: 7, source: 0x11, bits: bits)])
    }
    #expect(hex(BlockCodec.encode(batches)) == hex(unhex(goldenOfTwo)))
    #expect(try BlockCodec.decode(unhex(goldenOfTwo).span) == batches)
  }

  @Test func eachSeriesIsFoundWithoutTheOthers() throws {
    let bytes = BlockCodec.encode(batches())
    #expect(bytes[4] == 3)
    #expect(try BlockCodec.series(in: bytes.span) == [3, 4, 5, 6, 7, 90, 91])
    for series in SeriesID(2)...92 {
      let found = try BlockCodec.columns(for: [series], in: bytes.span)[series] ?? []
      let expected = batches().flatMap { batch in
        batch.samples.filter { $0.series == series }.map {
          HistoryPoint(nanoseconds: batch.nanoseconds, source: $0.source, bits: $0.bits)
        }
      }
      #expect(found == expected, "series \(series)")
    }
  }

  @Test func nonsenseUnderAValidChecksumNeitherTrapsNorSwallowsMemory() {
    var random = SplitMix(seed: 6)
    let bytes = BlockCodec.encode(batches())
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
        _ = try BlockCodec.columns(for: [6, 91], in: broken.span)
      } catch {
        refused += 1
      }
    }
    #expect(refused > 1_000)
  }

  @Test func aBurstTakesTheBitsOfItsSpread() {
    var random = SplitMix(seed: 1)
    var written = [UInt64](repeating: 1 << 40, count: 100)
    let batches = (1...120).map { order in
      for index in written.indices { written[index] += (3_072 + random.next() % 2_048) << 12 }
      return batch(UInt64(order), written)
    }
    // Eleven bits each; whole bytes would be two.
    #expect(Double(BlockCodec.encode(batches).count) / 12_000 < 1.6)
  }

  @Test func aConstantTakesItsValueAndOneByte() {
    var random = SplitMix(seed: 1)
    func block(_ constants: Int) -> Int {
      BlockCodec.encode(
        (1...60).map { order in
          batch(
            UInt64(order), [random.next() >> 20] + [UInt64](repeating: 4, count: constants))
        }
      ).count
    }
    random = SplitMix(seed: 1)
    let few = block(150)
    random = SplitMix(seed: 1)
    #expect(block(250) - few == 200)
  }
}
