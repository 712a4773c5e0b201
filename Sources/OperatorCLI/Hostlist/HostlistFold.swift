/// Many names as few words: `oss[01-04,07]`. What a list expands to folds to an equal set.
enum HostlistFold {
  static func text(_ names: some Sequence<String>) -> String {
    var seen: Set<String> = []
    let pieces = names.filter { seen.insert($0).inserted }.map(Pieces.init)
    return groups(pieces).flatMap(boxes).map(\.text).joined(separator: ",")
  }

  /// A name cut at its numbers.
  private struct Pieces {
    /// One more than there are numbers.
    var literals: [String] = [""]
    var numbers: [(value: UInt64, length: Int, hasZeros: Bool)] = []

    init(_ name: String) {
      var digits = ""
      for scalar in name.unicodeScalars {
        if ("0"..."9").contains(scalar) {
          digits.unicodeScalars.append(scalar)
        } else {
          take(&digits)
          literals[literals.count - 1].unicodeScalars.append(scalar)
        }
      }
      take(&digits)
    }

    private mutating func take(_ digits: inout String) {
      defer { digits = "" }
      guard !digits.isEmpty else { return }
      // What no range could hold stays text.
      guard digits.utf8.count <= 18, let value = UInt64(digits) else {
        literals[literals.count - 1] += digits
        return
      }
      let hasZeros = digits.utf8.count > 1 && digits.hasPrefix("0")
      numbers.append((value, digits.utf8.count, hasZeros))
      literals.append("")
    }
  }

  /// Names that differ in their numbers alone, zeros included.
  private struct Shape: Hashable {
    var literals: [String]
    /// 0 where a number stands without zeros.
    var widths: [Int]
  }

  private static func groups(_ all: [Pieces]) -> [(Shape, [[UInt64]])] {
    // A number of two digits beside `01` is of the same row: its width is known by the others.
    var padded: [[String]: [Set<Int>]] = [:]
    for pieces in all {
      var widths =
        padded[pieces.literals] ?? [Set<Int>](repeating: [], count: pieces.numbers.count)
      for (place, number) in pieces.numbers.enumerated() where number.hasZeros {
        widths[place].insert(number.length)
      }
      padded[pieces.literals] = widths
    }
    var places: [Shape: Int] = [:]
    var groups: [(Shape, [[UInt64]])] = []
    for pieces in all {
      let known = padded[pieces.literals] ?? []
      let shape = Shape(
        literals: pieces.literals,
        widths: zip(pieces.numbers, known).map { number, widths in
          widths.contains(number.length) ? number.length : 0
        })
      let place = places[shape] ?? groups.count
      if place == groups.count {
        places[shape] = place
        groups.append((shape, []))
      }
      groups[place].1.append(pieces.numbers.map(\.value))
    }
    return groups
  }

  /// All combinations of some numbers at each place.
  private struct Box {
    var shape: Shape
    var axes: [[UInt64]]

    var text: String {
      zip(axes, shape.widths).enumerated().reduce(into: shape.literals[0]) { text, axis in
        let (place, (numbers, width)) = axis
        text += Box.text(numbers, width) + shape.literals[place + 1]
      }
    }

    private static func text(_ numbers: [UInt64], _ width: Int) -> String {
      let runs = numbers.reduce(into: [ClosedRange<UInt64>]()) { runs, number in
        if let last = runs.last, last.upperBound + 1 == number {
          runs[runs.count - 1] = last.lowerBound...number
        } else {
          runs.append(number...number)
        }
      }
      let words = runs.map { run in
        let first = HostlistPattern.padded(run.lowerBound, to: width)
        return run.count == 1
          ? first : "\(first)-\(HostlistPattern.padded(run.upperBound, to: width))"
      }
      return numbers.count == 1 ? words.joined() : "[\(words.joined(separator: ","))]"
    }
  }

  /// Joins rows along one place after the other, the last first; what they hold never changes.
  private static func boxes(_ shape: Shape, _ rows: [[UInt64]]) -> [Box] {
    var all = rows.map { $0.map { [$0] } }
    for place in shape.widths.indices.reversed() {
      var found: [[[UInt64]]: Int] = [:]
      var joined: [[[UInt64]]] = []
      for box in all {
        var others = box
        others[place] = []
        if let known = found[others] {
          joined[known][place] += box[place]
        } else {
          found[others] = joined.count
          joined.append(box)
        }
      }
      for index in joined.indices { joined[index][place].sort() }
      all = joined
    }
    return all.map { Box(shape: shape, axes: $0) }
  }
}
