import Protocol

/// `recovery_status` of a target. Which numbers are there depends on the status.
package struct RecoveryFile: Hashable, Sendable {
  package var status: RecoveryStatus?
  package var completedClients: Int64?
  package var connectedClients: Int64?
  /// The `B` of `A/B`.
  package var totalClients: Int64?
  package var evictedClients: Int64?
  package var replayedRequests: Int64?
  package var queuedRequests: Int64?
  /// Seconds.
  package var duration: Int64?
  /// Seconds; 2.12 and 2.13 always say 0.
  package var timeRemaining: Int64?
  package init() {}
}

/// Parses `recovery_status`.
package enum RecoveryParser {
  package static func parse(_ bytes: Span<UInt8>) -> Parsed<RecoveryFile> {
    var file = RecoveryFile()
    var leftovers = Leftovers()
    var index = 0
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      if content.isEmpty { continue }
      guard let colon = bytes.first(UInt8(ascii: ":"), in: content),
        take(
          bytes, bytes.text(content.lowerBound..<colon),
          bytes.trimmed((colon + 1)..<content.upperBound), &file)
      else {
        leftovers.keep(bytes, content)
        continue
      }
    }
    // COMPLETE says `A/B` and not how many were evicted: those that did not make it.
    if file.status == .complete, file.evictedClients == nil,
      let completed = file.completedClients, let total = file.totalClients
    {
      let (evicted, over) = total.subtractingReportingOverflow(completed)
      if !over { file.evictedClients = max(0, evicted) }
    }
    return Parsed(file, leftovers)
  }

  private static func take(
    _ bytes: Span<UInt8>, _ key: String, _ value: Range<Int>, _ file: inout RecoveryFile
  ) -> Bool {
    switch key {
    case "status":
      guard !value.isEmpty else { return false }
      file.status = RecoveryStatus(rawValue: bytes.text(value)) ?? .unrecognised
      return file.status != .unrecognised
    case "completed_clients": return share(bytes, value, \.completedClients, &file)
    case "connected_clients": return share(bytes, value, \.connectedClients, &file)
    case "evicted_clients": return number(bytes, value, &file.evictedClients)
    case "replayed_requests": return number(bytes, value, &file.replayedRequests)
    case "queued_requests": return number(bytes, value, &file.queuedRequests)
    case "recovery_duration": return number(bytes, value, &file.duration)
    case "time_remaining": return number(bytes, value, &file.timeRemaining)
    // Known, and of no use here: `recovery_start` counts from the boot in 2.12 and 2.13, and it
    // wobbles by a second later; the transaction numbers say nothing to an operator.
    case "recovery_start", "last_transno", "next_transno", "time_waited",
      "req_replay_clients", "lock_repay_clients", "lock_replay_clients":
      return bytes.signed(value) != nil
    case "VBR", "IR", "non-ready MDTs": return true
    default: return false
    }
  }

  private static func number(
    _ bytes: Span<UInt8>, _ value: Range<Int>, _ field: inout Int64?
  ) -> Bool {
    field = bytes.signed(value)
    return field != nil
  }

  /// `A` or `A/B`.
  private static func share(
    _ bytes: Span<UInt8>, _ value: Range<Int>,
    _ field: WritableKeyPath<RecoveryFile, Int64?>, _ file: inout RecoveryFile
  ) -> Bool {
    guard let slash = bytes.first(UInt8(ascii: "/"), in: value) else {
      return number(bytes, value, &file[keyPath: field])
    }
    guard let part = bytes.signed(value.lowerBound..<slash), part >= 0,
      let total = bytes.signed((slash + 1)..<value.upperBound), total >= 0
    else { return false }
    file[keyPath: field] = part
    file.totalClients = total
    return true
  }
}
