import Protocol
import Testing

@testable import ManagerCore

let second: Int64 = 1_000_000_000

func hex(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

func unhex(_ text: String) -> [UInt8] {
  var nibbles: [UInt8] = []
  for character in text {
    guard let nibble = character.hexDigitValue else { continue }
    nibbles.append(UInt8(nibble))
  }
  return stride(from: 0, to: nibbles.count - 1, by: 2).map { nibbles[$0] << 4 | nibbles[$0 + 1] }
}

func stream(_ incarnation: String = "a", server: Int = 1) throws -> StreamKey {
  let id = try #require(ServerID("00000000-0000-0000-0000-00000000000\(server)"))
  return StreamKey(server: id, boot: BootID("boot"), incarnation: incarnation)
}

func moment(_ seconds: Int64) -> Moment {
  Moment(monotonicNanoseconds: seconds * second, wallNanoseconds: seconds * second)
}

/// A batch of one second, holding `values` for series 0, 1, 2 …
func batch(_ order: UInt64, _ values: [UInt64] = [1], source: UInt64 = 7) -> StoredBatch {
  StoredBatch(
    order: order, nanoseconds: Int64(truncatingIfNeeded: order) &* second,
    samples: values.enumerated().map {
      StoredSample(series: UInt32($0.offset), source: source, bits: $0.element)
    })
}

func counter(
  _ metric: String = "m", labels: [String: String] = [:], kind: SeriesKind = .counter,
  unit: String = "bytes", decimals: UInt8 = 0, width: UInt8 = 64
) -> StoredSeries {
  StoredSeries(
    subject: .target("t1"), metric: metric, labels: labels, kind: kind, unit: unit,
    decimals: decimals, width: width)
}
