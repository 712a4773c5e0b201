import Protocol
import Testing

@testable import ManagerCore

/// Drives the head with whatever can come, beside a plain list of everything that came.
@Suite struct PackedHeadTests {
  /// What came, spelt out, and where it is now.
  private struct Model {
    var held: [StreamKey: [UInt64: StoredBatch]] = [:]
    var inFlight: [(block: HistoryBlock, batches: [StoredBatch])] = []
    var stored: [StreamKey: [StoredBatch]] = [:]

    func points(_ wanted: Set<SeriesID>, _ range: ClosedRange<Int64>) -> [SeriesID: Set<
      HistoryPoint
    >] {
      var points: [SeriesID: Set<HistoryPoint>] = [:]
      let batches = held.values.flatMap(\.values) + inFlight.flatMap(\.batches)
      for batch in batches where range.contains(batch.nanoseconds) {
        for sample in batch.samples where wanted.contains(sample.series) {
          points[sample.series, default: []].insert(
            HistoryPoint(
              nanoseconds: batch.nanoseconds, source: sample.source, bits: sample.bits))
        }
      }
      return points
    }

    mutating func cut(_ blocks: [HistoryBlock]) throws {
      for block in blocks {
        var batches: [StoredBatch] = []
        for order in block.firstOrder...block.lastOrder {
          let batch = held[block.stream]?.removeValue(forKey: order)
          batches.append(try #require(batch))
        }
        let decoded = try BlockCodec.decode(block.bytes.span)
        #expect(decoded == batches)
        let samples = batches.reduce(0) { $0 + $1.samples.count }
        #expect(block.samples == samples)
        inFlight.append((block, batches))
      }
    }
  }

  /// A stream's series: some are new now and then, some go, some start anew, and some collectors
  /// run only every few cycles.
  private struct Source {
    var order: UInt64 = 0
    var samples: [SeriesID: StoredSample] = [:]
    /// Made, and not yet given: replays come later, in any sequence.
    var late: [StoredBatch] = []

    mutating func next(_ random: inout SplitMix, first: SeriesID) -> StoredBatch {
      order += 1
      switch random.next() % 12 {
      case 0:
        let series = first + SeriesID(random.next() % 60)
        samples[series] = StoredSample(series: series, source: random.next() % 5, bits: 0)
      case 1:
        if let gone = samples.keys.sorted().first(where: { _ in random.next() % 9 == 0 }) {
          samples[gone] = nil
        }
      case 2:
        if let reset = samples.keys.sorted().first(where: { _ in random.next() % 9 == 0 }) {
          samples[reset]?.source = random.next()
          samples[reset]?.bits = 0
        }
      default: break
      }
      for series in samples.keys.sorted() where random.next() % 6 == 0 {
        samples[series]?.bits &+= random.next() % 4 == 0 ? random.next() : random.next() % 300
      }
      let every = random.next() % 4 == 0 ? 3 : 1
      return StoredBatch(
        order: order, nanoseconds: Int64(order) * second,
        samples: samples.values.filter { Int($0.series) % every == 0 }
          .sorted { $0.series < $1.series })
    }
  }

  @Test(arguments: UInt64(1)...24) func holdsExactlyWhatCame(seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    var limits = HistoryHead.Limits()
    limits.batchesPerBlock = 20
    limits.samplesPerBlock = 700
    limits.samplesPerCut = 300
    var head = HistoryHead(limits: limits)
    var model = Model()
    let streams = try ["a", "b", "c"].map { try stream($0) } + [stream("a", server: 2)]
    var sources = streams.map { _ in Source() }
    for step in 0..<400 {
      let place = Int(random.next() % 4)
      var given: [StoredBatch] = []
      switch random.next() % 16 {
      case 0: sources[place].late.append(sources[place].next(&random, first: SeriesID(place * 100)))
      case 1, 2:
        if !sources[place].late.isEmpty {
          let index = Int(random.next() % UInt64(sources[place].late.count))
          given = [sources[place].late.remove(at: index)]
        }
      default: given = [sources[place].next(&random, first: SeriesID(place * 100))]
      }
      for batch in given {
        let result = head.append(batch, to: streams[place])
        #expect(result != .full && result != .duplicate)
        let again = head.append(batch, to: streams[place])
        #expect(again == .duplicate)
        model.held[streams[place], default: [:]][batch.order] = batch
      }
      if random.next() % 10 == 0 {
        try model.cut(head.cut(now: moment(Int64(step)), force: random.next() % 8 == 0))
      }
      if random.next() % 10 == 0, !model.inFlight.isEmpty {
        let settled = model.inFlight.remove(at: Int(random.next() % UInt64(model.inFlight.count)))
        head.stored(settled.block)
        model.stored[settled.block.stream, default: []] += settled.batches
      }
      if random.next() % 8 == 0 { try compare(head, model, &random) }
    }
    try model.cut(head.cut(now: moment(1_000), force: true))
    let isEmpty = model.held.values.allSatisfy { $0.isEmpty }
    #expect(isEmpty)
    for item in model.inFlight { head.stored(item.block) }
    #expect(head.heldBytes == 0)
  }

  private func compare(_ head: HistoryHead, _ model: Model, _ random: inout SplitMix) throws {
    let wanted = Set((0..<(random.next() % 400)).map { _ in SeriesID(random.next() % 400) })
    let from = Int64(random.next() % 100) * second
    let range = from...(from + Int64(random.next() % 200) * second)
    let found = try head.columns(for: wanted, range: range)
    let expected = model.points(wanted, range)
    let points = found.mapValues { Set($0) }
    #expect(points == expected)
    // Each once.
    let counts = found.mapValues { $0.count }
    let expectedCounts = expected.mapValues { $0.count }
    #expect(counts == expectedCounts)
  }

  @Test func aSteadyServerIsHeldAtLessThanTwoBytesASample() throws {
    let key = try stream()
    var head = HistoryHead()
    var random = SplitMix(seed: 4)
    var values = (0..<1_000).map { _ in random.next() >> 24 }
    let layout = SampleLayout(
      series: values.indices.map { SeriesID($0) }, sources: values.map { _ in 7 })
    for order in UInt64(1)...60 {
      for place in values.indices where random.next() % 7 == 0 {
        values[place] += random.next() % 100_000
      }
      _ = head.append(
        SampleRow(
          order: order, nanoseconds: Int64(order) * second, layout: layout, bits: values), to: key)
    }
    #expect(head.heldBytes < 2 * 60_000, "\(head.heldBytes) bytes")
    let blocks = head.cut(now: moment(0), force: true)
    let samples = blocks.map { $0.samples }
    #expect(samples == [60_000])
  }

  @Test func whatIsDueIsCutALittleAtATimeAndAllOfItInTheEnd() throws {
    var limits = HistoryHead.Limits()
    limits.samplesPerCut = 10
    var head = HistoryHead(limits: limits)
    let streams = try (1...9).map { try stream("a", server: $0) }
    for key in streams { _ = head.append(batch(1, [1, 2, 3, 4]), to: key) }
    let early = head.cut(now: moment(0))
    #expect(early.isEmpty)
    var cuts: [Int] = []
    for second in Int64(30)...33 { cuts.append(head.cut(now: moment(second)).count) }
    #expect(cuts == [3, 3, 3, 0])
    for key in streams { _ = head.append(batch(2, [1, 2, 3, 4]), to: key) }
    let forced = head.cut(now: moment(34), force: true)
    #expect(forced.count == 9)
  }

  @Test func moreIsCutWhenAllWouldTakeTooLong() throws {
    var limits = HistoryHead.Limits()
    limits.samplesPerCut = 1
    limits.flushNanoseconds = 10 * second
    var head = HistoryHead(limits: limits)
    for key in try (1...9).map({ try stream("a", server: $0) }) {
      _ = head.append(batch(1, [1, 2, 3]), to: key)
    }
    _ = head.cut(now: moment(0))
    var cuts: [Int] = []
    for second in Int64(10)...16 { cuts.append(head.cut(now: moment(second)).count) }
    // A fifth of 27 samples, then a fifth of what is left, and of each stream all.
    #expect(cuts == [2, 2, 1, 1, 1, 1, 1])
  }
}
