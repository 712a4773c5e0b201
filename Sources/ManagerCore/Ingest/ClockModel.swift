import Protocol

/// Turns an agent's boot clock into the manager's wall clock. The offset is the least difference
/// between receipt and sending stamp that was seen: the fastest frame travelled least. Once set it
/// is kept while the boot lasts, unless the clocks drift apart by more than `tolerance`, so that
/// times of neighbouring samples keep their true distance.
package struct ClockModel: Hashable, Codable, Sendable {
  /// Below it a better estimate is not worth bending time: 1 % of a collect cycle of 10 s.
  package static let tolerance: Int64 = 100_000_000

  package private(set) var boot: BootID
  private var offset: Int64?
  private var windowLeast: Int64?
  private var windowFrames = 0
  /// A window of frames long enough to hold a fast one (a minute of heartbeats).
  private static let window = 60

  package init(boot: BootID) { self.boot = boot }

  /// A live frame was stamped by its sender at `sent` and received at `wallNanoseconds`.
  package mutating func observed(sent: Stamp, received wallNanoseconds: Int64) {
    let difference = wallNanoseconds.boundedMinus(sent.bootNanoseconds)
    guard let current = offset else {
      offset = difference
      return
    }
    windowLeast = min(windowLeast ?? difference, difference)
    windowFrames += 1
    // A shorter way than ever seen is better knowledge; a longer one counts only when a whole
    // window says so (the manager's own clock was stepped).
    if current.boundedMinus(difference) > ClockModel.tolerance {
      offset = difference
    } else if windowFrames >= ClockModel.window, let least = windowLeast {
      if least.boundedMinus(current) > ClockModel.tolerance { offset = least }
      windowLeast = nil
      windowFrames = 0
    }
  }

  /// The manager's clock was set by so much.
  package mutating func shift(by step: Int64) {
    offset = offset?.boundedPlus(step)
    windowLeast = nil
    windowFrames = 0
  }

  /// Manager's wall clock for a moment of this boot; `nil` before the first frame.
  package func corrected(_ stamp: Stamp) -> Int64? {
    offset.map { stamp.bootNanoseconds.boundedPlus($0) }
  }

  /// Manager's wall clock minus the agent's, as of a frame's stamp; `nil` before the first frame.
  /// It follows the fastest frame, so that a frame held up on its way is not taken for a wrong clock.
  package func skew(_ stamp: Stamp) -> Int64? {
    corrected(stamp).map { $0.boundedMinus(stamp.wallNanoseconds) }
  }
}

/// Sums of what peers say of their clocks. They stay within the bounds of a stamp, so that whoever
/// takes the difference of two of them needs no care.
extension Int64 {
  func boundedMinus(_ other: Int64) -> Int64 {
    let (difference, over) = subtractingReportingOverflow(other)
    return (over ? (self < other ? .min : .max) : difference).bounded
  }

  func boundedPlus(_ other: Int64) -> Int64 {
    let (sum, over) = addingReportingOverflow(other)
    return (over ? (other < 0 ? .min : .max) : sum).bounded
  }

  private var bounded: Int64 {
    Swift.min(Swift.max(self, -WireLimits.stampNanoseconds), WireLimits.stampNanoseconds)
  }
}
