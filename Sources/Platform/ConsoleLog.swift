import Glibc
import Logging

/// Log lines on standard error: under systemd with the journal's `<priority>` prefix, else with
/// time and level for a person. Messages are constants; what varies follows as `key=value`.
package struct ConsoleLog: LogHandler {
  package typealias Sink = @Sendable (_ priority: Int, _ text: String) -> Void

  package var logLevel: Logger.Level
  package var metadata: Logger.Metadata = [:]
  private let label: String
  private let sink: Sink?
  private let writesToJournal: Bool

  /// - Parameter sink: gets every line of at least `notice` as well, for example to forward it.
  package init(label: String, level: Logger.Level = .info, sink: Sink? = nil) {
    self.label = label
    self.sink = sink
    logLevel = level
    writesToJournal = getenv("JOURNAL_STREAM") != nil
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let own = metadata.merging(event.metadata ?? [:]) { $1 }
    let pairs = own.sorted { $0.key < $1.key }.map { " \($0.key)=\(quoted("\($0.value)"))" }
    let text = event.message.description + pairs.joined()
    let priority = ConsoleLog.priority(event.level)
    LineOutput.standardError.add(line(event.level, text)) { [self] count in
      line(.warning, "lines of the log were left out: nobody read them lines=\(count)")
    }
    if priority <= 5 { sink?(priority, text) }
  }

  private func line(_ level: Logger.Level, _ text: String) -> String {
    writesToJournal
      ? "<\(ConsoleLog.priority(level))>\(text)\n" : "\(timestamp()) \(level) \(label): \(text)\n"
  }

  private func quoted(_ value: String) -> String {
    let plain = value.unicodeScalars.allSatisfy { $0.value > 32 && $0 != "\"" && $0 != "=" }
    if plain && !value.isEmpty { return value }
    let escaped = value.unicodeScalars.reduce(into: "") { text, scalar in
      switch scalar {
      case "\n": text += "\\n"
      case "\"": text += "\\\""
      case let other where other.value < 32: text += " "
      default: text.unicodeScalars.append(scalar)
      }
    }
    return "\"\(escaped)\""
  }

  private func timestamp() -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var parts = tm()
    gmtime_r(&now.tv_sec, &parts)
    var buffer = [CChar](repeating: 0, count: 32)
    let length = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &parts)
    let seconds = String(decoding: buffer[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
    let milliseconds = String(now.tv_nsec / 1_000_000)
    return seconds + "." + String(repeating: "0", count: 3 - milliseconds.count) + milliseconds
      + "Z"
  }

  /// syslog(3) priorities.
  private static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .critical: 2
    case .error: 3
    case .warning: 4
    case .notice: 5
    case .info: 6
    case .debug, .trace: 7
    }
  }
}
