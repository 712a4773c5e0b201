import Protocol

/// The jobs of one reading that did most by each of the four measures, and the sum of all.
struct JobTop: Sendable {
  private struct Entry: Sendable {
    var id: [UInt8]
    var increase: JobCounters

    /// Most first; of equals the name that sorts first, so that the answer is one.
    func isAbove(_ other: Entry, by measure: JobMeasure) -> Bool {
      let (mine, others) = (increase[measure], other.increase[measure])
      return mine != others ? mine > others : id.lexicographicallyPrecedes(other.id)
    }
  }

  private let limit: Int
  /// By measure, in the order of `JobMeasure.allCases`; each a heap with the lowest in front.
  private var heaps: [[Entry]]
  private(set) var total = JobCounters()
  private(set) var active: UInt64 = 0

  init(limit: Int) {
    self.limit = max(0, limit)
    heaps = [[Entry]](repeating: [], count: JobMeasure.allCases.count)
  }

  mutating func add(_ id: [UInt8], _ increase: JobCounters) {
    if increase.isZero { return }
    active += 1
    total += increase
    for (place, measure) in JobMeasure.allCases.enumerated() {
      let value = increase[measure]
      if value == 0 { continue }
      // Nearly every job is told here by one comparison.
      if heaps[place].count == limit, let lowest = heaps[place].first,
        lowest.increase[measure] > value
      {
        continue
      }
      enter(Entry(id: id, increase: increase), place, measure)
    }
  }

  private mutating func enter(_ entry: Entry, _ place: Int, _ measure: JobMeasure) {
    if heaps[place].count < limit {
      heaps[place].append(entry)
      rise(place, measure)
    } else if let lowest = heaps[place].first, entry.isAbove(lowest, by: measure) {
      heaps[place][0] = entry
      sink(place, measure)
    }
  }

  private mutating func rise(_ place: Int, _ measure: JobMeasure) {
    var child = heaps[place].count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heaps[place][parent].isAbove(heaps[place][child], by: measure) else { return }
      heaps[place].swapAt(parent, child)
      child = parent
    }
  }

  private mutating func sink(_ place: Int, _ measure: JobMeasure) {
    var parent = 0
    while true {
      var lowest = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heaps[place].count {
        if heaps[place][lowest].isAbove(heaps[place][child], by: measure) { lowest = child }
      }
      if lowest == parent { return }
      heaps[place].swapAt(parent, lowest)
      parent = lowest
    }
  }

  /// All that are in any of the four lists, each once, by name; and the sum and number of the others.
  func result() -> (top: [JobIncrease], rest: JobCounters, restJobs: UInt64) {
    var named: [[UInt8]: JobCounters] = [:]
    for heap in heaps {
      for entry in heap { named[entry.id] = entry.increase }
    }
    var rest = total
    for increase in named.values { rest = rest - increase }
    let top = named.sorted { $0.key.lexicographicallyPrecedes($1.key) }
      .map { JobIncrease(job: JobName.text($0.key), increase: $0.value) }
    return (top, rest, active - UInt64(named.count))
  }
}

/// Job names are bytes that users choose.
package enum JobName {
  /// Printable UTF-8 as it is; the backslash, controls and what is no UTF-8 as `\xHH`.
  package static func text(_ bytes: [UInt8]) -> String {
    if let text = String(validating: bytes, as: UTF8.self),
      text.unicodeScalars.allSatisfy({ isPlain($0) })
    {
      return text
    }
    var text = ""
    var index = 0
    while index < bytes.count {
      let length = plainLength(bytes, index)
      if length > 0 {
        text += String(decoding: bytes[index..<(index + length)], as: UTF8.self)
        index += length
      } else {
        let digits = String(bytes[index], radix: 16, uppercase: true)
        text += "\\x" + (digits.utf8.count < 2 ? "0" : "") + digits
        index += 1
      }
    }
    return text
  }

  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate,
      .unassigned:
      false
    default: scalar != "\\"
    }
  }

  /// Bytes of the plain scalar at `index`; 0 when there is none.
  private static func plainLength(_ bytes: [UInt8], _ index: Int) -> Int {
    for length in 1...4 where index + length <= bytes.count {
      if let text = String(validating: bytes[index..<(index + length)], as: UTF8.self),
        let scalar = text.unicodeScalars.first
      {
        return isPlain(scalar) ? length : 0
      }
    }
    return 0
  }
}
