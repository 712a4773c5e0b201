/// The limits of what travels as JSON, checked after decoding: the message as a whole is bounded by
/// its lane, each text in it here.
enum MessageLimits {
  static func check(_ message: Message) throws(WireError) {
    switch message {
    case .goodbye(let diagnostic): try check(diagnostic)
    case .digests(let digests):
      try count(digests.count, "digests", WireLimits.sectionKeys)
      for digest in digests { try check(digest.key) }
    case .resend(let keys):
      try count(keys.count, "section keys", WireLimits.sectionKeys)
      for key in keys { try check(key) }
    case .renew(let request): try text(request, "a request", WireLimits.pemBytes)
    case .renewed(let certificate, let authority):
      try text(certificate, "a certificate", WireLimits.pemBytes)
      try text(authority, "a certificate", WireLimits.pemBytes)
    case .section(let section):
      try check(section.key)
      try text(section.collector, "a collector's name", WireLimits.textBytes)
    case .sectionGone(let key): try check(key)
    case .cycle(let end):
      try text(end.collector, "a collector's name", WireLimits.textBytes)
      try text(end.reason ?? "", "a reason", WireLimits.proseBytes)
    case .logs(let lines):
      try count(lines.count, "log lines", WireLimits.logLines)
      for line in lines {
        try text(line.origin, "a log's origin", WireLimits.textBytes)
        try text(line.text, "a log line", WireLimits.proseBytes)
      }
    // Their own rules are those of `IngestSession` (hello) and of the binary codecs.
    case .hello, .welcome, .heartbeat, .alive, .acknowledge, .dropped, .stateDigest, .tellDigests,
      .cycles, .declare, .samples,
      .jobs, .jobsHeld, .lifeAcknowledged, .lifeDropped, .lifeDeclare, .lifeSamples, .unrecognised:
      break
    }
  }

  private static func check(_ key: SectionKey) throws(WireError) {
    try text(key.name, "a section's name", WireLimits.textBytes)
    try text(key.subject, "a section's subject", WireLimits.textBytes)
  }

  private static func check(_ diagnostic: Diagnostic) throws(WireError) {
    try text(diagnostic.code, "a code", WireLimits.textBytes)
    try text(diagnostic.subject, "a subject", WireLimits.textBytes)
    try text(diagnostic.reason, "a reason", WireLimits.proseBytes)
    try text(diagnostic.remedy, "a remedy", WireLimits.proseBytes)
  }

  private static func text(_ text: String, _ what: String, _ limit: Int) throws(WireError) {
    let length = text.utf8.count
    guard length <= limit else { throw .tooLong(what: what, length: length, limit: limit) }
  }

  private static func count(_ count: Int, _ what: String, _ limit: Int) throws(WireError) {
    guard count <= limit else { throw .tooLong(what: what, length: count, limit: limit) }
  }
}
