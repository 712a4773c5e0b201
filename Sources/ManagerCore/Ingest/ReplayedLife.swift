import Protocol

/// The life whose batches an agent is reading back. Lives come one after another, and what is known
/// of one goes when the next begins, so that a session never holds more than one of them.
struct ReplayedLife: Sendable {
  private var life: Int?
  private var samples = SampleDecoder(seriesLimit: 0)
  private var declared = NumberSet()
  private var lastOrder: UInt64 = 0

  mutating func turn(to life: Int, of listed: Int) throws(WireError) {
    guard life <= listed else { throw .malformed("a life that it did not list") }
    guard self.life != life else { return }
    if let current = self.life, life < current {
      throw .malformed("life \(life) after life \(current)")
    }
    self = ReplayedLife()
    self.life = life
  }

  mutating func declare(_ declarations: [UInt32: SeriesDeclaration]) throws(WireError) {
    for id in declarations.keys where !declared.insert(id) {
      throw .malformed("series \(id) declared twice")
    }
    samples.seriesLimit = declared.end
  }

  mutating func batch(_ encoded: [UInt8], lastOrder limit: UInt64) throws(WireError) -> SampleBatch
  {
    let claimed = try SampleDecoder.heading(encoded.span).values
    guard claimed <= declared.count else {
      throw .malformed("\(claimed) values in a batch, and \(declared.count) series declared")
    }
    let batch = try samples.decode(encoded.span)
    guard batch.order > lastOrder, batch.order <= limit else {
      throw .malformed("batch \(batch.order) after batch \(lastOrder) of a life of \(limit)")
    }
    if let id = batch.ids.first(where: { !declared.contains($0) }) {
      throw .malformed("a value of series \(id), which was never declared")
    }
    lastOrder = batch.order
    return batch
  }
}
