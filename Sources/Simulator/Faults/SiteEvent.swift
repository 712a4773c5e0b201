/// Something that happens at a moment of virtual time.
struct SiteEvent: Sendable {
  enum Action: Sendable {
    case fault(Fault)
    /// The cluster gives the target to whichever of its servers can take it; the one that lost it last.
    case takeOver(target: Int, from: Int)
    /// Targets of a server that were moved away by hand come back.
    case moveBack(target: Int)
  }
  var at: Int64
  /// Order of events of one moment: as they were entered.
  var number: UInt64
  var action: Action
}

extension SimulatedSite {
  mutating func enter(_ action: SiteEvent.Action, at time: Int64) {
    let event = SiteEvent(at: max(time, now), number: eventCount, action: action)
    eventCount += 1
    let place = events.firstIndex { $0.at > event.at } ?? events.endIndex
    events.insert(event, at: place)
  }

  mutating func perform(_ action: SiteEvent.Action) {
    switch action {
    case .fault(let fault): perform(fault)
    case .takeOver(let target, let server): takeOver(target, from: server)
    case .moveBack(let target): moveBack(target)
    }
  }
}
