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
  /// As the file says it: since the epoch, in 2.12 and 2.13 since the boot; wobbles by a second.
  package var start: Int64?
  /// Seconds, while a target waits for other MDTs.
  package var timeWaited: Int64?
  package var requestReplayClients: Int64?
  package var lockReplayClients: Int64?
  package var lastTransaction: Int64?
  package var nextTransaction: Int64?
  /// `ENABLED` or `DISABLED`.
  package var versionBasedRecovery: String?
  package var imperativeRecovery: String?
  /// MDTs that a waiting target waits for, as the file lists them.
  package var nonReadyTargets: String?
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
      let status = RecoveryStatus(rawValue: bytes.text(value)) ?? .unrecognised
      // Two that differ tell nothing: neither the greener one nor the later one is known to hold.
      let isSecond = file.status != nil
      file.status = file.status ?? status
      if file.status != status { file.status = .unrecognised }
      return status != .unrecognised && !isSecond
    case "completed_clients": return share(bytes, value, \.completedClients, &file)
    case "connected_clients": return share(bytes, value, \.connectedClients, &file)
    case "evicted_clients": return number(bytes, value, &file.evictedClients)
    case "replayed_requests": return number(bytes, value, &file.replayedRequests)
    case "queued_requests": return number(bytes, value, &file.queuedRequests)
    case "recovery_duration": return number(bytes, value, &file.duration)
    case "time_remaining": return number(bytes, value, &file.timeRemaining)
    case "recovery_start": return number(bytes, value, &file.start)
    case "time_waited": return number(bytes, value, &file.timeWaited)
    case "req_replay_clients": return number(bytes, value, &file.requestReplayClients)
    // The kernel's spelling, stable through all releases, and the right one.
    case "lock_repay_clients", "lock_replay_clients":
      return number(bytes, value, &file.lockReplayClients)
    case "last_transno": return number(bytes, value, &file.lastTransaction)
    case "next_transno": return number(bytes, value, &file.nextTransaction)
    case "VBR": file.versionBasedRecovery = bytes.text(value)
    case "IR": file.imperativeRecovery = bytes.text(value)
    case "non-ready MDTs": file.nonReadyTargets = bytes.text(value)
    default: return false
    }
    return true
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
