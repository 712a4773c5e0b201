import Protocol

/// What of the losses this session's manager has heard.
struct ToldLosses: Sendable {
  var version: UInt64?
  /// The oldest range of this life, as the hello tells it.
  var givenUp: GivenUp?
  var own: [LostBatches] = []
  var lives: [[LostBatches]] = []
}

/// The link's dealings with the spool.
extension AgentLink {
  /// What the shell is to do in the spool's folder; ask again after each cycle, each message and
  /// each answer. One thing at a time.
  package mutating func nextSpoolWork() -> SpoolWork? { spool.nextWork(buffer, series) }

  package mutating func spoolAnswered(_ answer: SpoolAnswer) {
    let work = spool.done(answer, highestOrder: buffer.highestOrder)
    if case .read(let number, let offset, _) = work {
      replay.read(number, offset, answer, &spool)
    }
  }

  /// Whether a hello can tell what the spool holds, or it is known that it can not be read.
  package var isSpoolReady: Bool { spool.hasAnswered }
  package var spoolReport: Spool.Report? { spool.limits == nil ? nil : spool.report }
  /// Orders of this life up to here are on disk.
  package var spooledThrough: UInt64 { spool.spooledThrough }

  /// A spool that was read only after the hello is told of by saying hello again.
  var spoolOpenedLate: Effect? {
    guard toldLives == nil, spool.isOpen, !spool.lives.isEmpty else { return nil }
    return .close(
      Diagnostic(
        .conflict, .info, subject: "spool", reason: "it was read only now; its lives are to be told"
      ),
      tell: false)
  }

  mutating func beginTelling() {
    replay = Replay()
    spool.wantedRead = nil
    takesReplay = false
    let lives = spool.heldLives
    toldLives = lives?.map { Life(boot: $0.boot, incarnation: $0.incarnation) }
    told = ToldLosses()
    told.lives = lives?.map(\.lost) ?? []
    if let first = spool.ownLost.ranges.first, let samples = first.samples {
      told.givenUp = GivenUp(
        from: first.from, through: first.through, samples: samples, stamps: first.stamps)
      told.own = [first]
    }
  }

  /// The session is open: what is only on disk is to be read back.
  mutating func planReplay(_ durable: [UInt64]?) {
    guard let toldLives, let durable, durable.count == toldLives.count else { return }
    takesReplay = true
    for (index, life) in toldLives.enumerated() {
      spool.acknowledged(life, through: durable[index])
      guard let last = spool.lives.first(where: { $0.life == life })?.lastOrder,
        durable[index] < last
      else { continue }
      replay.add(life, index: index, orders: (durable[index] + 1)...last)
    }
    if let first = spool.firstHeldOrder, first < buffer.firstHeldOrder {
      replay.add(
        spool.own, index: toldLives.count, orders: first...(buffer.firstHeldOrder - 1))
    }
  }

  mutating func acknowledged(through order: UInt64) {
    // Nobody can have stored what was never sent.
    let order = min(order, buffer.highestSent)
    buffer.acknowledged(through: order)
    spool.acknowledgedOwn(through: order)
    if let toldLives { replay.acknowledged(toldLives.count, through: order) }
  }

  mutating func acknowledged(life index: Int, through order: UInt64) {
    guard let toldLives, toldLives.indices.contains(index) else { return }
    spool.acknowledged(toldLives[index], through: order)
    replay.acknowledged(index, through: order)
  }

  /// Lets go of what does not fit in memory: on disk it is read back when there is a session, else it
  /// is given up.
  mutating func overflow() {
    while true {
      let isUnsent = buffer.nextOrderToSend == buffer.firstHeldOrder
      guard let (order, values, stamp) = buffer.nextOverflow() else { return }
      if !spool.holds(order) {
        spool.lose(
          order...order, of: spool.own, samples: UInt64(values),
          stamps: LostStamps(first: stamp, last: stamp))
      } else if isUnsent, takesReplay, let toldLives {
        replay.add(spool.own, index: toldLives.count, orders: order...order)
      }
    }
  }

  mutating func tellLosses() {
    guard told.version != spool.lossesVersion else { return }
    told.version = spool.lossesVersion
    for lost in spool.ownLost.ranges where !told.own.contains(lost) {
      if let samples = lost.samples {
        send(
          .dropped(
            GivenUp(
              from: lost.from, through: lost.through, samples: samples, stamps: lost.stamps)))
      } else if takesReplay, let toldLives {
        send(.lifeDropped(life: toldLives.count, lost))
      }
    }
    told.own = spool.ownLost.ranges
    guard takesReplay, let toldLives else { return }
    for (index, life) in toldLives.enumerated() where told.lives.indices.contains(index) {
      let ranges = spool.lost(of: life)?.ranges ?? []
      for lost in ranges where !told.lives[index].contains(lost) {
        send(.lifeDropped(life: index, lost))
      }
      told.lives[index] = ranges
    }
  }
}
