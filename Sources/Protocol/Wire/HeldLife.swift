/// Batches of one life of an agent's process that nobody can send any more.
package struct LostBatches: Codable, Hashable, Sendable {
  package var from: UInt64
  package var through: UInt64
  /// Values in them; `nil` when they can no longer be counted (what held them is damaged).
  package var samples: UInt64?
  /// When they were made; `nil` when nobody knows any more, or from an agent that does not tell.
  package var stamps: LostStamps?
  package init(from: UInt64, through: UInt64, samples: UInt64?, stamps: LostStamps? = nil) {
    self.from = from
    self.through = through
    self.samples = samples
    self.stamps = stamps
  }
}

/// Of the first and the last of some batches.
package struct LostStamps: Codable, Hashable, Sendable {
  package var first: Stamp
  package var last: Stamp
  package init(first: Stamp, last: Stamp) {
    self.first = first
    self.last = last
  }
}

/// What an agent's spool holds of one earlier life of its process.
package struct HeldLife: Codable, Hashable, Sendable {
  package var boot: BootID
  package var incarnation: String
  /// The lowest order that can be sent; one above `lastOrder` when none can.
  package var firstOrder: UInt64
  /// The highest order that was spooled, held or not.
  package var lastOrder: UInt64
  /// When the first batch that is held and the last batch of all were made. The last one also tells
  /// what the wall clock said in that boot.
  package var firstStamp: Stamp
  package var lastStamp: Stamp
  /// What was given up or is damaged, ascending, not yet settled by the manager.
  package var lost: [LostBatches]

  package init(
    boot: BootID, incarnation: String, firstOrder: UInt64, lastOrder: UInt64, firstStamp: Stamp,
    lastStamp: Stamp, lost: [LostBatches] = []
  ) {
    self.boot = boot
    self.incarnation = incarnation
    self.firstOrder = firstOrder
    self.lastOrder = lastOrder
    self.firstStamp = firstStamp
    self.lastStamp = lastStamp
    self.lost = lost
  }
}

extension WireLimits {
  static func check(_ lost: LostBatches) throws(WireError) {
    try check(orders: lost.from, lost.through)
    guard lost.from >= 1, lost.from <= lost.through else {
      throw .malformed("batches \(lost.from) to \(lost.through) given up")
    }
    guard lost.samples ?? 0 <= droppedSamples else {
      throw .malformed("\(lost.samples ?? 0) values given up, at most \(droppedSamples)")
    }
    try check(lost.stamps)
  }

  static func check(_ stamps: LostStamps?) throws(WireError) {
    guard let stamps else { return }
    try check(stamps.first)
    try check(stamps.last)
  }

  static func check(life: Int) throws(WireError) {
    guard (0...lives).contains(life) else { throw .malformed("life \(life) of at most \(lives)") }
  }

  static func check(lives count: Int) throws(WireError) {
    guard count <= lives else { throw .tooLong(what: "lives", length: count, limit: lives) }
  }

  /// - Throws: when a life is longer, or says more, than arithmetic and memory allow.
  package static func check(lives: [HeldLife]) throws(WireError) {
    try check(lives: lives.count)
    for life in lives {
      try check(name: life.boot.text, "a boot id", bootBytes)
      try check(name: life.incarnation, "an incarnation", incarnationBytes)
      try check(orders: life.lastOrder)
      guard life.firstOrder >= 1, life.lastOrder >= 1, life.firstOrder <= life.lastOrder + 1 else {
        throw .malformed("a life of the orders \(life.firstOrder) to \(life.lastOrder)")
      }
      try check(life.firstStamp)
      try check(life.lastStamp)
      guard life.lost.count <= lostRanges else {
        throw .tooLong(what: "lost ranges", length: life.lost.count, limit: lostRanges)
      }
      for lost in life.lost { try check(lost) }
    }
  }

  private static func check(name: String, _ what: String, _ limit: Int) throws(WireError) {
    let length = name.utf8.count
    guard length <= limit else { throw .tooLong(what: what, length: length, limit: limit) }
  }
}

/// The life that a binary message is about, before its body: one varint.
enum LifePrefix {
  static func encode(_ life: Int) -> [UInt8] {
    var writer = ByteWriter()
    writer.varint(UInt64(max(0, life)))
    return writer.bytes
  }

  static func decode(_ payload: [UInt8]) throws(WireError) -> (life: Int, rest: [UInt8]) {
    let span = payload.span
    var cursor = ByteCursor()
    let life = try cursor.count(span, of: "lives", limit: WireLimits.lives)
    return (life, Array(payload[cursor.index...]))
  }
}
