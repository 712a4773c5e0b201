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
  private var window: Window?
  /// The boot clock of the last frame.
  private var newest: Int64?

  /// Frames that tell of one time, long enough to hold a fast one.
  private struct Window: Hashable, Codable, Sendable {
    /// By the sender's boot clock: many frames that were held up together are of one moment.
    var began: Int64
    var least: Int64
    var frames = 0
    /// A minute of heartbeats.
    static let frames = 60
    static let nanoseconds: Int64 = 60_000_000_000
  }

  package init(boot: BootID) { self.boot = boot }

  /// A live frame was stamped by its sender at `sent` and received at `wallNanoseconds`.
  package mutating func observed(sent: Stamp, received wallNanoseconds: Int64) {
    let difference = wallNanoseconds.boundedMinus(sent.bootNanoseconds)
    let newestBefore = newest
    newest = sent.bootNanoseconds
    guard let current = offset else {
      offset = difference
      return
    }
    // Frames are stamped in their order, and no clock since a boot goes back, but that of a machine that was
    // put back to an earlier moment of it.
    if let newestBefore, newestBefore.boundedMinus(sent.bootNanoseconds) > ClockModel.tolerance {
      offset = difference
      window = nil
      return
    }
    var window = window ?? Window(began: sent.bootNanoseconds, least: difference)
    window.least = min(window.least, difference)
    window.frames += 1
    self.window = window
    // A shorter way than ever seen is better knowledge; a longer one counts only when a whole
    // window says so (the manager's own clock was stepped).
    if current.boundedMinus(difference) > ClockModel.tolerance {
      offset = difference
    } else if window.frames >= Window.frames,
      sent.bootNanoseconds.boundedMinus(window.began) >= Window.nanoseconds
    {
      if window.least.boundedMinus(current) > ClockModel.tolerance { offset = window.least }
      self.window = nil
    }
  }

  /// The manager's clock was set by so much.
  package mutating func shift(by step: Int64) {
    offset = offset?.boundedPlus(step)
    window = nil
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
