import Foundation
import GRDB
import ManagerCore
import Platform
import Protocol
import Synchronization
import Testing

@testable import Manager

/// What a damage costs does not depend on when the manager was stopped, or on who found it first.
extension HistoryDamageTests {
  private static let damage = DatabaseError(resultCode: .SQLITE_CORRUPT)
  private static let second = HistoryDay(of: Given.now + Given.day)
  private static let spoilt = "raw-2026-11-23.sqlite"

  private func opened(
    _ directory: TemporaryDirectory, step: @escaping @Sendable (String) throws -> Void = { _ in }
  ) throws -> StateStore {
    try StateStore(
      directory: StateDirectory(path: directory.path), steps: StateMigrations.all,
      patienceSeconds: 2, clock: Given.clock, step: step)
  }

  private func late(_ nanoseconds: Int64, order: UInt64 = 1) -> HistoryWrite {
    var write = HistoryWrite()
    write.blocks = [
      HistoryBlock(
        of: [
          StoredBatch(
            order: order, nanoseconds: nanoseconds,
            samples: [StoredSample(series: 0, source: 1, bits: 7)])
        ], in: Given.stream(1, incarnation: "second"))
    ]
    return write
  }

  /// The orders of which nothing but the index knows.
  private func spoilIndex(_ store: StateStore, _ directory: TemporaryDirectory) throws {
    store.history.close()
    let path = directory.path + "/history/" + Self.spoilt
    try spoil(Self.spoilt, in: directory, firstPage(of: "blocks_by_order", in: path))
  }

  // MARK: Orders

  @Test func aDayWhoseOrdersCanNotBeReadIsSetAsideAndTakenAgain() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory)
    let store = try opened(directory)
    try spoilIndex(store, directory)
    let left = OrderSet(try await store.history.orders(of: Given.stream(1)))
    #expect(left.contains(1_439) && !left.contains(1_500) && left.contains(2_881))
    #expect(store.history.damaged.map(\.name) == [Self.spoilt + ".damaged"])
    #expect(store.history.missing.map(\.keptAs) == [Self.spoilt + ".damaged"])
    var write = HistoryWrite()
    write.blocks = Self.blocks()
    try await store.append(write, nanoseconds: 2)
    #expect(try await samples(store, tier: nil) == 4_500)
    let orders = OrderSet(try await store.history.orders(of: Given.stream(1)))
    #expect(orders == OrderSet([1...4_500]))
    try store.close()
  }

  @Test func anErrorThatPassesHidesNoOrders() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory)
    let errors = Mutex(1)
    let store = try opened(directory) { point in
      let isNow =
        point == "read orders"
        && errors.withLock { count in
          defer { count -= 1 }
          return count > 0
        }
      if isNow { throw Self.damage }
    }
    let orders = OrderSet(try await store.history.orders(of: Given.stream(1)))
    #expect(orders == OrderSet([1...4_500]))
    #expect(store.history.damaged.isEmpty && store.history.missing.isEmpty)
    try store.close()
  }

  /// A bad place on a disk never gives what it has; a path to it that is away does so again.
  @Test func whatTheDiskDoesNotGiveIsWaitedForAndThenSetAside() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory)
    let isBad = Mutex(true)
    let store = try opened(directory) { point in
      guard isBad.withLock({ $0 }) else { return }
      if point == "read orders" || point == "append to a day" {
        throw DatabaseError(resultCode: .SQLITE_IOERR_READ)
      }
      if point == "read through" {
        isBad.withLock { $0 = false }
        throw FileError(path: "", operation: "read", errorNumber: 5)
      }
    }
    let refused = await refusal { _ = try await store.history.orders(of: Given.stream(1)) }
    #expect(refused?.code == "state-directory-unusable")
    #expect(store.history.damaged.isEmpty)
    // It comes back.
    #expect(
      OrderSet(try await store.history.orders(of: Given.stream(1))) == OrderSet([1...4_500]))
    // It never does: two looks, as far apart as it takes.
    store.history.state.withLock { $0.patience = 0 }
    for look in 1...2 {
      isBad.withLock { $0 = true }
      let refused = await refusal {
        try await store.append(late(Given.now + Given.day), nanoseconds: 2)
      }
      #expect((refused == nil) == (look == 2), "\(look)")
    }
    #expect(store.history.damaged.map(\.name) == [Self.spoilt + ".damaged"])
    #expect(store.history.missing.map(\.file) == [.raw(Self.second)])
    #expect(try await samples(store, tier: nil) == 4_500 - 1_439)
    try store.close()
  }

  // MARK: Stops

  @Test func minutesThatWereSetAsideAreMadeAgainAlsoAfterAStop() async throws {
    for isMovedAway in [false, true] {
      let directory = try TemporaryDirectory()
      try await filled(directory)
      let name = "1m-2026-11.sqlite"
      try spoil(name, in: directory)
      try opened(directory).close()
      if isMovedAway {
        try FileManager.default.removeItem(atPath: directory.path + "/history/\(name).damaged")
      }
      let store = try opened(directory)
      try await rollUp(store)
      for tier in RollUpTier.allCases {
        #expect(try await samples(store, tier: tier) == 4_500, "\(tier.name) \(isMovedAway)")
      }
      #expect(store.history.unreadable(Given.now...Int64.max, tier: .minute).isEmpty)
      try store.close()
    }
  }

  @Test func withoutMinutesLateSamplesTakeNoWideRollUpsAway() async throws {
    for wasThereBefore in [false, true] {
      let directory = try TemporaryDirectory()
      try await filled(directory)
      let late = late(Given.now + Given.day + Self.hour)
      do {
        // Of the first and the third day there are samples.
        let store = try opened(directory)
        try await store.history.markGone(Self.second)
        try store.history.remove(.raw(Self.second))
        if wasThereBefore { try await store.append(late, nanoseconds: 2) }
        try store.close()
      }
      try spoil("1m-2026-11.sqlite", in: directory)
      for start in 1...2 {
        let store = try opened(directory)
        if !wasThereBefore { try await store.append(late, nanoseconds: 2) }
        try await rollUp(store)
        for tier in [RollUpTier.tenMinutes, .hour] {
          #expect(try await samples(store, tier: tier) == 4_500, "\(tier.name) start \(start)")
        }
        #expect(try await samples(store, tier: .minute) == 4_500 - 1_440)
        let gaps = store.history.unreadable(0...Int64.max, tier: .minute)
        #expect(gaps.map(\.throughNanoseconds) == [Self.second.end - 1], "start \(start)")
        try store.close()
      }
    }
  }

  /// As somebody's `rm` while the manager does not run.
  @Test func whatComesLateForADayThatIsMissingTakesNoRollUpsAway() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory)
    try FileManager.default.removeItem(atPath: directory.path + "/history/" + Self.spoilt)
    let store = try opened(directory)
    #expect(store.history.missing == [LostHistory(.raw(Self.second))])
    try await store.append(late(Given.now + Given.day + Self.hour), nanoseconds: 2)
    try await rollUp(store)
    for tier in RollUpTier.allCases { #expect(try await samples(store, tier: tier) == 4_500) }
    try store.close()
  }

  @Test func whatIsSetAsideJustBeforeAStopIsToldAfterIt() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory)
    do {
      let store = try opened(directory)
      store.history.close()
      try spoil(Self.spoilt, in: directory)
      try await store.append(late(Given.now + Given.day), nanoseconds: 2)
      #expect(store.history.files.contains(.raw(Self.second)))
      try store.close()
    }
    for _ in 1...2 {
      let store = try opened(directory)
      #expect(store.history.missing.map(\.file) == [.raw(Self.second)])
      #expect(store.history.missing.map(\.keptAs) == [Self.spoilt + ".damaged"])
      try store.close()
    }
    do {
      let store = try opened(directory)
      let told = store.history.missing
      // While these are told another one is found.
      store.history.close()
      try spoil(Self.spoilt, in: directory)
      #expect(try store.history.setAside(.raw(Self.second), Self.damage))
      store.history.told(told)
      try store.close()
    }
    let store = try opened(directory)
    #expect(store.history.missing.map(\.keptAs) == [Self.spoilt + ".damaged2"])
    store.history.told(store.history.missing)
    try store.close()
    #expect(try HistoryFiles(folder: directory.path + "/history").missing.isEmpty)
  }

  /// The log of one file must be neither lost nor taken for that of the next.
  @Test func aManagerKilledBetweenTheRenamesGoesOnWithThem() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory)
    let folder = directory.path + "/history/"
    let killed = try [TemporaryDirectory(), TemporaryDirectory(), TemporaryDirectory()]
    let next = Mutex(0)
    let store = try opened(directory) { point in
      guard point.hasPrefix("rename ") else { return }
      if point == "rename -wal" {
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: folder + Self.spoilt + "-wal"))
      }
      let place = next.withLock { next in
        defer { next += 1 }
        return next
      }
      try Self.link(directory.path, to: killed[place].path)
    }
    store.history.close()
    // A start would not find it: it reads other pages.
    let bytes = try spoil(
      Self.spoilt, in: directory, firstPage(of: "blocks", in: folder + Self.spoilt))
    #expect(try store.history.setAside(.raw(Self.second), Self.damage))
    try store.close()
    #expect(next.withLock { $0 } == 3)
    for (place, directory) in killed.enumerated() {
      let store = try opened(directory)
      let kept = Self.spoilt + ".damaged"
      #expect(try directory.contents("history/" + kept) == bytes, "\(place)")
      #expect(try directory.contents("history/\(kept)-wal") == [1, 2, 3], "\(place)")
      #expect(!store.history.files.contains(.raw(Self.second)), "\(place)")
      #expect(store.history.missing.map(\.keptAs) == [kept], "\(place)")
      try await store.append(late(Given.now + Given.day), nanoseconds: 2)
      #expect(try await samples(store, tier: nil) == 4_500 - 1_439, "\(place)")
      try await rollUp(store)
      #expect(try await samples(store, tier: .minute) == 4_500, "\(place)")
      try store.close()
    }
  }

  /// The same files under other paths, as the disk has them at this moment.
  private static func link(_ from: String, to path: String) throws {
    try FileManager.default.createDirectory(
      atPath: path + "/history", withIntermediateDirectories: true)
    for folder in ["", "/history"] {
      for name in try FileManager.default.contentsOfDirectory(atPath: from + folder) {
        let one = "\(from)\(folder)/\(name)"
        let other = "\(path)\(folder)/\(name)"
        if folder.isEmpty {
          if name != "history" { try FileManager.default.copyItem(atPath: one, toPath: other) }
        } else {
          try FileManager.default.linkItem(atPath: one, toPath: other)
        }
      }
    }
  }

  // MARK: At once

  @Test func errorsOfOneFileAtOnceSetItAsideOnce() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory)
    let store = try opened(directory)
    store.history.close()
    try spoil(Self.spoilt, in: directory)
    let file = HistoryFile.raw(Self.second)
    let turn = store.history.turn(of: file)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      for order in UInt64(1)...8 {
        let write = late(Given.now + Given.day, order: order)
        tasks.addTask { try await store.append(write, nanoseconds: 2) }
        tasks.addTask { _ = try await store.history.orders(of: Given.stream(1)) }
      }
      try await tasks.waitForAll()
    }
    // An error of the file that was there before comes last.
    store.history.noteDamage(file, Self.damage, turn: turn)
    _ = try await store.history.settingAside(file, Self.damage)
    #expect(store.history.damaged.map(\.name) == [Self.spoilt + ".damaged"])
    #expect(store.history.missing.count == 1)
    #expect(try await samples(store, tier: nil) == 4_500 - 1_440 + 8)
    try store.close()
  }
}
