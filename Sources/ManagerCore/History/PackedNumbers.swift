import Protocol

/// Integers in as few bits as each stretch of them needs, as `IntegerColumn` packs its differences
/// or values. Bits as in `BitWriter`. Until all numbers are told:
///
/// ```
/// gamma(z + 1)   z zeros; when these were the last numbers, nothing follows
/// gamma(n)       n numbers, of which the first and the last are not 0
/// 2 bits         how each of them is told
///   0 plain      base, width; the number minus the base, in width bits
///   1 sparse     base, width; a bit, 0 for a 0; else 1 and the number minus the base as above, a
///                positive number less one, since none is 0
///   2 lengths    least length - 1 (6 bits), width (3 bits); a bit, 0 for a 0; else 1, the length of
///                the number's zigzag minus the least one (width bits), the zigzag without its
///                highest bit
/// base           length of its zigzag (7 bits), the zigzag
/// width          7 bits
/// ```
///
/// The last byte is filled up with zeros. A counter that works evenly is plain, a gauge that often stands
/// still sparse, and where small and large numbers are mixed lengths are the shortest.
struct PackedNumbers {
  private enum Form {
    case plain(base: Int64, width: Int)
    case sparse(base: Int64, width: Int)
    case lengths(least: Int, width: Int)
  }

  private struct Stretch {
    var zeros: Int
    var range: Range<Int>
    /// `nil` when only zeros are left.
    var form: Form?
  }

  /// So many zeros end a stretch: fewer cost less as numbers of it than the head of another one.
  private static let zerosBetween = 8

  private let numbers: [Int64]
  private var stretches: [Stretch] = []
  private var bits = 0

  init(_ numbers: [Int64]) {
    self.numbers = numbers
    var place = 0
    while place < numbers.count {
      let begin = place
      while place < numbers.count && numbers[place] == 0 { place += 1 }
      let range = place..<PackedNumbers.end(numbers, from: place)
      bits += BitWriter.gammaSize(range.lowerBound - begin + 1)
      var stretch = Stretch(zeros: range.lowerBound - begin, range: range)
      if !range.isEmpty {
        let best = Survey(numbers, range).best
        stretch.form = best.form
        bits += BitWriter.gammaSize(range.count) + 2 + best.bits
      }
      stretches.append(stretch)
      place = range.upperBound
    }
  }

  /// How many bytes it takes.
  var size: Int { (bits + 7) / 8 }

  /// Behind the last number that is not 0 before many zeros, or before the end.
  private static func end(_ numbers: [Int64], from begin: Int) -> Int {
    var end = begin
    for place in begin..<numbers.count {
      if numbers[place] != 0 {
        end = place + 1
      } else if place - end >= zerosBetween - 1 {
        break
      }
    }
    return end
  }

  private static func zigzag(_ number: Int64) -> UInt64 {
    UInt64(bitPattern: (number << 1) ^ (number >> 63))
  }

  /// What decides on the form of a stretch.
  private struct Survey {
    private let count: Int
    private var notZero = 0
    private var least = Int64.max
    private var greatest = Int64.min
    /// Of those that are not 0, where positive ones are less by one.
    private var leastSparse = Int64.max
    private var greatestSparse = Int64.min
    private var leastLength = 64
    private var greatestLength = 1
    private var lengths = 0

    init(_ numbers: [Int64], _ range: Range<Int>) {
      count = range.count
      for place in range {
        let number = numbers[place]
        least = min(least, number)
        greatest = max(greatest, number)
        if number == 0 { continue }
        let sparse = number > 0 ? number - 1 : number
        leastSparse = min(leastSparse, sparse)
        greatestSparse = max(greatestSparse, sparse)
        let length = BitWriter.length(zigzag(number))
        leastLength = min(leastLength, length)
        greatestLength = max(greatestLength, length)
        lengths += length - 1
        notZero += 1
      }
    }

    var best: (form: Form, bits: Int) {
      let plain = Survey.width(least, greatest)
      let sparse = Survey.width(leastSparse, greatestSparse)
      let width = BitWriter.length(UInt64(greatestLength - leastLength))
      let plainBits = 14 + BitWriter.length(zigzag(least)) + count * plain
      let sparseBits = 14 + BitWriter.length(zigzag(leastSparse)) + count + notZero * sparse
      let lengthsBits = 9 + count + notZero * width + lengths
      if lengthsBits < min(plainBits, sparseBits) {
        return (.lengths(least: leastLength, width: width), lengthsBits)
      }
      return sparseBits < plainBits
        ? (.sparse(base: leastSparse, width: sparse), sparseBits)
        : (.plain(base: least, width: plain), plainBits)
    }

    private static func width(_ least: Int64, _ greatest: Int64) -> Int {
      BitWriter.length(UInt64(bitPattern: greatest &- least))
    }
  }

  // MARK: Writing

  func write(into writer: inout ByteWriter) {
    var bits = BitWriter()
    for stretch in stretches {
      bits.gamma(stretch.zeros + 1)
      guard let form = stretch.form else { continue }
      bits.gamma(stretch.range.count)
      write(stretch.range, form, into: &bits)
    }
    bits.end()
    writer.raw(bits.bytes)
  }

  private func write(_ range: Range<Int>, _ form: Form, into bits: inout BitWriter) {
    switch form {
    case .plain(let base, let width):
      PackedNumbers.writeHead(0, base, width, into: &bits)
      for place in range { bits.bits(UInt64(bitPattern: numbers[place] &- base), width) }
    case .sparse(let base, let width):
      PackedNumbers.writeHead(1, base, width, into: &bits)
      for place in range {
        let number = numbers[place]
        bits.bits(number == 0 ? 0 : 1, 1)
        if number == 0 { continue }
        bits.bits(UInt64(bitPattern: (number > 0 ? number - 1 : number) &- base), width)
      }
    case .lengths(let least, let width):
      bits.bits(2, 2)
      bits.bits(UInt64(least - 1), 6)
      bits.bits(UInt64(width), 3)
      for place in range {
        let zigzag = PackedNumbers.zigzag(numbers[place])
        bits.bits(zigzag == 0 ? 0 : 1, 1)
        if zigzag == 0 { continue }
        let length = BitWriter.length(zigzag)
        bits.bits(UInt64(length - least), width)
        bits.bits(zigzag & ((1 << UInt64(length - 1)) - 1), length - 1)
      }
    }
  }

  private static func writeHead(
    _ kind: UInt64, _ base: Int64, _ width: Int, into bits: inout BitWriter
  ) {
    let zigzag = zigzag(base)
    bits.bits(kind, 2)
    bits.bits(UInt64(BitWriter.length(zigzag)), 7)
    bits.bits(zigzag, BitWriter.length(zigzag))
    bits.bits(UInt64(width), 7)
  }
}
