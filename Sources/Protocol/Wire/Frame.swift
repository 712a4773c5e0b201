/// The three lanes of the link, most urgent first.
package enum Lane: Int, Sendable, CaseIterable {
  case control, state, bulk

  package var messageLimit: Int {
    switch self {
    case .control: WireLimits.controlBytes
    case .state: WireLimits.stateBytes
    case .bulk: WireLimits.bulkBytes
    }
  }
}

/// One frame: a message, or a piece of one. On the wire, integers big-endian:
/// `u32 length of all that follows, u8 version = 1, u8 type, u8 flags (bit 0: continued),
/// i64 boot clock ns, i64 wall clock ns, payload`.
package struct Frame: Hashable, Sendable {
  package static let version: UInt8 = 1
  package var type: UInt8
  package var isContinued: Bool
  package var stamp: Stamp
  package var payload: [UInt8]

  package init(type: UInt8, isContinued: Bool = false, stamp: Stamp, payload: [UInt8]) {
    self.type = type
    self.isContinued = isContinued
    self.stamp = stamp
    self.payload = payload
  }

  package func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(WireLimits.frameHeaderBytes + payload.count)
    func append<Value: FixedWidthInteger>(_ value: Value) {
      for shift in stride(from: Value.bitWidth - 8, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
      }
    }
    append(UInt32(WireLimits.frameHeaderBytes - 4 + payload.count))
    bytes.append(Frame.version)
    bytes.append(type)
    bytes.append(isContinued ? 1 : 0)
    append(stamp.bootNanoseconds)
    append(stamp.wallNanoseconds)
    bytes.append(contentsOf: payload)
    return bytes
  }
}

/// Cuts a byte stream into frames. Holds at most one frame.
package struct FrameDecoder {
  /// Memory that stays between frames, for each of a thousand sessions.
  private static let keptBytes = 4 << 10
  /// What the letters HTTP are as a length.
  private static let http = 0x4854_5450

  private var pending: [UInt8] = []
  private var failed = false
  package init() {}

  /// Whether a frame has begun and not ended.
  package var isInsideFrame: Bool { !pending.isEmpty }

  /// Takes the bytes that arrived and gives the frames they complete. After an error it takes
  /// nothing more: the session is over.
  package mutating func feed(_ span: Span<UInt8>) throws(WireError) -> [Frame] {
    if failed { throw .malformed("bytes after a malformed frame") }
    do {
      var frames: [Frame] = []
      var position = 0
      while position < span.count {
        let need = try bytesMissing()
        let take = min(need, span.count - position)
        for offset in 0..<take { pending.append(span[position + offset]) }
        position += take
        if let frame = try completed() { frames.append(frame) }
      }
      return frames
    } catch {
      failed = true
      throw error
    }
  }

  private func bytesMissing() throws(WireError) -> Int {
    guard pending.count >= 4 else { return 4 - pending.count }
    return 4 + (try declaredLength()) - pending.count
  }

  private func declaredLength() throws(WireError) -> Int {
    let length = pending.prefix(4).reduce(0) { $0 << 8 | Int($1) }
    guard length != FrameDecoder.http else {
      throw .malformed("an answer in HTTP: this is no agents' port of a manager")
    }
    guard length <= WireLimits.frameBytes - 4 else {
      throw .tooLong(what: "a frame", length: length + 4, limit: WireLimits.frameBytes)
    }
    guard length >= WireLimits.frameHeaderBytes - 4 else {
      throw .malformed("a frame of \(length) bytes, shorter than its header")
    }
    return length
  }

  private mutating func completed() throws(WireError) -> Frame? {
    guard pending.count >= 4 else { return nil }
    guard pending.count == 4 + (try declaredLength()) else {
      if pending.count >= 5 && pending[4] != Frame.version {
        throw .malformed("frame version \(pending[4]), this side speaks \(Frame.version)")
      }
      return nil
    }
    guard pending[4] == Frame.version else {
      throw .malformed("frame version \(pending[4]), this side speaks \(Frame.version)")
    }
    func number(at start: Int) -> Int64 {
      Int64(bitPattern: pending[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) })
    }
    let stamp = Stamp(bootNanoseconds: number(at: 7), wallNanoseconds: number(at: 15))
    try WireLimits.check(stamp)
    let frame = Frame(
      type: pending[5], isContinued: pending[6] & 1 == 1, stamp: stamp,
      payload: Array(pending[WireLimits.frameHeaderBytes...]))
    // The frames of a greeting are of the greatest size, those of every cycle after it are not.
    pending.removeAll(keepingCapacity: pending.capacity <= FrameDecoder.keptBytes)
    return frame
  }
}
