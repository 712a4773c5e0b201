import Protocol

/// What a start finds.
extension Spool {
  mutating func adopt(_ outcomes: [SegmentScan.Outcome]) {
    var losses: [HeldLife] = []
    for outcome in outcomes.sorted(by: { $0.number < $1.number }) {
      nextNumber = max(nextNumber, outcome.number &+ 1)
      switch outcome {
      case .newer(let number, let bytes): noteForeign(number, bytes: bytes)
      case .noFile(let number): noteDamage(number, "it is no regular file, and is left as it is")
      case .unusable(let number, let reason, let life, let ending):
        if let reason { noteDamage(number, reason) }
        if let told = ending.losses { losses = told }
        removals.append(number)
        if let life, ending.damagedThrough > 0, let stamp = ending.lastStamp {
          extend(life, through: ending.damagedThrough, stamp)
        }
      case .segment(let segment, let ending):
        if let told = ending.losses { losses = told }
        adopt(segment)
        if ending.damagedThrough > 0, let stamp = ending.lastStamp {
          noteDamage(segment.number, "a record in it is damaged; what follows is given up")
          extend(segment.life, through: ending.damagedThrough, stamp)
        }
      }
    }
    adopt(losses)
    noteHoles()
    order()
    if !losses.isEmpty { lossesVersion += 1 }
  }

  /// What stands in two segments counts once: a write that failed and yet reached the disk is followed by
  /// another, which has more behind it. The numbers tell nothing else, for files can be copied and renamed.
  private mutating func adopt(_ found: SpoolSegment) {
    var segment = found
    var place = segments.count
    for index in segments.indices.reversed() where segments[index].life == segment.life {
      let known = segments[index].orders
      if known.upperBound < segment.orders.lowerBound { break }
      if known.lowerBound > segment.orders.upperBound {
        place = index
      } else if known.upperBound > segment.orders.upperBound {
        guard segment.orders.lowerBound < known.lowerBound else {
          noteDamage(segment.number, "all of it is in segment \(segments[index].number) too")
          removals.append(segment.number)
          return
        }
        segment.orders = segment.orders.lowerBound...(known.lowerBound - 1)
        place = index
      } else if known.lowerBound < segment.orders.lowerBound {
        segments[index].orders = known.lowerBound...(segment.orders.lowerBound - 1)
      } else {
        removals.append(segments[index].number)
        segments.remove(at: index)
        place -= 1
      }
    }
    segments.insert(segment, at: place)
    guard let index = lives.firstIndex(where: { $0.life == segment.life }) else {
      lives.append(
        EarlierLife(
          life: segment.life, lastOrder: segment.orders.upperBound, lastStamp: segment.lastStamp))
      return
    }
    if segment.orders.upperBound >= lives[index].lastOrder {
      lives[index].lastOrder = segment.orders.upperBound
      lives[index].lastStamp = segment.lastStamp
    }
  }

  /// Orders up to this one were there and can not be read, unless another segment has them.
  private mutating func extend(_ life: Life, through order: UInt64, _ stamp: Stamp) {
    guard let index = lives.firstIndex(where: { $0.life == life }) else {
      lives.append(EarlierLife(life: life, lastOrder: order, lastStamp: stamp))
      return
    }
    guard order > lives[index].lastOrder else { return }
    lives[index].lastOrder = order
    lives[index].lastStamp = stamp
  }

  /// Lives of one boot by its clock. Which boot came first only the files' numbers tell, for wall clocks may
  /// be wrong at a boot.
  private mutating func order() {
    for boot in Set(lives.map(\.life.boot)) {
      let places = lives.indices.filter { lives[$0].life.boot == boot }
      let ordered = places.map { lives[$0] }
        .sorted { $0.lastStamp.bootNanoseconds < $1.lastStamp.bootNanoseconds }
      for (place, entry) in zip(places, ordered) { lives[place] = entry }
    }
  }

  /// What is in no segment, behind the first of its life: nothing of it can be sent, for whatever reason.
  /// What lies before the first the manager has, or knows for lost.
  private mutating func noteHoles() {
    for index in lives.indices {
      let held = segments.filter { $0.life == lives[index].life }.map(\.orders)
      guard let first = held.map(\.lowerBound).min(), first <= lives[index].lastOrder else {
        continue
      }
      let told = lives[index].lost.ranges.map { $0.from...$0.through }
      for part in Spool.subtract(held + told, from: first...lives[index].lastOrder) {
        lives[index].lost.add(part, samples: nil, stamps: around(part, lives[index]))
      }
    }
  }

  /// When what is held before and behind some orders was sampled.
  private func around(_ orders: ClosedRange<UInt64>, _ life: EarlierLife) -> LostStamps? {
    let held = segments.filter { $0.life == life.life }
    let before = held.filter { $0.orders.upperBound < orders.lowerBound }
      .max { $0.orders.upperBound < $1.orders.upperBound }
    let after = held.filter { $0.orders.lowerBound > orders.upperBound }
      .min { $0.orders.lowerBound < $1.orders.lowerBound }
    return before.map { LostStamps(first: $0.lastStamp, last: after?.firstStamp ?? life.lastStamp) }
  }

  /// What earlier lives wrote down as given up. A segment that is there all the same beats it.
  private mutating func adopt(_ losses: [HeldLife]) {
    var vanished: [EarlierLife] = []
    for told in losses {
      let life = Life(boot: told.boot, incarnation: told.incarnation)
      let held = segments.filter { $0.life == life }.map(\.orders)
      let index = lives.firstIndex { $0.life == life }
      var entry =
        index.map { lives[$0] }
        ?? EarlierLife(life: life, lastOrder: told.lastOrder, lastStamp: told.lastStamp)
      if told.lastOrder > entry.lastOrder {
        entry.lastOrder = told.lastOrder
        entry.lastStamp = told.lastStamp
      }
      for lost in told.lost.prefix(WireLimits.lostRanges) where lost.from <= lost.through {
        let whole = lost.from...lost.through
        let parts = Spool.subtract(held, from: whole)
        for part in parts {
          entry.lost.add(
            part,
            samples: parts.count == 1
              ? lost.samples.map { told in
                told - min(told, heldValues(of: life, in: whole))
              } : nil, stamps: lost.stamps)
        }
      }
      if let index { lives[index] = entry } else { vanished.append(entry) }
    }
    lives.insert(contentsOf: vanished.prefix(WireLimits.lives), at: 0)
  }

  private func heldValues(of life: Life, in orders: ClosedRange<UInt64>) -> UInt64 {
    segments.filter { $0.life == life && $0.orders.overlaps(orders) }.reduce(0) {
      $0 + $1.values(in: $1.orders.clamped(to: orders))
    }
  }

  private static func subtract(
    _ held: [ClosedRange<UInt64>], from whole: ClosedRange<UInt64>
  ) -> [ClosedRange<UInt64>] {
    var parts = [whole]
    for range in held {
      parts = parts.flatMap { part -> [ClosedRange<UInt64>] in
        guard part.overlaps(range) else { return [part] }
        var rest: [ClosedRange<UInt64>] = []
        if part.lowerBound < range.lowerBound {
          rest.append(part.lowerBound...(range.lowerBound - 1))
        }
        if part.upperBound > range.upperBound {
          rest.append((range.upperBound + 1)...part.upperBound)
        }
        return rest
      }
    }
    return parts
  }
}

extension SegmentScan.Outcome {
  package var number: UInt64 {
    switch self {
    case .segment(let segment, _): segment.number
    case .unusable(let number, _, _, _): number
    case .newer(let number, _): number
    case .noFile(let number): number
    }
  }
}
