import Glibc
import Synchronization

/// Lines for a descriptor, written by a thread of their own: whoever says something never waits for who
/// reads it, such as a stopped terminal or a pipe that is full. What does not fit is counted and told once
/// there is room.
package final class LineOutput: Sendable {
  /// Standard error. At the end of the process what waits is written first, for a second at most.
  package static let standardError: LineOutput = {
    let output = LineOutput(descriptor: STDERR_FILENO)
    atexit { LineOutput.standardError.drain(milliseconds: 1_000) }
    return output
  }()

  private struct State {
    var waiting: [UInt8] = []
    var dropped = 0
    var isWriting = false
    /// False where none could be made: then whoever says something writes it.
    var hasThread = true
    /// Says how many lines were left out.
    var farewell: (@Sendable (Int) -> String)?
  }

  private let descriptor: Int32
  private let limit: Int
  /// A pipe that wakes the thread.
  private let bell: (wait: Int32, ring: Int32)
  private let state = Mutex(State())

  /// - Parameter limit: bytes that may wait.
  package init(descriptor: Int32, limit: Int = 1 << 20) {
    self.descriptor = descriptor
    self.limit = limit
    var ends: [Int32] = [-1, -1]
    // A full one has rung already.
    _ = pipe(&ends)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    bell = (ends[0], ends[1])
    var thread = pthread_t()
    let context = Unmanaged.passRetained(self).toOpaque()
    let failure = pthread_create(
      &thread, nil,
      { context in
        if let context { Unmanaged<LineOutput>.fromOpaque(context).takeUnretainedValue().run() }
        return nil
      }, context)
    if failure == 0, ends[0] >= 0 {
      pthread_detach(thread)
    } else {
      state.withLock { $0.hasThread = false }
    }
  }

  /// Adds a line with its end.
  ///
  /// - Parameter farewell: makes the line that says how many were left out.
  package func add(_ line: String, dropped farewell: @escaping @Sendable (Int) -> String) {
    let isNew: Bool? = state.withLock { state in
      guard state.hasThread else { return nil }
      guard state.waiting.count + line.utf8.count <= limit else {
        state.dropped += 1
        state.farewell = farewell
        return false
      }
      state.waiting += Array(line.utf8)
      return true
    }
    switch isNew {
    case true?: ring()
    case false?: break
    case nil: put(Array(line.utf8))
    }
  }

  /// Waits until all is written, or the time is over.
  package func drain(milliseconds: Int) {
    for _ in 0..<max(1, milliseconds / 2) {
      guard state.withLock({ $0.isWriting || !$0.waiting.isEmpty }) else { return }
      usleep(2_000)
    }
  }

  private func ring() {
    var one: UInt8 = 1
    _ = write(bell.ring, &one, 1)
  }

  private func run() {
    var rings = [UInt8](repeating: 0, count: 64)
    while true {
      guard read(bell.wait, &rings, rings.count) > 0 || errno == EINTR else { return }
      while let bytes = take() { put(bytes) }
    }
  }

  /// All that waits, and after that what was left out.
  private func take() -> [UInt8]? {
    state.withLock { state in
      var bytes = state.waiting
      state.waiting = []
      if bytes.isEmpty, state.dropped > 0, let farewell = state.farewell {
        bytes = Array(farewell(state.dropped).utf8)
        state.dropped = 0
      }
      state.isWriting = !bytes.isEmpty
      return bytes.isEmpty ? nil : bytes
    }
  }

  /// What can not be written is let go of: there is nobody to tell it to.
  private func put(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if written > 0 {
        rest = rest.dropFirst(written)
      } else if written < 0, errno == EAGAIN {
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
      } else if written == 0 || errno != EINTR {
        return
      }
    }
  }
}
