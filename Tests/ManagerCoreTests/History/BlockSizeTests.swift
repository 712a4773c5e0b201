import Testing

@testable import ManagerCore

@Suite struct BlockSizeTests {
  /// 1,000 series over two minutes: 60 % stand still, 30 % are counters with bursts of MiB-sized
  /// writes, 10 % are gauges that waver by a percent. Measured: 1.00 bytes a sample.
  @Test func aMixedLoadTakesLittleMoreThanAByteASample() throws {
    var random = SplitMix(seed: 9)
    var values = (0..<1_000).map { _ in random.next() >> 24 }
    var bursts = [Bool](repeating: false, count: 1_000)
    let batches = (1...120).map { order in
      for index in 600..<900 {
        if random.next() % 10 == 0 { bursts[index].toggle() }
        if bursts[index] { values[index] += (1 + random.next() % 200) << 20 }
      }
      for index in 900..<1_000 { values[index] = 5_000_000 + random.next() % 50_000 }
      let jitter = Int64(random.next() % 2_000_000)
      return StoredBatch(
        order: UInt64(order), nanoseconds: Int64(order) * second + jitter,
        samples: values.enumerated().map {
          StoredSample(series: UInt32($0.offset), source: UInt64($0.offset % 7), bits: $0.element)
        })
    }
    let bytes = BlockCodec.encode(batches)
    let perSample = Double(bytes.count) / 120_000
    print("mixed load: \(bytes.count) bytes, \(perSample) bytes a sample")
    #expect(perSample < 1.2)
    #expect(try BlockCodec.decode(bytes.span) == batches)
  }

  @Test func aConstantSeriesTakesATenthOfAByteASample() {
    let batches = (1...120).map { batch(UInt64($0), [UInt64](repeating: 8_000_000, count: 1_000)) }
    let bytes = BlockCodec.encode(batches)
    #expect(Double(bytes.count) / 120_000 < 0.1)
  }
}
