import ManagerCore
import Protocol

extension IngestSession {
  /// Everything that these bytes give at once.
  mutating func feed(_ bytes: Span<UInt8>) throws(DiagnosticError) -> [(stamp: Stamp, event: Event)]
  {
    try receive(bytes)
    var events: [(stamp: Stamp, event: Event)] = []
    while let event = try next() { events.append(event) }
    return events
  }
}
