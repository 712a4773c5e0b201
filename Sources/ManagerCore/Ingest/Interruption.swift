import Protocol

/// Between two lives of an agent's process: what the next life's first batch shows to be a hole.
package struct Interruption: Hashable, Sendable {
  package var afterNanoseconds: Int64?
  /// When the next life's first batch was made, whether it comes or not; `nil`: nobody says.
  package var beforeNanoseconds: Int64?
  /// 0 when nothing was made in between, `nil` when nobody can know.
  package var batches: UInt64?
  package var reason: String
  package init(
    afterNanoseconds: Int64?, beforeNanoseconds: Int64? = nil, batches: UInt64?, reason: String
  ) {
    self.afterNanoseconds = afterNanoseconds
    self.beforeNanoseconds = beforeNanoseconds
    self.batches = batches
    self.reason = reason
  }
}

/// The lives that a hello tells of, in their sequence, and what the manager knows of each.
package struct LifeChain: Sendable {
  package struct Link: Sendable {
    package var stream: StreamKey
    /// `nil` for the life that speaks.
    package var lastOrder: UInt64?
    package var endNanoseconds: Int64
    /// Of its first batch, as far as it tells.
    package var beginNanoseconds: Int64?
    /// The highest order that ever came from it; 0 when none did.
    package var highestSeen: UInt64

    package init(
      stream: StreamKey, lastOrder: UInt64?, endNanoseconds: Int64,
      beginNanoseconds: Int64? = nil, highestSeen: UInt64
    ) {
      self.stream = stream
      self.lastOrder = lastOrder
      self.endNanoseconds = endNanoseconds
      self.beginNanoseconds = beginNanoseconds
      self.highestSeen = highestSeen
    }
  }

  /// Earlier lives, oldest first, then the one that speaks.
  package var links: [Link]
  /// Where the newest batch of this server came from, and its time.
  package var last: LastBatch?
  /// Lives whose agent said that it was stopped.
  package var stopped: Set<StreamKey>

  package init(
    links: [Link], last: LastBatch?, stopped: Set<StreamKey>
  ) {
    self.links = links
    self.last = last
    self.stopped = stopped
  }

  /// The holes before lives of which nothing came yet, by the life after the hole.
  package var interruptions: [StreamKey: Interruption] {
    var found: [StreamKey: Interruption] = [:]
    var before: Link?
    for link in links {
      defer { before = link }
      guard link.highestSeen == 0 else { continue }
      if let before {
        found[link.stream] = interruption(after: before, before: link)
      } else if let last, !links.contains(where: { $0.stream == last.stream }) {
        found[link.stream] = unspooled(last.stream, last.nanoseconds, before: link)
      }
      found[link.stream]?.beforeNanoseconds = link.beginNanoseconds
    }
    return found
  }

  /// Its spool is here, so that what is missing in it is told batch by batch.
  private func interruption(after life: Link, before next: Link) -> Interruption {
    // The batch that was being written when it was killed may have come; more shows that its spool
    // was not kept.
    if let lastOrder = life.lastOrder, life.highestSeen > lastOrder + 1 {
      var end = life.endNanoseconds
      if let last, last.stream == life.stream { end = max(end, last.nanoseconds) }
      return unspooled(life.stream, end, before: next)
    }
    let why =
      stopped.contains(life.stream)
      ? "the agent was stopped"
      : life.stream.boot == next.stream.boot
        ? "the agent's process ended" : "the server was restarted"
    return Interruption(
      afterNanoseconds: life.endNanoseconds, batches: 0,
      reason:
        "\(why): nothing was sampled until its next start; what its spool has of before is sent")
  }

  private func unspooled(_ stream: StreamKey, _ end: Int64, before next: Link) -> Interruption {
    if stopped.contains(stream) {
      return Interruption(
        afterNanoseconds: end, batches: 0,
        reason:
          "the agent was stopped: it had sent all, and nothing was sampled until its next start"
      )
    }
    return Interruption(
      afterNanoseconds: end, batches: nil,
      reason: stream.boot == next.stream.boot
        ? "the agent's process ended; what it had not yet sent is lost, unless its spool comes back"
        : "the server was restarted; what its agent had not yet sent is lost, unless its spool comes back"
    )
  }
}
