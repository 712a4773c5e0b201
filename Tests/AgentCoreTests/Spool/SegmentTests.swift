import AgentCore
import Protocol
import Testing

@Suite struct SegmentTests {
  static let life = Life(boot: BootID("b1"), incarnation: "i1")
  static let stamp = Stamp(bootNanoseconds: 5, wallNanoseconds: 7)

  /// A segment of batches 11 … 18 with two or three values each.
  static func segment() -> [UInt8] {
    var bytes = SegmentFormat.beginning(SegmentFormat.Header(life: life, stamp: stamp))
    func declaration(_ name: String) -> SeriesDeclaration {
      SeriesDeclaration(
        key: SeriesKey(subject: .server, metric: name), kind: .counter, unit: "1")
    }
    bytes += SegmentFormat.record(
      .losses,
      (try? CanonicalJSON.encode([
        HeldLife(
          boot: BootID("b0"), incarnation: "i0", firstOrder: 4, lastOrder: 3, firstStamp: stamp,
          lastStamp: stamp, lost: [LostBatches(from: 1, through: 3, samples: 30)])
      ])) ?? [])
    bytes += SegmentFormat.record(
      .declarations, DeclarationCodec.encode([0: declaration("a"), 1: declaration("b")]))
    var encoder = SampleEncoder()
    for order in UInt64(11)...18 {
      if order == 15 {
        bytes += SegmentFormat.record(
          .declarations, DeclarationCodec.encode([2: declaration("c")]))
      }
      let ids: [UInt32] = order < 15 ? [0, 1] : [0, 1, 2]
      bytes += SegmentFormat.record(.batch, encoder.encode(batch(order, ids)))
    }
    return bytes
  }

  private static func batch(_ order: UInt64, _ ids: [UInt32]) -> SampleBatch {
    SampleBatch(
      order: order,
      stamp: Stamp(bootNanoseconds: Int64(order), wallNanoseconds: Int64(order) + 100), ids: ids,
      bits: ids.map { order * 1_000 + UInt64($0) })
  }

  private func scan(_ bytes: [UInt8], by size: Int = 64) -> SegmentScan.Outcome {
    var scan = SegmentScan(number: 3)
    for start in stride(from: 0, to: bytes.count, by: size) {
      scan.feed(Array(bytes[start..<min(start + size, bytes.count)]))
    }
    return scan.finished()
  }

  /// Where each record ends, and the orders that are whole up to there.
  private func ends() -> [(offset: Int, batches: UInt64)] {
    var reader = RecordReader()
    reader.feed(Self.segment())
    var found: [(offset: Int, batches: UInt64)] = []
    var batches: UInt64 = 0
    while case .record(let kind, _) = reader.next() {
      if kind == SegmentFormat.Kind.batch.rawValue { batches += 1 }
      found.append((reader.offset, batches))
    }
    return found
  }

  @Test func theBytesOfARecordNeverChange() {
    #expect(
      SegmentFormat.record(.batch, Array("123456789".utf8)) == [
        0xa5, 0x5a, 0, 0, 0, 10, 0xca, 0x82, 0x95, 0xc3, 2,
      ] + Array("123456789".utf8))
    let beginning = SegmentFormat.beginning(
      SegmentFormat.Header(life: Self.life, stamp: Self.stamp))
    #expect(beginning.starts(with: Array("IMLSPOOL".utf8) + [1, 0xa5, 0x5a, 0, 0, 0]))
    #expect(
      String(decoding: beginning.dropFirst(20), as: UTF8.self)
        == #"{"life":{"boot":"b1","incarnation":"i1"},"#
        + #""stamp":{"bootNanoseconds":5,"wallNanoseconds":7}}"#)
  }

  @Test(arguments: [1, 7, 64, 100_000]) func aScanLearnsWhatIsThere(size: Int) throws {
    guard case .segment(let segment, let ending) = scan(Self.segment(), by: size) else {
      Issue.record("no segment")
      return
    }
    #expect(segment.life == Self.life)
    #expect(segment.orders == 11...18)
    #expect(segment.firstStamp.bootNanoseconds == 11)
    #expect(segment.lastStamp.wallNanoseconds == 118)
    #expect(segment.values(in: 11...18) == 20)
    #expect(segment.values(in: 14...15) == 5)
    #expect(segment.bytes == Self.segment().count)
    #expect(ending.damagedThrough == 0 && ending.tornBytes == 0)
    #expect(ending.losses?.first?.lost == [LostBatches(from: 1, through: 3, samples: 30)])
  }

  @Test func aSegmentCutAtAnyByteHoldsItsWholeBatches() {
    let bytes = Self.segment()
    let ends = ends()
    for length in bytes.indices {
      let whole = ends.last { $0.offset <= length }
      switch scan(Array(bytes[..<length])) {
      case .segment(let segment, let ending):
        #expect(segment.orders == 11...(10 + (whole?.batches ?? 0)))
        #expect(segment.bytes == whole?.offset)
        #expect(ending.tornBytes == length - segment.bytes)
        #expect(ending.damagedThrough == 0)
      case .unusable(_, let reason, _, _):
        #expect(whole?.batches ?? 0 == 0)
        #expect(reason == nil, "a writing that never ended is no damage")
      case .newer, .noFile: Issue.record("newer at \(length)")
      }
    }
  }

  /// A flipped bit anywhere: the batches before it are there, and those after it are counted.
  @Test func aDamagedByteLosesItsRecordAndWhatFollowsAndCountsIt() {
    let bytes = Self.segment()
    let ends = ends()
    for place in bytes.indices.dropFirst(ends[0].offset) {
      for bit in [0, 3, 7] {
        var broken = bytes
        broken[place] ^= 1 << UInt8(bit)
        let before = ends.last { $0.offset <= place }?.batches ?? 0
        // The last record is the one that a kill may leave in any state.
        let isLast = place >= ends[ends.count - 2].offset
        switch scan(broken) {
        case .segment(let segment, let ending):
          #expect(segment.orders == 11...(10 + before), "byte \(place)")
          #expect(ending.damagedThrough == (isLast ? 0 : 18), "byte \(place)")
        case .unusable(_, let reason, let life, let ending):
          #expect(before == 0, "byte \(place)")
          #expect(reason != nil && life == Self.life)
          #expect(ending.damagedThrough == 18)
        case .newer, .noFile: Issue.record("newer")
        }
      }
    }
  }

  @Test func mutatedSegmentsAreReadOrRefused() {
    var random = SpoolRandom(seed: 7)
    let bytes = Self.segment()
    var segments = 0
    for _ in 0..<4_000 {
      var broken = bytes
      for _ in 0...random.below(3) {
        let place = random.below(broken.count)
        switch random.below(4) {
        case 0: broken[place] = UInt8(random.below(256))
        case 1: broken.removeSubrange(place..<min(broken.count, place + random.below(40)))
        case 2: broken.insert(contentsOf: bytes[place % bytes.count..<bytes.count], at: place)
        default: broken.insert(UInt8(random.below(256)), at: place)
        }
        if broken.isEmpty { broken = [0] }
      }
      if case .segment(let segment, _) = scan(broken, by: 1 + random.below(300)) {
        segments += 1
        #expect(segment.orders.lowerBound == 11 && segment.orders.upperBound <= 18)
        #expect(segment.bytes <= broken.count)
      }
    }
    #expect(segments > 500)
    for _ in 0..<4_000 {
      let noise = (0..<random.below(200)).map { _ in UInt8(random.below(256)) }
      if case .segment = scan(noise) { Issue.record("noise is no segment") }
      if case .segment = scan(SegmentFormat.magic + [1] + noise) { Issue.record("nor is this") }
    }
  }

  @Test func whatIsNoSegmentSaysSo() {
    var newer = Self.segment()
    newer[8] = 2
    guard case .newer(3, newer.count) = scan(newer) else {
      Issue.record("a newer version is left alone")
      return
    }
    guard case .unusable(3, "it is no segment of a spool", nil, _) = scan(Array("hello world".utf8))
    else {
      Issue.record("no reason")
      return
    }
    // A claimed length that no memory should be had for.
    var long = SegmentFormat.magic + [1, 0xa5, 0x5a, 0xff, 0xff, 0xff, 0xff]
    long += [UInt8](repeating: 1, count: 100)
    guard case .unusable(3, .some, nil, _) = scan(long) else {
      Issue.record("a record of 4 GiB")
      return
    }
  }
}

/// SplitMix64.
struct SpoolRandom {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func below(_ limit: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return Int((z ^ (z >> 31)) % UInt64(max(1, limit)))
  }
}
