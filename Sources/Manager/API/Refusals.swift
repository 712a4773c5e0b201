import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Logs refused connections, but never lets a stranger fill the disk with them. What was left out is
/// told with the next line, and when none comes, in a line of its own.
final class Refusals: Sendable {
  private let window: Mutex<RefusalWindow>
  private let logger: Logger
  private let message: Logger.Message
  private let length: Duration

  /// - Parameters:
  ///   - message: a constant, what each line says.
  ///   - lines: how many are logged in a time of this length.
  init(
    logger: Logger, message: Logger.Message = "HTTPS connection refused",
    lines: Int = RefusalWindow.lines, per length: Duration = .seconds(60)
  ) {
    self.logger = logger
    self.message = message
    self.length = length
    window = Mutex(RefusalWindow(lines: lines, length: length, began: .now))
  }

  func log(address: String, reason: String) {
    log(.notice, ["address": "\(address)", "reason": "\(reason)"])
  }

  func log(_ level: Logger.Level, _ metadata: Logger.Metadata) {
    switch window.withLock({ $0.admit(at: .now) }) {
    case .line(let unlogged):
      var metadata = metadata
      if unlogged > 0 { metadata["unlogged"] = "\(unlogged)" }
      logger.log(level: level, message, metadata: metadata)
    case .leaveOut(let isFirst):
      if isFirst { tellLater(level) }
    }
  }

  /// Nothing of it is needed any more: its time is over, and all was told.
  func isQuiet(at now: ContinuousClock.Instant) -> Bool {
    window.withLock { $0.isQuiet(at: now) }
  }

  private func tellLater(_ level: Logger.Level) {
    let delay = TimeAmount(length)
    MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: delay) { [weak self] in
      self?.tell(level)
    }
  }

  private func tell(_ level: Logger.Level) {
    guard let unlogged = window.withLock({ $0.takeRest() }) else { return }
    logger.log(
      level: level, message,
      metadata: ["reason": "more like those before, left out here", "unlogged": "\(unlogged)"])
  }
}

/// How many lines of one kind were logged, and how many left out.
struct RefusalWindow {
  /// As many as a person may want to read of one incident; the count tells of the rest.
  static let lines = 20

  enum Verdict: Equatable {
    /// Log it, and that so many were left out before.
    case line(unlogged: Int)
    /// Leave it out; after the first since the last line, `takeRest` is due a window later.
    case leaveOut(isFirst: Bool)
  }

  private let lines: Int
  private let length: Duration
  private var began: ContinuousClock.Instant
  private var logged = 0
  private var unlogged = 0

  init(
    lines: Int = RefusalWindow.lines, length: Duration, began: ContinuousClock.Instant
  ) {
    self.lines = lines
    self.length = length
    self.began = began
  }

  mutating func admit(at now: ContinuousClock.Instant) -> Verdict {
    if now - began >= length {
      began = now
      logged = 0
    }
    guard logged < lines else {
      unlogged += 1
      return .leaveOut(isFirst: unlogged == 1)
    }
    logged += 1
    defer { unlogged = 0 }
    return .line(unlogged: unlogged)
  }

  func isQuiet(at now: ContinuousClock.Instant) -> Bool { unlogged == 0 && now - began >= length }

  /// How many were left out and never told, or `nil`.
  mutating func takeRest() -> Int? {
    guard unlogged > 0 else { return nil }
    defer { unlogged = 0 }
    return unlogged
  }
}
