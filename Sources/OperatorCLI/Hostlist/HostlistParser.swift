/// One name or many: literal text and sets of numbers, in turn.
struct HostlistPattern: Hashable, Sendable {
  enum Part: Hashable, Sendable {
    case literal(String)
    /// In the order of writing, each with its zeros.
    case numbers([NumberRange])
  }
  var parts: [Part]

  /// Numbers with a fixed width where the first was written with zeros in front.
  struct NumberRange: Hashable, Sendable {
    var first: UInt64
    var last: UInt64
    var step: UInt64
    var width: Int
    var count: UInt64 { (last - first) / step + 1 }
  }

  /// How many names these are; throws beyond what a list may hold, before any is made.
  func count(at position: Int) throws(Hostlist.Malformed) -> Int {
    var total: UInt64 = 1
    for case .numbers(let ranges) in parts {
      var sum: UInt64 = 0
      for range in ranges {
        let (next, overflow) = sum.addingReportingOverflow(range.count)
        guard !overflow, next <= Hostlist.namesMax else { throw tooMany(position) }
        sum = next
      }
      // Both are at most 65,536: the product stays far below 64 bits.
      total *= sum
      guard total <= Hostlist.namesMax else { throw tooMany(position) }
    }
    return Int(total)
  }

  private func tooMany(_ position: Int) -> Hostlist.Malformed {
    Hostlist.Malformed(
      position: position, reason: "these are more than \(Hostlist.namesMax) names")
  }

  /// The last bracket turns fastest. Ask for `count` first.
  var names: [String] {
    parts.reduce([""]) { names, part in
      switch part {
      case .literal(let text): names.map { $0 + text }
      case .numbers(let ranges):
        names.flatMap { name in
          ranges.flatMap { range in
            stride(from: range.first, through: range.last, by: Int(range.step)).map {
              name + HostlistPattern.padded($0, to: range.width)
            }
          }
        }
      }
    }
  }

  static func padded(_ number: UInt64, to width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}

/// Splits a list into its terms. Positions count characters as Unicode has scalars.
struct HostlistParser {
  struct Term: Hashable, Sendable {
    enum What: Hashable, Sendable {
      case pattern(HostlistPattern)
      case group(String)
    }
    var what: What
    var isExcluded: Bool
    var position: Int
  }

  private let scalars: [Unicode.Scalar]
  private var index = 0

  /// Fits 64 bits with room to count on.
  private static let digitsMax = 18

  init(_ text: String) { scalars = Array(text.unicodeScalars) }

  private var next: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

  private func malformed(_ reason: String, at position: Int? = nil) -> Hostlist.Malformed {
    Hostlist.Malformed(position: (position ?? index) + 1, reason: reason)
  }

  mutating func terms() throws(Hostlist.Malformed) -> [Term] {
    var terms: [Term] = []
    var isExcluded = false
    while true {
      while next == " " { index += 1 }
      let position = index + 1
      let what = try term()
      terms.append(Term(what: what, isExcluded: isExcluded, position: position))
      guard let mark = next else { return terms }
      isExcluded = mark == "!"
      index += 1
    }
  }

  /// Up to the next operator, which is left where it is.
  private mutating func term() throws(Hostlist.Malformed) -> Term.What {
    let isGroup = next == "@"
    let start = index
    if isGroup { index += 1 }
    var parts: [HostlistPattern.Part] = []
    var literal = ""
    var bytes = 0
    loop: while let scalar = next {
      switch scalar {
      case ",", "!": break loop
      case "]": throw malformed("there is no bracket to close")
      case "[":
        guard !isGroup else { throw malformed("the name of a group has no brackets") }
        if !literal.isEmpty { parts.append(.literal(literal)) }
        literal = ""
        let ranges = try bracket()
        bytes += HostlistParser.digitsMax
        parts.append(.numbers(ranges))
      default:
        literal.unicodeScalars.append(scalar)
        bytes += String(scalar).utf8.count
        index += 1
      }
      guard bytes <= Hostlist.nameBytesMax else {
        throw malformed("a name has at most \(Hostlist.nameBytesMax) bytes", at: start)
      }
    }
    while literal.last == " " { literal.removeLast() }
    if isGroup {
      guard !literal.isEmpty else { throw malformed("the name of a group is missing") }
      return .group(literal)
    }
    if !literal.isEmpty { parts.append(.literal(literal)) }
    guard !parts.isEmpty else { throw malformed("a name is missing") }
    return .pattern(HostlistPattern(parts: parts))
  }

  private mutating func bracket() throws(Hostlist.Malformed) -> [HostlistPattern.NumberRange] {
    let start = index
    index += 1
    var ranges: [HostlistPattern.NumberRange] = []
    while true {
      ranges.append(try range())
      switch next {
      case ",": index += 1
      case "]":
        index += 1
        return ranges
      case nil: throw malformed("this bracket is not closed", at: start)
      default: throw malformed("in brackets stand numbers, ranges and commas")
      }
    }
  }

  private mutating func range() throws(Hostlist.Malformed) -> HostlistPattern.NumberRange {
    let start = index
    let (first, firstWidth, hasZeros) = try number()
    var range = HostlistPattern.NumberRange(
      first: first, last: first, step: 1, width: hasZeros ? firstWidth : 0)
    guard next == "-" else { return range }
    index += 1
    let (last, lastWidth, lastHasZeros) = try number()
    guard last >= first else { throw malformed("this range goes backwards", at: start) }
    guard !lastHasZeros || lastWidth == range.width else {
      throw malformed("both ends of a range have zeros to the same width", at: start)
    }
    range.last = last
    guard next == "/" else { return range }
    index += 1
    let at = index
    let (step, _, _) = try number()
    guard step > 0 else { throw malformed("a step is at least 1", at: at) }
    range.step = step
    return range
  }

  private mutating func number() throws(Hostlist.Malformed) -> (UInt64, width: Int, hasZeros: Bool)
  {
    let start = index
    while let scalar = next, ("0"..."9").contains(scalar) { index += 1 }
    let width = index - start
    guard width > 0 else {
      throw malformed(next == nil ? "the bracket ends too early" : "a number is missing")
    }
    guard width <= HostlistParser.digitsMax else {
      throw malformed("a number has at most \(HostlistParser.digitsMax) digits", at: start)
    }
    let value = scalars[start..<index].reduce(UInt64(0)) { $0 * 10 + UInt64($1.value - 0x30) }
    return (value, width, width > 1 && scalars[start] == "0")
  }
}
