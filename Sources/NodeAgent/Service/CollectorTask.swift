import AgentCore

/// A part of a collector's work that may hang without hurting the other parts: what it reads of one
/// target.
package struct CollectorUnit: Sendable {
  /// Names what it reads, for example `fs1-OST0003`; the unit is called `COLLECTOR/SUBJECT`.
  package var subject: String
  /// Units of one lane never run at the same time: of a target that hangs, one read a lane hangs.
  package var lane: String
  package var period: @Sendable () -> Duration
  package var collect: @Sendable () -> CollectorAnswer

  package init(
    subject: String, lane: String, period: @escaping @Sendable () -> Duration = { .zero },
    collect: @escaping @Sendable () -> CollectorAnswer
  ) {
    self.subject = subject
    self.lane = lane
    self.period = period
    self.collect = collect
  }
}

/// What a collector that works target by target finds to do.
package enum CollectorListing: Sendable {
  case units([CollectorUnit])
  case notApplicable(reason: String)
  case failed(reason: String)
}

/// Something to run each cycle, and its name.
package struct CollectorTask: Sendable {
  package enum Work: Sendable {
    case whole(@Sendable () -> CollectorAnswer)
    /// Lists what is there without reading any of it.
    case units(@Sendable () -> CollectorListing)
  }

  package var name: String
  /// The least time between the beginnings of two runs; zero means every cycle.
  package var period: Duration
  package var work: Work

  package init(
    name: String, period: Duration = .zero, collect: @escaping @Sendable () -> CollectorAnswer
  ) {
    self.name = name
    self.period = period
    work = .whole(collect)
  }

  package init(name: String, list: @escaping @Sendable () -> CollectorListing) {
    self.name = name
    period = .zero
    work = .units(list)
  }

  /// Every collector of this program, reading below one root.
  package static func all(reading host: HostRoot) -> [CollectorTask] {
    let source = ContextSource(host)
    return allCollectors.map { $0.task(host, source).guarded(by: host) }
  }
}
