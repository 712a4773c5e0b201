import Protocol

/// The counters of every job of one target as they were last read. Packed, because a server may
/// have half a million of them: a record of 48 bytes, the name's bytes and an index of 4 to 9 bytes.
struct JobTable: Sendable {
  private struct Record: Sendable {
    var counters: JobCounters
    var start: UInt64
    var name: UInt32
    var nameLength: UInt8
    /// The reading that saw it last, modulo 256.
    var reading: UInt8
    /// Two bytes of the hash: most strangers are told apart without their names.
    var tag: UInt16
  }

  /// Records lie in slabs, so that growing never copies nor doubles what is there.
  private static let slabBits = 9
  private static let slabMask = (1 << slabBits) - 1

  private var slabs: [[Record]] = []
  private(set) var count = 0
  /// Number of a record plus one, 0 where nothing is; a power of two in size.
  private var index: [UInt32] = []
  private var names = NameStore()
  private let seed: UInt64

  /// - Parameter seed: users choose the names of jobs; without knowing this they can not choose
  ///   names that collide.
  init(seed: UInt64) { self.seed = seed }

  /// What became of a job since it was last seen.
  enum Sighting {
    case new
    /// Also for an entry that one reading shows twice.
    case known(JobCounters)
    /// The entry's life is another one: its counters began at zero.
    case restarted
    /// Another entry of this reading has the same name, as names with unprintable bytes can (2.13
    /// and before).
    case twin
    /// There is no room for it.
    case refused
  }

  /// Notes what a job's entry says now; what it does not tell stays as it was.
  mutating func see(
    _ id: [UInt8], _ told: JobCounters, start toldStart: UInt64, gaps: JobGaps, reading: UInt8,
    limit: Int
  ) -> Sighting {
    let hash = hash(id)
    guard let number = find(id, hash) else {
      guard count < limit else { return .refused }
      insert(id, hash, told, toldStart, reading)
      return .new
    }
    let slab = number >> Self.slabBits
    let place = number & Self.slabMask
    var record = slabs[slab][place]
    let before = record.counters
    let counters = gaps.isEmpty ? told : told.filled(gaps, from: before)
    let start = gaps.contains(.start) ? record.start : toldStart
    let isSameLife = record.start == start && counters.reaches(before)
    if record.reading == reading, !isSameLife || (start == 0 && counters != before) { return .twin }
    record.counters = counters
    record.start = start
    record.reading = reading
    slabs[slab][place] = record
    return isSameLife ? .known(before) : .restarted
  }

  /// Lets go of entries that two readings in a row did not have. One absence is no proof: the kernel
  /// may step over an entry while others are removed.
  mutating func forgetAbsent(reading: UInt8) {
    var number = count - 1
    while number >= 0 {
      let age = reading &- slabs[number >> Self.slabBits][number & Self.slabMask].reading
      if age >= 2 { remove(number) }
      number -= 1
    }
    if names.isWasteful { packNames() }
  }

  // MARK: Index

  private func record(_ number: Int) -> Record {
    slabs[number >> Self.slabBits][number & Self.slabMask]
  }

  private func hash(_ id: [UInt8]) -> UInt64 {
    var hash = seed ^ UInt64(id.count)
    var word: UInt64 = 0
    var filled: UInt64 = 0
    for byte in id {
      word |= UInt64(byte) << filled
      filled += 8
      if filled == 64 {
        hash = Self.mix(hash ^ word)
        word = 0
        filled = 0
      }
    }
    return Self.mix(hash ^ word)
  }

  /// Folds the 128 bits of a product, as wyhash does.
  private static func mix(_ value: UInt64) -> UInt64 {
    let (high, low) = (value ^ 0xa076_1d64_78bd_642f).multipliedFullWidth(by: 0xe703_7ed1_a0b4_28db)
    return high ^ low
  }

  private static func tag(_ hash: UInt64) -> UInt16 { UInt16(truncatingIfNeeded: hash >> 48) }

  private func find(_ id: [UInt8], _ hash: UInt64) -> Int? {
    guard !index.isEmpty else { return nil }
    let mask = index.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while true {
      let entry = index[slot]
      if entry == 0 { return nil }
      let number = Int(entry) - 1
      let record = record(number)
      if record.tag == Self.tag(hash), Int(record.nameLength) == id.count,
        names.isEqual(record.name, id)
      {
        return number
      }
      slot = (slot + 1) & mask
    }
  }

  private mutating func insert(
    _ id: [UInt8], _ hash: UInt64, _ counters: JobCounters, _ start: UInt64, _ reading: UInt8
  ) {
    if (count + 1) * 8 > index.count * 7 { growIndex() }
    let record = Record(
      counters: counters, start: start, name: names.add(id), nameLength: UInt8(id.count),
      reading: reading, tag: Self.tag(hash))
    if count >> Self.slabBits == slabs.count {
      slabs.append([])
      slabs[slabs.count - 1].reserveCapacity(1 << Self.slabBits)
    }
    slabs[count >> Self.slabBits].append(record)
    place(UInt32(count + 1), hash)
    count += 1
  }

  private mutating func place(_ entry: UInt32, _ hash: UInt64) {
    let mask = index.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while index[slot] != 0 { slot = (slot + 1) & mask }
    index[slot] = entry
  }

  private mutating func growIndex() {
    index = [UInt32](repeating: 0, count: max(64, index.count * 2))
    for number in 0..<count { place(UInt32(number + 1), hash(of: number)) }
  }

  private func hash(of number: Int) -> UInt64 {
    let record = record(number)
    return hash(names.bytes(record.name, Int(record.nameLength)))
  }

  private func slot(of number: Int) -> Int {
    let mask = index.count - 1
    var slot = Int(truncatingIfNeeded: hash(of: number)) & mask
    while index[slot] != UInt32(number + 1) { slot = (slot + 1) & mask }
    return slot
  }

  /// Takes a record out; the last one moves to its place.
  private mutating func remove(_ number: Int) {
    names.waste(Int(record(number).nameLength))
    vacate(slot(of: number))
    let last = count - 1
    if number != last {
      index[slot(of: last)] = UInt32(number + 1)
      slabs[number >> Self.slabBits][number & Self.slabMask] = record(last)
    }
    slabs[last >> Self.slabBits].removeLast()
    if slabs[slabs.count - 1].isEmpty { slabs.removeLast() }
    count = last
  }

  /// Closes the hole in a run of slots, so that no search ends before its time.
  private mutating func vacate(_ slot: Int) {
    let mask = index.count - 1
    var hole = slot
    var next = (slot + 1) & mask
    while index[next] != 0 {
      let home = Int(truncatingIfNeeded: hash(of: Int(index[next]) - 1)) & mask
      if (next &- home) & mask >= (next &- hole) & mask {
        index[hole] = index[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    index[hole] = 0
  }

  private mutating func packNames() {
    var packed = NameStore()
    for number in 0..<count {
      let record = record(number)
      let name = packed.add(names.bytes(record.name, Int(record.nameLength)))
      slabs[number >> Self.slabBits][number & Self.slabMask].name = name
    }
    names = packed
  }
}

extension JobCounters {
  /// With the other's measures where there are gaps.
  fileprivate func filled(_ gaps: JobGaps, from other: JobCounters) -> JobCounters {
    JobCounters(
      readBytes: gaps.contains(.readBytes) ? other.readBytes : readBytes,
      writtenBytes: gaps.contains(.writtenBytes) ? other.writtenBytes : writtenBytes,
      ioOperations: gaps.contains(.ioOperations) ? other.ioOperations : ioOperations,
      metadataOperations: gaps.contains(.metadataOperations)
        ? other.metadataOperations : metadataOperations)
  }
}

/// Bytes of many short names, one behind the other in blocks; a name never crosses two.
private struct NameStore: Sendable {
  private static let blockBytes = 1 << 12
  private var blocks: [[UInt8]] = []
  private var used = 0
  private var wasted = 0

  /// More than half is of names that are gone, and it is more than a block.
  var isWasteful: Bool { wasted > Self.blockBytes && wasted * 2 > used }

  mutating func add(_ name: [UInt8]) -> UInt32 {
    if blocks.isEmpty || blocks[blocks.count - 1].count + name.count > Self.blockBytes {
      blocks.append([])
      blocks[blocks.count - 1].reserveCapacity(Self.blockBytes)
    }
    let place = (blocks.count - 1) << 12 | blocks[blocks.count - 1].count
    blocks[blocks.count - 1].append(contentsOf: name)
    used += name.count
    return UInt32(place)
  }

  mutating func waste(_ bytes: Int) { wasted += bytes }

  func isEqual(_ place: UInt32, _ name: [UInt8]) -> Bool {
    let block = blocks[Int(place >> 12)]
    let start = Int(place & 0xfff)
    for offset in 0..<name.count where block[start + offset] != name[offset] { return false }
    return true
  }

  func bytes(_ place: UInt32, _ length: Int) -> [UInt8] {
    let start = Int(place & 0xfff)
    return Array(blocks[Int(place >> 12)][start..<(start + length)])
  }
}
