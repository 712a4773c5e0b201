/// One log line of a server. `cursor` orders and deduplicates lines of one origin within a boot.
package struct LogLine: Hashable, Codable, Sendable {
  /// Where the line was written: `agent` is the agent's own log.
  package var origin: String
  package var cursor: UInt64
  package var stamp: Stamp
  /// syslog priority, 0 (emergency) to 7 (debug).
  package var priority: Int
  package var text: String

  package init(origin: String, cursor: UInt64, stamp: Stamp, priority: Int, text: String) {
    self.origin = origin
    self.cursor = cursor
    self.stamp = stamp
    self.priority = priority
    self.text = text
  }
}
