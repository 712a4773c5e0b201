import Protocol
import Testing

@testable import ManagerCore

@Suite struct PackedNumbersTests {
  private func coded(_ numbers: [Int64]) -> [UInt8] {
    var writer = ByteWriter()
    let packed = PackedNumbers(numbers)
    packed.write(into: &writer)
    #expect(writer.bytes.count == packed.size)
    return writer.bytes
  }

  private func decoded(_ bytes: [UInt8], count: Int) throws -> [Int64] {
    var cursor = ByteCursor()
    var numbers: [UInt64] = []
    try PackedNumbers.decode(bytes.span, &cursor, count: count, into: &numbers)
    #expect(cursor.index == bytes.count)
    return numbers.map(Int64.init(bitPattern:))
  }

  /// Stretches as a load has them, of every magnitude.
  private func numbers(_ random: inout SplitMix) -> [Int64] {
    var numbers: [Int64] = []
    for _ in 0..<(random.next() % 6) {
      numbers += repeatElement(0, count: Int(random.next() % 30))
      let shift = random.next() % 64
      let base = Int64(bitPattern: random.next()) >> Int64(random.next() % 64)
      let kind = random.next() % 4
      for _ in 0..<(random.next() % 40) {
        let noise = Int64(bitPattern: random.next()) >> Int64(shift)
        switch kind {
        case 0: numbers.append(base &+ noise)
        case 1: numbers.append(random.next() % 2 == 0 ? 0 : noise)
        case 2: numbers.append(noise >> Int64(random.next() % 64))
        default: numbers.append([.min, .max, 0, -1, 1][Int(random.next() % 5)])
        }
      }
    }
    return numbers
  }

  @Test func whatIsPackedComesBack() throws {
    var random = SplitMix(seed: 21)
    for _ in 0..<2_000 {
      let numbers = numbers(&random)
      #expect(try decoded(coded(numbers), count: numbers.count) == numbers)
    }
    for numbers: [Int64] in [[], [0], [1], [.min], [.max, .min], [0, 0, .min, 0]] {
      #expect(try decoded(coded(numbers), count: numbers.count) == numbers)
    }
  }

  @Test(
    arguments: [
      // Two zeros; three numbers of one bit above 100.
      ([0, 0, 100, 101, 100], "3608e48000"),
      // Half of them zeros, between -2 and 2.
      ([1, 0, -2, 0, 2, 0, -1, 0, 0, 1, 0, 0, 0, -2, 0, 0, 2, 0, 1], "e124585071a30857"),
      // Small and large ones.
      (
        [1, -1, 0, 0, 1 << 40, 0, 1, -3, 1, 0, 0, 1, 1, -1, 1, 2, 1],
        "61087820c01400000000808142030c0c04060a0c00"
      ),
      ([0, 0, 0, 0, 0, 0, 0], "08"),
    ] as [([Int64], String)])
  func theBytesNeverChange(_ numbers: [Int64], _ golden: String) throws {
    #expect(hex(coded(numbers)) == hex(unhex(golden)))
    #expect(try decoded(unhex(golden), count: numbers.count) == numbers)
  }

  @Test func evenWorkTakesTheBitsOfItsSpread() {
    var random = SplitMix(seed: 2)
    let numbers = (0..<100).map { _ in Int64(1_000_000 + random.next() % 1_024) }
    // Ten bits each, and some five bytes that say so.
    #expect(coded(numbers).count <= 125 + 8)
    #expect(coded(numbers + repeatElement(0, count: 1_000)).count <= 125 + 11)
  }

  @Test func nonsenseNeitherTrapsNorMakesMoreThanWasAskedFor() {
    var random = SplitMix(seed: 8)
    var refused = 0
    for round in 0..<30_000 {
      var bytes =
        round % 2 == 0
        ? (0..<(random.next() % 40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        : coded(numbers(&random))
      for _ in 0...(random.next() % 3) where !bytes.isEmpty {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      let count = Int(random.next() % 200)
      var found: [UInt64] = []
      var cursor = ByteCursor()
      do {
        try PackedNumbers.decode(bytes.span, &cursor, count: count, into: &found)
        #expect(found.count == count)
      } catch {
        refused += 1
      }
      #expect(found.count <= count)
    }
    #expect(refused > 1_000)
  }

  @Test func aFewBytesThatClaimManyNumbersAreRefused() {
    // 2^31 zeros; a stretch of 2^31 numbers of no bits.
    for bytes: [UInt8] in [
      [0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xff], [1, 0, 0, 0, 0xff, 0xff, 0xff],
    ] {
      #expect(throws: WireError.self) { try decoded(bytes, count: 100) }
    }
  }
}
