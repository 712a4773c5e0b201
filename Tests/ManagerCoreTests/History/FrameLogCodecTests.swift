import Protocol
import Testing

@testable import ManagerCore

/// A stream's batch as a frame carries it.
private struct Frame: Hashable {
  var stream: StreamKey
  var batch: StoredBatch
}

@Suite struct FrameLogCodecTests {
  private func written(_ frames: [Frame], perWrite: Int = .max) -> (bytes: [UInt8], writes: [Int]) {
    var encoder = FrameLogCodec.Encoder()
    var bytes: [UInt8] = []
    var writes: [Int] = []
    for (index, frame) in frames.enumerated() {
      if index.isMultiple(of: perWrite) {
        writes.append(bytes.count)
        FrameLogCodec.Encoder.begin(at: bytes.count, into: &bytes)
      }
      encoder.append(frame.batch, of: frame.stream, into: &bytes)
    }
    return (bytes, writes)
  }

  private func read(_ bytes: [UInt8], isNewest: Bool = true) -> ([Frame], FrameLogReader.Ending) {
    var reader = FrameLogReader()
    var frames: [Frame] = []
    while let (stream, batch) = reader.next(bytes.span) {
      frames.append(Frame(stream: stream, batch: batch))
    }
    return (frames, reader.ending(bytes.span, isNewest: isNewest))
  }

  /// Streams whose series come, go, change their source, and take every kind of value.
  private func random(_ count: Int, seed: UInt64) throws -> [Frame] {
    var random = SplitMix(seed: seed)
    let streams = [try stream("a"), try stream("b"), try stream("a", server: 2)]
    var orders: [UInt64] = [0, 0, 0]
    var held: [[SeriesID: StoredSample]] = [[:], [:], [:]]
    return (0..<count).map { _ in
      let place = Int.random(in: 0..<3, using: &random)
      orders[place] += random.next() % 8 == 0 ? 3 : 1
      for _ in 0..<3 {
        let series = SeriesID(truncatingIfNeeded: random.next() % 40 * (random.next() % 90 + 1))
        let isGone = random.next() % 3 == 0
        held[place][series] =
          isGone
          ? nil
          : StoredSample(series: series, source: random.next() % 4, bits: random.next())
      }
      for series in held[place].keys.sorted() where random.next() % 2 == 0 {
        held[place][series]?.bits &+= random.next() % 3 == 0 ? random.next() : random.next() % 200
      }
      let samples = held[place].values.sorted { $0.series < $1.series }
      return Frame(
        stream: streams[place],
        batch: StoredBatch(
          order: orders[place], nanoseconds: Int64(bitPattern: random.next() >> 1),
          samples: samples))
    }
  }

  @Test func theBytesOfVersionOneAreTheseForEver() throws {
    let key = try stream()
    let (bytes, _) = written([
      Frame(stream: key, batch: batch(1, [5, 300])), Frame(stream: key, batch: batch(2, [6, 300])),
    ])
    let golden = """
      494d4c4601000000090000001b0fec3500080000000000000045000000c77af5d401002430303030
      303030302d303030302d303030302d303030302d30303030303030303030303104626f6f74016101
      80a8d6b907020500000700000000000000050200ac020c0000004c0cb82301000280a8d6b9070204
      0200
      """
    #expect(hex(bytes) == hex(unhex(golden)))
    #expect(read(unhex(golden)).0.map(\.batch) == [batch(1, [5, 300]), batch(2, [6, 300])])
  }

  @Test(arguments: UInt64(1)...20) func whatIsWrittenIsRead(seed: UInt64) throws {
    let frames = try random(200, seed: seed)
    let (bytes, _) = written(frames, perWrite: 7)
    #expect(read(bytes) == (frames, .whole))
    #expect(read(bytes, isNewest: false) == (frames, .whole))
  }

  @Test func extremesAndEmptyBatchesAreRead() throws {
    let key = try stream()
    let samples = [SeriesID(0), 1, .max].map {
      StoredSample(series: $0, source: .max, bits: .max)
    }
    let batches = [
      StoredBatch(order: .max, nanoseconds: .max, samples: samples),
      StoredBatch(order: 1, nanoseconds: .min, samples: []),
      StoredBatch(order: 2, nanoseconds: 0, samples: samples + samples.suffix(1)),
      StoredBatch(
        order: 3, nanoseconds: -1,
        samples: samples.map {
          StoredSample(series: $0.series, source: 0, bits: 0)
        }),
    ]
    let frames = batches.map { Frame(stream: key, batch: $0) }
    #expect(read(written(frames).bytes) == (frames, .whole))
  }

  @Test func aSteadyServerTakesLittleMoreThanAByteASample() throws {
    let key = try stream()
    let frames = (UInt64(1)...60).map { order in
      Frame(
        stream: key,
        batch: batch(
          order, (UInt64(0)..<500).map { $0 % 5 < 3 ? $0 : $0 * 1_000 + order * ($0 % 100) }))
    }
    let bytes = written(frames).bytes.count
    #expect(Double(bytes) / 30_000 < 1.6, "\(bytes) bytes")
  }

  @Test func aFileCutAtAnyByteGivesTheBatchesBeforeAndIsTornInItsLastWriteOnly() throws {
    let frames = try random(24, seed: 3)
    let (bytes, writes) = written(frames, perWrite: 6)
    var ends: [Int] = []
    for count in 1...frames.count {
      let last = written(Array(frames.prefix(count)), perWrite: 6).bytes.count
      ends.append(last)
    }
    for length in 0..<bytes.count {
      let (found, ending) = read(Array(bytes[..<length]))
      let whole = ends.count { $0 <= length }
      #expect(found == Array(frames.prefix(whole)))
      if case .torn(let kept) = ending {
        #expect(kept <= length)
        // What is kept can be read again, and then it is whole.
        let again = read(Array(bytes[..<kept]))
        #expect(again.0 == found)
        #expect(kept == 0 || again.1 == .whole)
      } else {
        #expect(ending == .whole && (ends + writes.map { $0 + 17 } + [8, 25]).contains(length))
      }
      // The same length of a segment that was synced whole is a damage.
      if case .torn = ending, case .damaged = read(Array(bytes[..<length]), isNewest: false).1 {
        continue
      }
      #expect(ending == .whole)
    }
  }

  @Test func aDamageInWhatWasSyncedIsToldWithTheBatchesThatItTakes() throws {
    let key = try stream()
    let frames = (UInt64(1)...12).map { Frame(stream: key, batch: batch($0, [$0, 7])) }
    let (bytes, writes) = written(frames, perWrite: 4)
    // Within the second record of the second write.
    let before = written(Array(frames.prefix(5)), perWrite: 4).bytes.count
    var damaged = bytes
    damaged[before + 10] ^= 0x40
    let (found, ending) = read(damaged)
    #expect(found == Array(frames.prefix(5)))
    guard case .damaged(let damage) = ending else {
      Issue.record("\(ending)")
      return
    }
    #expect(damage.offset == before)
    #expect(damage.unreadableBytes == writes[2] - before)
    #expect(damage.lost.map(\.order) == [9, 10, 11, 12])
    #expect(damage.lost.allSatisfy { $0.stream == key && $0.samples == 2 })
  }

  @Test func aChangedByteNeverGivesABatchThatWasNotWritten() throws {
    let frames = try random(30, seed: 5)
    let (bytes, _) = written(frames, perWrite: 5)
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= UInt8(1 << (index % 8))
      let (found, ending) = read(changed)
      #expect(found == Array(frames.prefix(found.count)))
      #expect(ending != .whole)
    }
  }

  @Test(arguments: UInt64(1)...40) func noBytesTrapTheReader(seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    let (bytes, _) = written(try self.random(20, seed: seed), perWrite: 5)
    for _ in 0..<100 {
      var mutated = bytes
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        let place = Int.random(in: mutated.indices, using: &random)
        switch random.next() % 4 {
        case 0: mutated[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: mutated.remove(at: place)
        case 2: mutated.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
        default: mutated.removeSubrange(place..<min(mutated.count, place + 9))
        }
      }
      _ = read(mutated)
      _ = read(mutated, isNewest: false)
    }
  }

  @Test(arguments: UInt64(1)...40) func noBodyWithARightSumTrapsTheReader(seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    let (bytes, _) = written(try self.random(3, seed: seed))
    // The last record's body is changed and its sum made right again: its values are believed.
    let start = written(Array(try self.random(3, seed: seed).prefix(2))).bytes.count
    for _ in 0..<200 {
      var mutated = bytes
      for _ in 0..<3 {
        let place = Int.random(in: (start + 9)..<mutated.count, using: &random)
        mutated[place] = UInt8(truncatingIfNeeded: random.next())
      }
      let body = Array(mutated[(start + 8)...])
      let sum = CRC32.sum(body.span, count: body.count)
      for index in 0..<4 {
        mutated[start + 4 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * index))
      }
      _ = read(mutated)
      _ = read(mutated, isNewest: false)
    }
  }
}
