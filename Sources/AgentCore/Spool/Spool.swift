import Protocol

/// What is to be done in the spool's folder, one thing at a time.
package enum SpoolWork: Hashable, Sendable {
  /// Make the folder where there is none, and scan every segment in it.
  case open
  /// Write at an offset and sync. Offset 0 makes the file, or empties it.
  case write(number: UInt64, offset: Int, bytes: [UInt8])
  case remove([UInt64])
  case read(number: UInt64, offset: Int, length: Int)
}

package enum SpoolAnswer: Sendable {
  case opened([SegmentScan.Outcome])
  case done
  case read([UInt8])
  case failed(reason: String)
}

/// The agent's spool: batches on disk until the manager has stored them. Decides what is written,
/// given up and forgotten; a shell does `nextWork` and answers.
///
/// A segment belongs to one life. It is begun with everything that is needed to read it, is only ever
/// appended to by that life, and goes as a whole: when all of it is acknowledged, or as the oldest
/// when the spool is at its limit.
package struct Spool: Sendable {
  package struct Limits: Hashable, Sendable {
    /// All segments together: at half a kilobyte a batch of 500 series, weeks of a cycle of 10 s.
    package var bytes = 64 << 20
    /// A new segment is begun at this size: 64 of them make the spool, so that giving up the oldest
    /// costs little.
    package var segmentBytes = 1 << 20
    /// What is encoded and synced at once.
    package var writeBytes = 256 << 10
    /// What is read back at once.
    package var readBytes = 64 << 10
    package init() {}
    package init(bytes: Int) { self.bytes = bytes }
  }

  /// An earlier life of which something is here, or was given up.
  struct EarlierLife: Sendable {
    var life: Life
    var acknowledged: UInt64 = 0
    var lastOrder: UInt64
    var lastStamp: Stamp
    var lost = LostRanges()
  }

  /// How the spool fares, for the agent's report.
  package struct Report: Hashable, Sendable {
    /// Why it takes nothing now.
    package var failure: String?
    /// What was found damaged since the start, at most 20.
    package var damages: [String]
  }

  private static let damagesKept = 20

  let own: Life
  let limits: Limits?
  private(set) var isOpen = false
  /// Whether opening succeeded or failed once: a hello can tell what is there.
  package private(set) var hasAnswered = false
  var segments: [SpoolSegment] = []
  var lives: [EarlierLife] = []
  var ownLost = LostRanges()
  /// The same as the next life will see it: what only memory holds is lost to it.
  var ownLostOnDisk = LostRanges()
  var ownAcknowledged: UInt64 = 0
  /// The own order up to which all that could be written is written and synced.
  var spooledThrough: UInt64 = 0
  var writer: SegmentWriter?
  var nextNumber: UInt64 = 1
  /// Grows with every change of what is lost; the version that the newest segment tells.
  var lossesVersion: UInt64 = 0
  var writtenLosses: UInt64 = 0
  var removals: [UInt64] = []
  var wantedRead: (number: UInt64, offset: Int, length: Int)?
  private var inFlight: SpoolWork?
  var pendingWrite: PendingWrite?
  private var failure: String?
  /// After a failure it is tried again with the next batch.
  private var failedAtOrder: UInt64 = 0
  /// What was given up goes before more is written, once that is written down.
  private var removesNext = false
  private var removalFailure: (reason: String, atOrder: UInt64)?
  private var foreignBytes = 0
  private(set) var damages: [String] = []

  /// - Parameter limits: `nil`: nothing is spooled.
  package init(own: Life, limits: Limits?) {
    self.own = own
    self.limits = limits
    hasAnswered = limits == nil
  }

  package var report: Report {
    Report(failure: failure ?? removalFailure?.reason, damages: damages)
  }
  var totalBytes: Int { segments.reduce(foreignBytes) { $0 + $1.fileBytes } }

  // MARK: Work

  /// What to do next; `nil` while something is being done, or there is nothing.
  mutating func nextWork(_ buffer: BatchBuffer, _ series: SeriesTable) -> SpoolWork? {
    guard let limits, inFlight == nil else { return nil }
    let mayTry = failure == nil || buffer.highestOrder > failedAtOrder
    // Also while writing fails: it may be what makes room.
    let mayRemove =
      !removals.isEmpty && removalFailure.map { buffer.highestOrder > $0.atOrder } ?? true
    if !isOpen {
      guard mayTry else { return nil }
      inFlight = .open
    } else if mayRemove, removesNext {
      removesNext = false
      inFlight = .remove(removals)
    } else if mayTry, let write = makeWrite(buffer, series, limits) {
      removesNext = true
      inFlight = write
    } else if mayRemove {
      inFlight = .remove(removals)
    } else if let read = wantedRead {
      wantedRead = nil
      inFlight = .read(number: read.number, offset: read.offset, length: read.length)
    }
    return inFlight
  }

  /// The work that `nextWork` gave has ended. Gives the work, for whoever wanted a read.
  mutating func done(_ answer: SpoolAnswer, highestOrder: UInt64) -> SpoolWork? {
    let work = inFlight
    inFlight = nil
    if case .failed(let reason) = answer {
      switch work {
      case .read, nil: break
      case .remove: removalFailure = (reason, highestOrder)
      case .open, .write:
        hasAnswered = true
        complain(reason, at: highestOrder)
        // Whatever the file holds behind its synced end is written anew, to another file.
        writer = nil
        pendingWrite = nil
      }
      return work
    }
    switch (work, answer) {
    case (.open, .opened(let outcomes)):
      isOpen = true
      hasAnswered = true
      failure = nil
      adopt(outcomes)
    case (.write, _):
      failure = nil
      written()
    case (.remove(let numbers), _):
      removals.removeAll(where: numbers.contains)
      removalFailure = nil
    default: break
    }
    return work
  }

  mutating func complain(_ reason: String, at order: UInt64) {
    failure = reason
    failedAtOrder = order
  }

  mutating func noteDamage(_ number: UInt64, _ reason: String) {
    if damages.count < Spool.damagesKept { damages.append("segment \(number): \(reason)") }
  }

  mutating func noteForeign(_ number: UInt64, bytes: Int) {
    foreignBytes += bytes
    noteDamage(number, "it was written by a newer agent, and is left as it is")
  }

  // MARK: What is held

  /// Whether a batch of this life is on disk.
  func holds(_ order: UInt64) -> Bool {
    order <= spooledThrough
      && segments.contains { $0.life == own && $0.orders.contains(order) }
  }

  /// The lowest order of this life above the acknowledged one that is on disk.
  var firstHeldOrder: UInt64? {
    segments.first { $0.life == own && $0.orders.upperBound > ownAcknowledged }
      .map { max($0.orders.lowerBound, ownAcknowledged + 1) }
  }

  /// The segment that holds this order, or else the next one after it.
  func segment(of life: Life, from order: UInt64) -> SpoolSegment? {
    segments.first { $0.life == life && $0.orders.upperBound >= order }
  }

  func segment(_ number: UInt64) -> SpoolSegment? { segments.first { $0.number == number } }

  /// What `Hello` lists; `nil` while the folder could not be read.
  var heldLives: [HeldLife]? {
    guard isOpen else { return nil }
    // Some hundred lives that each lost something many times would make a hello too long.
    var rangesLeft = 4_096
    return lives.prefix(WireLimits.lives).map { entry in
      let lost = entry.lost.ranges.prefix(min(rangesLeft, WireLimits.lostRanges))
      rangesLeft -= lost.count
      return held(entry.life, entry.lastOrder, entry.lastStamp, Array(lost))
    }
  }

  func held(
    _ life: Life, _ lastOrder: UInt64, _ lastStamp: Stamp, _ lost: [LostBatches]
  ) -> HeldLife {
    let first = segments.first { $0.life == life }
    return HeldLife(
      boot: life.boot, incarnation: life.incarnation,
      firstOrder: first?.orders.lowerBound ?? lastOrder + 1, lastOrder: lastOrder,
      firstStamp: first?.firstStamp ?? lastStamp, lastStamp: lastStamp, lost: lost)
  }

  func lost(of life: Life) -> LostRanges? {
    life == own ? ownLost : lives.first { $0.life == life }?.lost
  }
}
