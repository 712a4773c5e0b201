import Foundation
import Protocol
import Testing

@testable import AgentCore

/// Whatever takes bytes of others is fuzzed. A parser that is new in the sources and missing here
/// fails the test; so does one that is here and gone.
@Suite struct ParserCountTests {
  /// Each parser, and the `ParserInput` or the suite whose seeds mutate what it is given.
  static let fuzzed: [String: String] = [
    "DevicesParser.parse": "devices", "ExportUUIDParser.parse": "uuid",
    "HealthParser.parse": "health_check", "HostParsers.loadavg": "loadavg",
    "HostParsers.meminfo": "meminfo", "HostParsers.netDev": "net/dev",
    "HostParsers.osRelease": "os-release", "HostParsers.processors": "cpuinfo",
    "HostParsers.stat": "stat", "ImportParser.parse": "import", "LNetParser.interfaces": "nis",
    "LNetParser.peers": "peers", "LNetParser.stats": "lnet stats",
    "LiveFileSystemParser.parse": "live", "LustreVersion.init": "version",
    "MountEntry.values": "mountinfo", "MountParser.mountinfo": "mountinfo",
    "MountParser.mounts": "mounts",
    "NIDList.parse": "NIDs", "RecoveryParser.parse": "recovery_status",
    "ScalarParser.bits": "scalar", "ScalarParser.number": "scalar",
    "ScalarParser.text": "scalar", "StatsParser.parse": "stats", "TargetLabel.init": "label",
    "TargetLabel.registered": "label", "Leftovers.cut": "leftover", "Leftovers.keep": "leftover",
    "JobName.text": "job name", "JobStatsScanner.finish": "job_stats",
    "JobStatsScanner.scan": "job_stats", "JobStatsScanner.skipLine": "job_stats",
    "RecordReader.feed": "SegmentFuzzTests", "SegmentScan.feed": "SegmentFuzzTests",
  ]

  @Test func everyParserIsFuzzed() throws {
    var found: Set<String> = []
    for folder in ["Parsing", "Jobs", "Spool"] { found.formUnion(try Self.parsers(in: folder)) }
    #expect(found == Set(Self.fuzzed.keys))
    let known = Set(ParserInput.all.map(\.description)).union(["SegmentFuzzTests"])
    #expect(Set(Self.fuzzed.values) == known)
  }

  /// `Type.function` of everything that a file of the folder offers and that takes bytes or a text.
  private static func parsers(in folder: String) throws -> Set<String> {
    let sources = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../../Sources/AgentCore/\(folder)").standardized
    let files = try FileManager.default.contentsOfDirectory(
      at: sources, includingPropertiesForKeys: nil)
    #expect(files.count > 3, "\(sources.path)")
    let type = /^package (?:struct|enum|final class) (\w+)/
    let taker =
      /^  package (?:(?:static|mutating) )*(?:func (\w+)|init\??)(?:<[^>]*>)?\(\s*_ \w+: (?:Span<UInt8>|\[UInt8\]|String)[,)\s]/
    var found: Set<String> = []
    for file in files where file.pathExtension == "swift" {
      var name = ""
      let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      for (index, line) in lines.enumerated() {
        if let match = line.firstMatch(of: type) { name = String(match.1) }
        // Arguments may stand on the next line.
        let declaration =
          line.hasSuffix("(") ? "\(line)\(lines.dropFirst(index + 1).first ?? "") " : "\(line) "
        if let match = declaration.firstMatch(of: taker), !name.isEmpty {
          found.insert("\(name).\(match.1.map(String.init) ?? "init")")
        }
      }
    }
    return found
  }
}

/// Segments of the spool with bytes changed, cut, repeated: read, or told as damaged.
@Suite struct SegmentFuzzTests {
  private static let life = Life(boot: BootID("boot"), incarnation: "one")

  private static func segment() throws -> [UInt8] {
    let stamp = Stamp(bootNanoseconds: 5, wallNanoseconds: 7)
    var encoder = SampleEncoder()
    let declaration = SeriesDeclaration(
      key: SeriesKey(subject: .server, metric: "m"), kind: .gauge, unit: "1")
    let held = HeldLife(
      boot: life.boot, incarnation: "zero", firstOrder: 2, lastOrder: 9, firstStamp: stamp,
      lastStamp: stamp, lost: [LostBatches(from: 3, through: 4, samples: nil)])
    var bytes = SegmentFormat.beginning(SegmentFormat.Header(life: life, stamp: stamp))
    bytes += SegmentFormat.record(.losses, try CanonicalJSON.encode([held]))
    bytes += SegmentFormat.record(.declarations, DeclarationCodec.encode([0: declaration]))
    for order in 1...6 as ClosedRange<UInt64> {
      bytes += SegmentFormat.record(
        .batch,
        encoder.encode(SampleBatch(order: order, stamp: stamp, ids: [0], bits: [order * 3])))
    }
    return bytes
  }

  /// Mutations with the sums put right would be read as what they say; here nearly all are found out.
  @Test func noMutationTrapsTheScan() throws {
    let whole = try Self.segment()
    var random = SeededBytes(seed: 0x5e6_3e47)
    var sound = 0
    for _ in 0..<4_000 {
      let bytes = random.mutate(whole)
      var scan = SegmentScan(number: 1)
      var position = 0
      while position < bytes.count {
        let end = min(bytes.count, position + 1 + random.below(200))
        scan.feed(Array(bytes[position..<end]))
        position = end
      }
      if case .segment(let segment, _) = scan.finished() {
        sound += 1
        #expect(segment.orders.upperBound <= 6 && segment.bytes <= bytes.count)
      }
    }
    #expect(sound > 100 && sound < 4_000)
  }

  @Test func everyCutKeepsTheBatchesBeforeIt() throws {
    let whole = try Self.segment()
    var last: UInt64 = 0
    for end in 0...whole.count {
      var scan = SegmentScan(number: 1)
      scan.feed(Array(whole[..<end]))
      guard case .segment(let segment, let ending) = scan.finished() else { continue }
      #expect(segment.orders.upperBound >= last)
      #expect(ending.tornBytes == end - segment.bytes)
      last = segment.orders.upperBound
    }
    #expect(last == 6)
  }

  /// Records whose sums are right and whose bodies are noise: what a torn disk can not make, and a
  /// hostile writer can.
  @Test func noiseWithARightSumTrapsNothing() throws {
    var random = SeededBytes(seed: 77)
    let stamp = Stamp(bootNanoseconds: 5, wallNanoseconds: 7)
    for _ in 0..<2_000 {
      var bytes = SegmentFormat.beginning(SegmentFormat.Header(life: Self.life, stamp: stamp))
      for _ in 0..<4 {
        let kinds: [SegmentFormat.Kind] = [.header, .declarations, .batch, .losses]
        bytes += SegmentFormat.record(kinds[random.below(4)], random.noise(random.below(40)))
      }
      var scan = SegmentScan(number: 1)
      scan.feed(bytes)
      _ = scan.finished()
    }
  }
}

/// SplitMix64: the same bytes for the same seed.
private struct SeededBytes {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }

  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(max(1, limit))) }
  mutating func noise(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }

  mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0...below(3) {
      let place = below(bytes.count + 1)
      switch below(4) {
      case 0 where place < bytes.count: bytes[place] = UInt8(truncatingIfNeeded: next())
      case 1: bytes.removeSubrange(place..<min(bytes.count, place + below(30)))
      case 2: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 40)], at: place)
      default: bytes.insert(UInt8(truncatingIfNeeded: next()), at: place)
      }
    }
    return bytes
  }
}
