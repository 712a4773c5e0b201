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

  /// What the frame log has is not missing.
  func settleReplayed() async throws(DiagnosticError) {
    var write = HistoryWrite()
    for (server, items) in missing {
      var rest: [MissingOrders] = []
      for item in items {
        try await resume(item.stream)
        let parts = head.unknown(item.orders, of: item.stream)
        let left = item.remaining(parts, found: replayed[item.stream] ?? [])
        rest += left
        guard left != [item] else { continue }
        write.noLongerMissing.append(item)
        write.missing += left
      }
      missing[server] = rest.isEmpty ? nil : rest
    }
    replayed = [:]
    if !write.noLongerMissing.isEmpty { try await store.append(write, nanoseconds: Clock.wall()) }
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
    for item in items { try await resume(item.stream) }
    guard missing.removeValue(forKey: hello.server) != nil else { return }
    let now = self.now
    for item in items {
      let part = item.below(heldFrom[item.stream] ?? .max)
      // What the agent sends again is missing until it is stored, and may be lost with the agent's disk yet.
      let rest = item.remaining(
        head.unknown(item.orders, of: item.stream).compactMap { unknown in
          let from = max(unknown.lowerBound, (part?.upperBound ?? 0) + 1)
          return from <= unknown.upperBound ? from...unknown.upperBound : nil
        }, found: [])
      missing[hello.server, default: []] += rest
      guard let part else { continue }
      newlyFound.append(item)
      stillMissing += rest
      let lost = head.dropped(item.stream, from: part.lowerBound, through: part.upperBound)
      let batches = lost.reduce(UInt64(0)) { $0 + UInt64($1.count) }
      guard batches > 0 else { continue }
      newLost += lost.map { (item.stream, $0) }
      found(
        SampleLoss(
          afterNanoseconds: item.afterNanoseconds,
          beforeNanoseconds: min(item.beforeNanoseconds, now.wallNanoseconds), batches: batches,
          samples: nil, reason: item.reason), hello.server, now)
    }
    if missing[hello.server]?.isEmpty == true { missing[hello.server] = nil }
  }
}
