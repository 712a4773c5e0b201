import Logging
import ManagerCore
import Platform
import Protocol

/// Batches that were stored and that no file has any more: each is written down at the start that finds it,
/// and is a loss when its server is back and its agent does not have it either.
extension Site {
  /// Before anything is read back, for what is read back may hide it.
  func lookForMissing() async throws(DiagnosticError) {
    var write = HistoryWrite()
    write.missing = try await store.newlyMissing().values.flatMap { $0 }
    if !write.missing.isEmpty { try await store.append(write, nanoseconds: Clock.wall()) }
    for item in try await store.missingOrders() {
      missing[item.stream.server, default: []].append(item)
      replayed[item.stream] = []
    }
  }

  func noteReplayed(_ order: UInt64, _ nanoseconds: Int64, of stream: StreamKey) {
    replayed[stream]?.append((order, nanoseconds))
  }

  /// What the frame log has is not missing. It stays written down until it is in a block: the manager may be
  /// killed before.
  func settleReplayed() async throws(DiagnosticError) {
    for (server, items) in missing {
      var rest: [MissingOrders] = []
      for item in items {
        try await resume(item.stream)
        let parts = head.unknown(item.orders, of: item.stream)
        rest += item.remaining(parts, found: replayed[item.stream] ?? [])
      }
      missing[server] = rest.isEmpty ? nil : rest
    }
    replayed = [:]
    for finding in missingFindings() {
      logger.critical(
        "batches that were stored are missing: they are lost, unless agents still have them",
        metadata: ["reason": "\(finding.reason)"])
    }
    counters.damagedBatches =
      counters.damagedBatches.addingReportingOverflow(
        missing.values.flatMap { $0 }.reduce(UInt64(0)) {
          $0.addingReportingOverflow(UInt64($1.orders.count)).partialValue
        }
      ).partialValue
  }

  /// As long as it is open whether their agents have them.
  func missingFindings() -> [Diagnostic] {
    var counts: [String: UInt64] = [:]
    for item in missing.values.flatMap({ $0 }) {
      for part in head.unknown(item.orders, of: item.stream) {
        counts[item.reason] =
          counts[item.reason, default: 0].addingReportingOverflow(UInt64(part.count)).partialValue
      }
    }
    return counts.sorted { $0.key < $1.key }.map { reason, batches in
      Diagnostic(
        .samplesLost, .error, subject: "history",
        reason: "\(batches) batches that were stored are missing: \(reason)",
        remedy:
          "They are lost unless their agents still have them, which shows when those are back."
          + " Check the disk of the manager's state directory.")
    }
  }

  /// Writes down what is found missing later.
  func miss(_ items: [MissingOrders]) async throws(DiagnosticError) {
    guard !items.isEmpty else { return }
    var write = HistoryWrite()
    write.missing = items
    try await store.append(write, nanoseconds: Clock.wall())
    for item in items { missing[item.stream.server, default: []].append(item) }
  }

  /// A server is back. Its agent has no more of the present life, and of earlier ones, than its hello says.
  func settleMissingOrders(_ hello: Hello) async throws(DiagnosticError) {
    guard let items = missing[hello.server] else { return }
    var heldFrom: [StreamKey: UInt64] = [:]
    func note(_ boot: BootID, _ incarnation: String, _ order: UInt64) {
      heldFrom[StreamKey(server: hello.server, boot: boot, incarnation: incarnation)] = order
    }
    for life in hello.lives ?? [] { note(life.boot, life.incarnation, life.firstOrder) }
    note(hello.boot, hello.incarnation, hello.firstHeldOrder ?? 0)
    // An agent whose spool is not yet read, or has more lives than fit, says nothing of those not listed.
    let isAll = hello.lives.map { $0.count < WireLimits.lives } ?? false
    for item in items {
      try await resume(item.stream)
      // From here on nothing waits: another session of this server may settle the others.
      guard let place = missing[hello.server]?.firstIndex(of: item) else { continue }
      settle(item, at: place, heldFrom: heldFrom[item.stream] ?? (isAll ? .max : 0))
    }
    if missing[hello.server]?.isEmpty == true { missing[hello.server] = nil }
  }

  private func settle(_ item: MissingOrders, at place: Int, heldFrom: UInt64) {
    let now = self.now
    let server = item.stream.server
    var lost: [ClosedRange<UInt64>] = []
    if let part = item.below(heldFrom) {
      lost = head.dropped(item.stream, from: part.lowerBound, through: part.upperBound)
    }
    // What the agent sends again is missing until it is stored, and may be lost with the agent's disk yet.
    let rest = item.remaining(head.unknown(item.orders, of: item.stream), found: [])
    missing[server]?.replaceSubrange(place...place, with: rest)
    guard !lost.isEmpty else { return }
    newLost += lost.map { (item.stream, $0) }
    newlyFound += lost.map { range in
      var part = item
      part.orders = range
      return part
    }
    found(
      SampleLoss(
        afterNanoseconds: item.afterNanoseconds,
        beforeNanoseconds: min(item.beforeNanoseconds, now.wallNanoseconds),
        batches: lost.reduce(UInt64(0)) { $0 + UInt64($1.count) }, samples: nil,
        reason: item.reason), server, now)
  }
}
