import Protocol

/// The segment that this life appends to.
struct SegmentWriter: Sendable {
  var number: UInt64
  var segment: SpoolSegment?
  var bytes = 0
  var declarationBytes = 0
  var encoder = SampleEncoder()
  var declared: Set<UInt32> = []
}

/// What becomes true when the write in flight is synced.
struct PendingWrite: Sendable {
  var writer: SegmentWriter
  var through: UInt64
  var lossesVersion: UInt64
}

extension Spool {
  private static let declarationsPerRecord = 2_000

  /// Batches that are not on disk yet, as far as one write goes.
  mutating func makeWrite(
    _ buffer: BatchBuffer, _ series: SeriesTable, _ limits: Limits
  ) -> SpoolWork? {
    let waiting = buffer.batches(after: max(spooledThrough, ownAcknowledged))
    guard let first = waiting.first else { return nil }
    guard lives.count < WireLimits.lives, ownLost.ranges.count < WireLimits.lostRanges else {
      complain(
        "it holds too many earlier lives or gaps; it goes on when the manager has taken them",
        at: buffer.highestOrder)
      return nil
    }
    makeRoom(for: 2 * limits.writeBytes + lossesRecord(first.stamp).count, buffer, limits)
    let isNext = writer?.segment?.orders.upperBound == first.order - 1
    let continued = isNext && !isFull(limits) ? writer : nil
    var now = continued ?? SegmentWriter(number: nextNumber)
    var bytes: [UInt8] = []
    if continued == nil {
      bytes = SegmentFormat.beginning(SegmentFormat.Header(life: own, stamp: first.stamp))
    }
    if continued == nil || lossesVersion != writtenLosses { bytes += lossesRecord(first.stamp) }
    var through = first.order - 1
    for batch in waiting {
      if bytes.count >= limits.writeBytes, through >= first.order { break }
      append(batch, series, &now, &bytes)
      through = batch.order
    }
    let offset = now.bytes
    now.bytes += bytes.count
    now.segment?.bytes = now.bytes
    now.segment?.fileBytes = now.bytes
    pendingWrite = PendingWrite(
      writer: now, through: through, lossesVersion: lossesVersion)
    return .write(number: now.number, offset: offset, bytes: bytes)
  }

  /// Declarations of a server with very many series would fill every segment by themselves.
  private func isFull(_ limits: Limits) -> Bool {
    guard let writer else { return true }
    guard writer.bytes >= limits.segmentBytes else { return false }
    return writer.bytes >= 3 * writer.declarationBytes || writer.bytes >= limits.bytes / 8
  }

  private func append(
    _ batch: SampleBatch, _ series: SeriesTable, _ writer: inout SegmentWriter,
    _ bytes: inout [UInt8]
  ) {
    let new = batch.ids.filter { writer.declared.insert($0).inserted }
    for start in stride(from: 0, to: new.count, by: Spool.declarationsPerRecord) {
      var part: [UInt32: SeriesDeclaration] = [:]
      for id in new[start..<min(start + Spool.declarationsPerRecord, new.count)] {
        part[id] = series[id]
      }
      let record = SegmentFormat.record(.declarations, DeclarationCodec.encode(part))
      writer.declarationBytes += record.count
      bytes += record
    }
    bytes += SegmentFormat.record(.batch, writer.encoder.encode(batch))
    if writer.segment == nil {
      writer.segment = SpoolSegment(
        number: writer.number, life: own, orders: batch.order...batch.order,
        firstStamp: batch.stamp, lastStamp: batch.stamp, counts: ValueCounts(), bytes: 0,
        fileBytes: 0)
    }
    writer.segment?.counts.append(batch.ids.count)
    writer.segment?.lastStamp = batch.stamp
    if let first = writer.segment?.orders.lowerBound {
      writer.segment?.orders = first...batch.order
    }
  }

  private func lossesRecord(_ now: Stamp) -> [UInt8] {
    var all = lives.filter { entry in
      !entry.lost.ranges.isEmpty || !segments.contains { $0.life == entry.life }
    }.map { held($0.life, $0.lastOrder, $0.lastStamp, $0.lost.ranges) }
    if let lost = ownLostOnDisk.ranges.last {
      let last = segments.last { $0.life == own }
      all.append(
        held(
          own, max(lost.through, last?.orders.upperBound ?? 0), last?.lastStamp ?? now,
          ownLostOnDisk.ranges))
    }
    guard lossesVersion != writtenLosses || !all.isEmpty, let body = try? CanonicalJSON.encode(all)
    else {
      return []
    }
    return SegmentFormat.record(.losses, body)
  }

  mutating func written() {
    guard let done = pendingWrite else { return }
    pendingWrite = nil
    writer = done.writer
    nextNumber = max(nextNumber, done.writer.number + 1)
    spooledThrough = done.through
    writtenLosses = done.lossesVersion
    guard let segment = done.writer.segment else { return }
    if let index = segments.firstIndex(where: { $0.number == segment.number }) {
      segments[index] = segment
    } else {
      segments.append(segment)
    }
    forget()
  }

  // MARK: Giving up

  private mutating func makeRoom(for bytes: Int, _ buffer: BatchBuffer, _ limits: Limits) {
    while totalBytes + bytes > limits.bytes, let oldest = segments.first,
      oldest.number != writer?.number
    {
      giveUp(oldest, heldInMemoryFrom: buffer.firstHeldOrder)
    }
  }

  private mutating func giveUp(_ segment: SpoolSegment, heldInMemoryFrom memory: UInt64) {
    segments.removeAll { $0.number == segment.number }
    removals.append(segment.number)
    let isOwn = segment.life == own
    let acknowledged =
      isOwn
      ? ownAcknowledged : lives.first { $0.life == segment.life }?.acknowledged ?? 0
    let first = max(segment.orders.lowerBound, acknowledged + 1)
    let last = isOwn ? min(segment.orders.upperBound, memory - 1) : segment.orders.upperBound
    if isOwn, first <= segment.orders.upperBound {
      let orders = first...segment.orders.upperBound
      ownLostOnDisk.add(orders, samples: segment.values(in: orders), stamps: segment.stamps)
      lossesVersion += 1
    }
    guard first <= last else { return }
    lose(
      first...last, of: segment.life, samples: segment.values(in: first...last),
      stamps: segment.stamps)
  }

  /// These batches can not be sent any more, and the manager is to be told.
  mutating func lose(
    _ orders: ClosedRange<UInt64>, of life: Life, samples: UInt64?, stamps: LostStamps?
  ) {
    if life == own {
      ownLost.add(orders, samples: samples, stamps: stamps)
      ownLostOnDisk.add(orders, samples: samples, stamps: stamps)
    } else if let index = lives.firstIndex(where: { $0.life == life }) {
      lives[index].lost.add(orders, samples: samples, stamps: stamps)
    }
    lossesVersion += 1
  }

  // MARK: Acknowledgements

  mutating func acknowledgedOwn(through order: UInt64) {
    guard order > ownAcknowledged else { return }
    ownAcknowledged = order
    ownLost.settled(through: order)
    ownLostOnDisk.settled(through: order)
    forget()
  }

  mutating func acknowledged(_ life: Life, through order: UInt64) {
    guard let index = lives.firstIndex(where: { $0.life == life }),
      order > lives[index].acknowledged
    else { return }
    lives[index].acknowledged = order
    lives[index].lost.settled(through: order)
    forget()
  }

  /// Removes what is acknowledged. Earlier lives stay listed until the manager has stored something
  /// of this one: it needs their end to tell a pause from a loss.
  private mutating func forget() {
    var acknowledged: [Life: UInt64] = [own: ownAcknowledged]
    if ownAcknowledged > 0 {
      for entry in lives { acknowledged[entry.life] = entry.acknowledged }
    }
    let open = pendingWrite?.writer.number ?? writer?.number
    segments.removeAll { segment in
      guard segment.number != open, segment.orders.upperBound <= acknowledged[segment.life] ?? 0
      else { return false }
      removals.append(segment.number)
      return true
    }
    guard ownAcknowledged > 0 else { return }
    let before = lives.count
    lives.removeAll { $0.acknowledged >= $0.lastOrder }
    if lives.count != before { lossesVersion += 1 }
  }
}
