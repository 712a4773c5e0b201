import Foundation
import ManagerCore
import Protocol
import Synchronization
import Testing

@testable import Manager

/// Roll-ups in the store: whatever came late and wherever the manager was killed, they say what the
/// samples say.
@Suite struct HistoryRollUpTests {
  static let hour = RollUpTier.hour.nanoseconds
  static let seriesCount = 40

  private static func series(_ id: Int) -> StoredSeries {
    StoredSeries(
      subject: .server(Given.server(1)), metric: "m", labels: ["n": "\(id)"],
      kind: id % 4 == 3 ? .gauge : .counter, unit: "bytes", decimals: 0,
      width: id % 3 == 0 ? 32 : 64)
  }

  /// Two days and a bit of one server, a batch a minute with jitter, as blocks of an hour and a half.
  static func blocks(_ server: Int = 1) -> [HistoryBlock] {
    var values = (0..<seriesCount).map { UInt64($0) * 1_000 + 0xffff_0000 }
    var state = UInt64(server) &* 77
    func random(_ bound: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % bound
    }
    var batches: [StoredBatch] = []
    var source: UInt64 = 5
    for order in UInt64(1)...3_000 {
      if random(700) == 0 {
        source += 1
        values = values.map { _ in random(50) }
      }
      for id in values.indices where random(3) == 0 {
        values[id] = values[id] &+ random(1 << 20)
        if series(id).width == 32 { values[id] &= 0xffff_ffff }
      }
      batches.append(
        StoredBatch(
          order: order,
          nanoseconds: Given.now + Int64(order) * 60 * Given.second + Int64(random(2_000_000_000)),
          samples: values.enumerated().map {
            StoredSample(series: SeriesID($0.offset), source: source, bits: $0.element)
          }))
    }
    return stride(from: 0, to: batches.count, by: 90).map {
      HistoryBlock(
        of: Array(batches[$0..<min(batches.count, $0 + 90)]), in: Given.stream(server))
    }
  }

  func store(
    _ directory: TemporaryDirectory, step: @escaping @Sendable (String) throws -> Void = { _ in }
  ) async throws -> StateStore {
    try StateStore(
      directory: StateDirectory(path: directory.path), steps: StateMigrations.all,
      patienceSeconds: 2, step: step)
  }

  func append(_ blocks: [HistoryBlock], to store: StateStore) async throws {
    var write = HistoryWrite()
    write.series = (0..<Self.seriesCount).map { (SeriesID($0), Self.series($0)) }
    write.blocks = blocks
    try await store.append(write, nanoseconds: 1)
  }

  /// All rounds that there are.
  ///
  /// - Parameter limit: pages that are put together at a time.
  func rollUp(_ store: StateStore, now: Int64 = .max, limit: Int = 32) async throws {
    let natures: HistoryFiles.Natures = { ids throws(DiagnosticError) in
      try await store.natures(of: ids)
    }
    for task in store.history.hoursToRollUp(now: now, patience: 0) {
      _ = try await store.history.rollUp(task, natures: natures)
    }
    for item in store.history.daysToJoin(now: now, patience: 0) {
      try await store.history.join(item.server, item.day, natures: natures, limit: limit)
    }
  }

  /// - Parameter held: what is not yet in the store.
  func answer(
    _ store: StateStore, tier: RollUpTier?, _ blocks: [HistoryBlock], held: [HistoryBlock] = []
  ) async throws -> [MetricAnswer.Group] {
    let candidates = (0..<Self.seriesCount).filter { $0 % 4 != 3 }.map {
      MetricQuery.Candidate(
        id: SeriesID($0), series: Self.series($0), labels: Self.series($0).labels)
    }
    let query = MetricQuery(
      metric: "m", fromNanoseconds: 0, throughNanoseconds: .max, isRate: true)
    let ids = candidates.map(\.id)
    var material = HistoryMaterial()
    if let tier {
      var hours: [ServerID: Set<Int64>] = [:]
      for block in held {
        hours[block.stream.server, default: []].formUnion(
          RollUpTier.hour.bucket(
            of: block.fromNanoseconds)...RollUpTier.hour.bucket(of: block.throughNanoseconds))
      }
      material = try await store.history.material(
        ids, servers: nil, 0...Int64.max, tier: tier, held: hours)
    }
    for block in tier == nil ? blocks : held {
      for (id, points) in try BlockCodec.columns(for: Set(ids), in: block.bytes.span) {
        material.columns[id, default: []] += points
      }
    }
    return query.evaluate(
      series: candidates, columns: material.columns, rollUps: material.rollUps,
      now: Moment(monotonicNanoseconds: 0, wallNanoseconds: Given.now)
    ).groups
  }

  func compare(
    _ store: StateStore, with blocks: [HistoryBlock], held: [HistoryBlock] = [],
    _ comment: String = ""
  ) async throws {
    let raw = try await answer(store, tier: nil, blocks)
    for tier in RollUpTier.allCases {
      let told = try await answer(store, tier: tier, blocks, held: held)
      #expect(told.map(\.value) == raw.map(\.value), "\(tier.name) \(comment)")
      #expect(told.map(\.resets) == raw.map(\.resets), "\(tier.name) \(comment)")
      #expect(told.map(\.samples) == raw.map(\.samples), "\(tier.name) \(comment)")
    }
  }

  @Test func everyTierSaysWhatTheSamplesSayAtEachStage() async throws {
    let directory = try TemporaryDirectory()
    let store = try await store(directory)
    let blocks = Self.blocks()
    try await append(blocks, to: store)
    try await compare(store, with: blocks, "not rolled up")
    // The middle of the second day.
    try await rollUp(store, now: Given.now + 36 * Self.hour)
    #expect(!store.history.loose.isEmpty)
    #expect(store.history.files.contains(.rollUps(.hour, month: "2026-11")))
    try await compare(store, with: blocks, "in part")
    try await rollUp(store)
    #expect(store.history.dirty.isEmpty)
    #expect(store.history.loose.isEmpty)
    try await compare(store, with: blocks, "all")
    store.history.close()
  }

  @Test func lateBlocksOfAnyTimeAreInOnce() async throws {
    let directory = try TemporaryDirectory()
    let store = try await store(directory)
    let blocks = Self.blocks()
    try await append(blocks.enumerated().filter { $0.offset % 3 != 1 }.map(\.element), to: store)
    try await rollUp(store)
    for block in blocks.enumerated().filter({ $0.offset % 3 == 1 }).map(\.element).reversed() {
      try await append([block], to: store)
      try await append([block], to: store)
    }
    try await rollUp(store, now: Given.now + 30 * Self.hour)
    try await rollUp(store)
    try await compare(store, with: blocks)
    // What was there is there after a start too.
    store.history.close()
    let again = try HistoryFiles(folder: directory.path + "/history")
    #expect(again.dirty.isEmpty)
    #expect(again.loose.isEmpty)
  }

  /// What comes late, into hours and days that are rolled up and put together, is in each answer from its
  /// coming on: held, then stored, then rolled up.
  @Test func whatComesLateIsInEachAnswerAtOnce() async throws {
    let directory = try TemporaryDirectory()
    let store = try await store(directory)
    let blocks = Self.blocks()
    // The middle of the first day, a block of an hour and a half at the end of another hour, and one of the
    // second day, whose hours are not put together.
    let late = [3, 4, 10, 20]
    let early = blocks.indices.filter { !late.contains($0) }.map { blocks[$0] }
    try await append(early, to: store)
    try await rollUp(store, now: Given.now + 36 * Self.hour)
    try await compare(store, with: early, "early")
    var known = early
    for place in late {
      known.append(blocks[place])
      try await compare(store, with: known, held: [blocks[place]], "\(place) is held")
      try await append([blocks[place]], to: store)
      try await compare(store, with: known, "\(place) is stored")
      try await compare(store, with: known, held: [blocks[place]], "\(place) is stored and held")
      if place.isMultiple(of: 2) {
        try await rollUp(store, now: Given.now + 36 * Self.hour)
        try await compare(store, with: known, "\(place) is rolled up")
        try await compare(
          store, with: known, held: [blocks[place]], "\(place) is rolled up and held")
      }
    }
    try await rollUp(store)
    try await compare(store, with: blocks, "all")
    store.history.close()
  }

  /// A day is put together in three parts here. What comes late after each step of it is in each answer at
  /// once, also after a start; and what is put together then is taken apart and made again.
  @Test(arguments: [3, 5])
  func whatComesLateWhileADayIsPutTogetherIsInEachAnswer(_ steps: Int) async throws {
    let directory = try TemporaryDirectory()
    let left = Mutex(Int.max)
    let stop: @Sendable (String) throws -> Void = { point in
      guard point == "store days" || point == "days are stored" else { return }
      try left.withLock { count in
        count -= 1
        if count < 0 { throw DiagnosticError(.internalError, subject: point, reason: "held up") }
      }
    }
    let blocks = Self.blocks()
    let early = blocks.indices.filter { $0 != 3 }.map { blocks[$0] }
    let now = Given.now + 36 * Self.hour
    do {
      let store = try await store(directory, step: stop)
      try await append(early, to: store)
      left.withLock { $0 = steps * 2 }
      await #expect(throws: DiagnosticError.self) { try await rollUp(store, now: now, limit: 1) }
      try await compare(store, with: early, "in part")
      try await append([blocks[3]], to: store)
      try await compare(store, with: blocks, "late")
      try store.close()
    }
    let store = try await store(directory, step: stop)
    try await compare(store, with: blocks, "late, after a start")
    left.withLock { $0 = .max }
    try await rollUp(store, now: now, limit: 1)
    #expect(store.history.state.withLock { $0.joining.isEmpty })
    try await compare(store, with: blocks, "rolled up")
    store.history.close()
  }

  /// Between any two steps of the work, and while it goes on: hours are rolled up, days put together,
  /// taken apart for what came late, and put together again.
  @Test func answersAreTheSameWhileHistoryIsRolledUp() async throws {
    let directory = try TemporaryDirectory()
    let store = try await store(directory)
    let blocks = Self.blocks()
    try await append(blocks, to: store)
    let raw = try await answer(store, tier: nil, blocks)
    for _ in 0..<3 {
      let work = Task { try await rollUp(store) }
      let isDone = Mutex(false)
      let watch = Task {
        _ = await work.result
        isDone.withLock { $0 = true }
      }
      repeat {
        for tier in RollUpTier.allCases {
          let told = try await answer(store, tier: tier, blocks)
          #expect(told.map(\.value) == raw.map(\.value), "\(tier.name)")
          #expect(told.map(\.resets) == raw.map(\.resets), "\(tier.name)")
        }
      } while !isDone.withLock { $0 }
      try await work.value
      await watch.value
      // All that is there is to be made anew.
      let hours = Set(
        blocks.flatMap {
          RollUpTier.hour.bucket(
            of: $0.fromNanoseconds)...RollUpTier.hour.bucket(of: $0.throughNanoseconds)
        })
      store.history.soil([Given.server(1): hours], newest: [:])
    }
  }

  /// Killed at every step there is, then started again.
  @Test func aManagerKilledAnywhereRollsUpEachBatchOnce() async throws {
    let blocks = Array(Self.blocks().prefix(18))
    for limit in stride(from: 0, to: 200, by: 7) {
      let directory = try TemporaryDirectory()
      let passed = Mutex(0)
      do {
        let store = try await store(directory) { point in
          try passed.withLock { count in
            count += 1
            if count > limit {
              throw DiagnosticError(.internalError, subject: point, reason: "killed")
            }
          }
        }
        try? await append(blocks, to: store)
        try? await rollUp(store, now: Given.now + 20 * Self.hour)
        try? await rollUp(store)
      }
      let again = try await store(directory)
      try await append(blocks, to: again)
      try await rollUp(again)
      try await compare(again, with: blocks, "killed after \(limit)")
    }
  }

  @Test func whatCameAfterTheRestWasRemovedTakesNothingAway() async throws {
    let directory = try TemporaryDirectory()
    let store = try await store(directory)
    let blocks = Self.blocks()
    let day = HistoryDay(of: Given.now)
    try await append(Array(blocks.dropFirst(3)), to: store)
    try await rollUp(store)
    let before = try await answer(store, tier: .minute, blocks)
    try await store.history.markGone(day)
    try store.history.remove(.raw(day))
    try await append(Array(blocks.prefix(2)), to: store)
    try await rollUp(store)
    #expect(try await answer(store, tier: .minute, blocks) == before)
    #expect(store.history.dirty.isEmpty)
  }

  /// Between the look at what is dirty and the read of it.
  @Test func anHourWhoseSamplesAreRemovedMeanwhileIsReadFromItsRollUps() async throws {
    let directory = try TemporaryDirectory()
    let day = HistoryDay(of: Given.now)
    let remove = Mutex<(@Sendable () throws -> Void)?>(nil)
    let store = try await store(directory) { point in
      guard point == "dirty hours are known" else { return }
      try remove.withLock { body in
        defer { body = nil }
        return body
      }?()
    }
    let blocks = Self.blocks()
    try await append(blocks, to: store)
    try await rollUp(store)
    let whole = try await answer(store, tier: .minute, blocks)
    // As before it was rolled up; it is by the time that the samples are read, and they are gone.
    let hours = Set(day.hours)
    store.history.soil([Given.server(1): hours], newest: [:])
    let history = store.history
    remove.withLock {
      $0 = {
        history.clean(Given.server(1), hours)
        try history.remove(.raw(day))
      }
    }
    let told = try await answer(store, tier: .minute, blocks)
    #expect(told.map(\.samples) == whole.map(\.samples))
    #expect(told.map(\.value) == whole.map(\.value))
    #expect(!history.rawDays.contains(day))
    history.close()
  }
}
