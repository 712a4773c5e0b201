import Protocol

/// What a start finds.
extension Spool {
  mutating func adopt(_ outcomes: [SegmentScan.Outcome]) {
    var losses: [HeldLife] = []
    for outcome in outcomes.sorted(by: { $0.number < $1.number }) {
      nextNumber = max(nextNumber, outcome.number &+ 1)
      switch outcome {
      case .newer(let number, let bytes): noteForeign(number, bytes: bytes)
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
    if !losses.isEmpty { lossesVersion += 1 }
  }

  private mutating func adopt(_ segment: SpoolSegment) {
    // A write that failed and yet reached the disk stands in two segments; the later one counts.
    while let index = segments.lastIndex(where: { $0.life == segment.life }),
      segments[index].orders.upperBound >= segment.orders.lowerBound
    {
      let first = segments[index].orders.lowerBound
      if first < segment.orders.lowerBound {
        segments[index].orders = first...(segment.orders.lowerBound - 1)
      } else {
        removals.append(segments[index].number)
        segments.remove(at: index)
      }
    }
    let before = lives.first { $0.life == segment.life }?.lastOrder
    if let before, segment.orders.lowerBound > before + 1 {
      extend(segment.life, through: segment.orders.lowerBound - 1, segment.firstStamp)
    }
    segments.append(segment)
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

  /// Orders up to this one were there and can not be read.
  private mutating func extend(_ life: Life, through order: UInt64, _ stamp: Stamp) {
    guard let index = lives.firstIndex(where: { $0.life == life }) else {
      var entry = EarlierLife(life: life, lastOrder: order, lastStamp: stamp)
      entry.lost.add(order...order, samples: nil)
      lives.append(entry)
      return
    }
    guard order > lives[index].lastOrder else { return }
    lives[index].lost.add((lives[index].lastOrder + 1)...order, samples: nil)
    lives[index].lastOrder = order
    lives[index].lastStamp = stamp
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
              } : nil)
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
    }
  }
}
