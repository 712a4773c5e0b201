/// Cuts messages into frames, lane by lane, and puts them together again.
package struct FrameAssembler {
  private struct Partial {
    var type: UInt8
    var payload: [UInt8]
  }
  private var partial: [Lane: Partial] = [:]
  package init() {}

  /// Whether the frame is of the lane of control, whose messages are small.
  package func isControl(_ frame: Frame) -> Bool { lane(ofType: frame.type) == .control }

  /// Gives the message that this frame completes, or nothing while it is continued.
  package mutating func add(_ frame: Frame) throws(WireError) -> Message? {
    let lane = lane(ofType: frame.type)
    var payload = frame.payload
    if let begun = partial[lane] {
      guard begun.type == frame.type else {
        throw .malformed("type \(frame.type) in the middle of type \(begun.type)")
      }
      let length = begun.payload.count + payload.count
      guard length <= lane.messageLimit else {
        throw .tooLong(what: "a message", length: length, limit: lane.messageLimit)
      }
      partial[lane]?.payload.append(contentsOf: payload)
      if frame.isContinued { return nil }
      payload = partial.removeValue(forKey: lane)?.payload ?? []
    } else if frame.isContinued {
      partial[lane] = Partial(type: frame.type, payload: payload)
      return nil
    }
    return try Message(type: frame.type, payload: payload)
  }
}

/// What waits to be sent, in three lanes. Frames leave one at a time, so that a heartbeat never
/// waits behind more than the frame on the wire; bulk gets every fourth turn while state is busy.
package struct OutboundLanes {
  private struct Waiting {
    var type: UInt8
    var payload: [UInt8]
    var sent = 0
  }
  /// By lane.
  private var waiting = [[Waiting]](repeating: [], count: Lane.allCases.count)
  private var heads = [Int](repeating: 0, count: Lane.allCases.count)
  private var stateTurns = 0
  package private(set) var queuedBytes = 0
  package init() {}

  package var isEmpty: Bool { queuedMessages == 0 }
  package private(set) var queuedMessages = 0
  package func queuedMessages(in lane: Lane) -> Int {
    waiting[lane.rawValue].count - heads[lane.rawValue]
  }

  package mutating func enqueue(_ message: Message) throws {
    enqueue(type: message.type, payload: try message.encoded())
  }

  package mutating func enqueue(type: UInt8, payload: [UInt8]) {
    waiting[lane(ofType: type).rawValue].append(Waiting(type: type, payload: payload))
    queuedMessages += 1
    queuedBytes += payload.count
  }

  /// The next frame to write, stamped now; `nil` when nothing waits.
  package mutating func nextFrame(stamp: Stamp) -> Frame? {
    guard let lane = nextLane()?.rawValue else { return nil }
    let head = heads[lane]
    var item = waiting[lane][head]
    let end = min(item.sent + WireLimits.framePayloadBytes, item.payload.count)
    let frame = Frame(
      type: item.type, isContinued: end < item.payload.count, stamp: stamp,
      payload: Array(item.payload[item.sent..<end]))
    queuedBytes -= end - item.sent
    item.sent = end
    if end == item.payload.count {
      removeHead(of: lane)
    } else {
      waiting[lane][head] = item
    }
    return frame
  }

  private mutating func nextLane() -> Lane? {
    if queuedMessages(in: .control) > 0 { return .control }
    let hasState = queuedMessages(in: .state) > 0
    let hasBulk = queuedMessages(in: .bulk) > 0
    if hasState && (!hasBulk || stateTurns < 3) {
      stateTurns += 1
      return .state
    }
    stateTurns = 0
    return hasBulk ? .bulk : nil
  }

  private mutating func removeHead(of lane: Int) {
    queuedMessages -= 1
    let head = heads[lane] + 1
    if head == waiting[lane].count {
      waiting[lane] = []
      heads[lane] = 0
    } else if head >= 64 && head * 2 >= waiting[lane].count {
      // A lane that is never quite empty must not keep what it sent; moving the rest only when
      // half is gone costs each message one move at most.
      waiting[lane].removeFirst(head)
      heads[lane] = 0
    } else {
      waiting[lane][head - 1].payload = []
      heads[lane] = head
    }
  }
}
