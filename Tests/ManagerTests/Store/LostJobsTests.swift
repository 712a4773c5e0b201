import Foundation
import ManagerCore
import Platform
import Protocol
import Testing

@testable import Manager

/// What somebody or some disk did to the files of jobs is told, and costs what was in it.
@Suite struct LostJobsTests {
  private static let day = "jobs-2026-11-22.sqlite"
  private static let range = Given.now...(Given.now + 9 * Given.day)

  /// Three days, the first of which is that of `Given.now`.
  private static func filled(_ directory: TemporaryDirectory) async throws {
    let store = try JobStore(directory: directory.path + "/jobs")
    for day in 0..<3 {
      let at = Given.now + Int64(day) * Given.day
      try await store.append(
        [
          JobStoreTests.write(
            UInt64(day + 1), [JobStoreTests.span("T0", ended: at, jobs: ["a": 1])])
        ], nanoseconds: at)
    }
    store.close()
  }

  private static func remove(_ directory: TemporaryDirectory, _ name: String = day) {
    for ending in ["", "-wal", "-shm"] {
      try? FileManager.default.removeItem(atPath: "\(directory.path)/jobs/\(name)\(ending)")
    }
  }

  private static func codes(_ store: JobStore) -> [String] {
    store.findings().map { "\($0.subject) \($0.code)" }
  }

  @Test func aFileThatGoesWhileNoManagerRunsIsTold() async throws {
    let directory = try TemporaryDirectory()
    try await Self.filled(directory)
    Self.remove(directory)
    do {
      let store = try JobStore(directory: directory.path + "/jobs")
      #expect(Self.codes(store) == ["jobs/\(Self.day) samples-lost"])
      let found = try await store.spans(of: ["T0"], ended: Self.range)
      #expect(found.spans.count == 2)
      let gap = try #require(found.unreadable.first)
      #expect(gap.file == "jobs/\(Self.day)")
      #expect((gap.fromNanoseconds...gap.throughNanoseconds).contains(Given.now))
      #expect(store.takeNewLosses().count == 1)
      #expect(store.takeNewLosses().isEmpty)
    }
    // As long as history is kept, however often the manager starts.
    let again = try JobStore(directory: directory.path + "/jobs")
    #expect(Self.codes(again) == ["jobs/\(Self.day) samples-lost"])
    try again.removeDays(endedBefore: Given.now + Given.day)
    #expect(Self.codes(again).isEmpty)
    #expect(try Self.codes(JobStore(directory: directory.path + "/jobs")).isEmpty)
  }

  @Test(arguments: [0, 3]) func aBackupInItsPlaceEndsIt(_ starts: Int) async throws {
    let directory = try TemporaryDirectory()
    try await Self.filled(directory)
    let path = "\(directory.path)/jobs/\(Self.day)"
    let backup = try Data(contentsOf: URL(fileURLWithPath: path))
    Self.remove(directory)
    for _ in 0...starts {
      #expect(try Self.codes(JobStore(directory: directory.path + "/jobs")).count == 1)
    }
    try backup.write(to: URL(fileURLWithPath: path))
    let store = try JobStore(directory: directory.path + "/jobs")
    #expect(Self.codes(store).isEmpty)
    #expect(try await store.spans(of: ["T0"], ended: Self.range).spans.count == 3)
    #expect(store.listTrouble == nil)
  }

  @Test func aFileThatIsPutBackWhileTheManagerRunsIsThereAgain() async throws {
    let directory = try TemporaryDirectory()
    try await Self.filled(directory)
    let store = try JobStore(directory: directory.path + "/jobs")
    let path = "\(directory.path)/jobs/\(Self.day)"
    try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
    #expect(Self.codes(store).count == 1)
    try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
    #expect(Self.codes(store).isEmpty)
    #expect(try await store.spans(of: ["T0"], ended: Self.range).spans.count == 3)
    #expect(try Self.codes(JobStore(directory: directory.path + "/jobs")).isEmpty)
  }

  @Test func anEmptiedFileIsTold() async throws {
    let directory = try TemporaryDirectory()
    try await Self.filled(directory)
    try directory.put("jobs/" + Self.day, [])
    let store = try JobStore(directory: directory.path + "/jobs")
    #expect(Self.codes(store) == ["jobs/\(Self.day) samples-lost"])
    #expect(try await store.spans(of: ["T0"], ended: Self.range).spans.count == 2)
  }

  /// As a manager that is killed while it makes it leaves it.
  @Test func aFileThatWasNeverFilledIsNoLoss() async throws {
    let directory = try TemporaryDirectory()
    try await Self.filled(directory)
    try directory.put("jobs/jobs-2026-11-25.sqlite", [])
    let at = Given.now + 3 * Given.day
    let store = try JobStore(directory: directory.path + "/jobs")
    try await store.append(
      [JobStoreTests.write(9, [JobStoreTests.span("T0", ended: at, jobs: [:])])], nanoseconds: at)
    #expect(Self.codes(store).isEmpty)
    #expect(try await store.spans(of: ["T0"], ended: Self.range).spans.count == 4)
  }

  @Test func theFolderThatGoesIsAllOfThem() async throws {
    let directory = try TemporaryDirectory()
    try await Self.filled(directory)
    do {
      let store = try JobStore(directory: directory.path + "/jobs")
      try FileManager.default.removeItem(atPath: directory.path + "/jobs")
      #expect(Self.codes(store).count == 3)
      #expect(try await store.spans(of: ["T0"], ended: Self.range).spans.isEmpty)
      try await store.append([JobStoreTests.write(4, [])], nanoseconds: Given.now)
      #expect(try await store.sequence(of: Given.stream(1)) == 4)
    }
    try FileManager.default.removeItem(atPath: directory.path + "/jobs")
    #expect(try Self.codes(JobStore(directory: directory.path + "/jobs")).count == 3)
  }

  /// An earlier copy in its place, or its log taken away: what the file says is true, and not all.
  @Test(arguments: [false, true]) func aFileThatHasLessThanItHadIsTold(_ isLogGone: Bool)
    async throws
  {
    let directory = try TemporaryDirectory()
    let path = "\(directory.path)/jobs/\(Self.day)"
    func append(_ store: JobStore, _ number: UInt64) async throws {
      try await store.append(
        [
          JobStoreTests.write(
            number, [JobStoreTests.span("T0", ended: Given.now + Int64(number), jobs: ["a": 1])])
        ], nanoseconds: Given.now)
    }
    let earlier = directory.path + "/earlier"
    do {
      let store = try JobStore(directory: directory.path + "/jobs")
      try await append(store, 1)
      if isLogGone {
        try FileManager.default.copyItem(atPath: path, toPath: earlier)
      } else {
        store.close()
        try FileManager.default.copyItem(atPath: path, toPath: earlier)
        let next = try JobStore(directory: directory.path + "/jobs")
        try await append(next, 2)
        next.close()
      }
    }
    for ending in ["", "-wal", "-shm"] {
      try? FileManager.default.removeItem(atPath: path + ending)
    }
    try FileManager.default.moveItem(atPath: earlier, toPath: path)
    for _ in 0..<2 {
      let store = try JobStore(directory: directory.path + "/jobs")
      _ = try await store.sequence(of: Given.stream(1))
      #expect(Self.codes(store) == ["jobs/\(Self.day) samples-lost"])
      let found = try await store.spans(of: ["T0"], ended: Self.range)
      #expect(found.spans.count == (isLogGone ? 0 : 1))
      #expect(found.unreadable.first?.reason.contains("less in it than it had") == true)
      store.close()
    }
    let store = try JobStore(directory: directory.path + "/jobs")
    try await append(store, 3)
    store.close()
    let again = try JobStore(directory: directory.path + "/jobs")
    #expect(try await again.sequence(of: Given.stream(1)) == 3)
    #expect(Self.codes(again).count == 1)
    #expect(again.listTrouble == nil)
  }

  enum Going: CaseIterable { case removed, withItsLog, replaced, emptied }

  @Test(arguments: Going.allCases)
  func aFileThatGoesWhileItIsOpenIsToldAndFollowedByANewOne(_ going: Going) async throws {
    let directory = try TemporaryDirectory()
    let store = try JobStore(directory: directory.path + "/jobs")
    let span = JobStoreTests.span("T0", ended: Given.now, jobs: ["a": 1])
    try await store.append([JobStoreTests.write(1, [span])], nanoseconds: Given.now)
    let path = "\(directory.path)/jobs/\(Self.day)"
    switch going {
    case .removed: try FileManager.default.removeItem(atPath: path)
    case .withItsLog: Self.remove(directory)
    case .replaced:
      let other = try TemporaryDirectory()
      try await Self.filled(other)
      Self.remove(directory)
      try FileManager.default.copyItem(atPath: "\(other.path)/jobs/\(Self.day)", toPath: path)
    case .emptied: try directory.put("jobs/" + Self.day, [])
    }
    #expect(Self.codes(store) == ["jobs/\(Self.day) samples-lost"])
    try await store.append([JobStoreTests.write(2, [span])], nanoseconds: Given.now)
    let found = try await store.spans(of: ["T0"], ended: Given.now...Given.now)
    // Of an emptied one the log may still have all; nobody can tell.
    #expect(found.spans.count == (going == .replaced || going == .emptied ? 2 : 1))
    #expect(found.unreadable.count == 1)
    store.close()
    let again = try JobStore(directory: directory.path + "/jobs")
    #expect(Self.codes(again) == ["jobs/\(Self.day) samples-lost"])
    #expect(try await again.sequence(of: Given.stream(1)) == 2)
  }

  @Test func aFileThatIsNoDatabaseIsSetAsideWhereItHasToBeWritten() async throws {
    let directory = try TemporaryDirectory()
    try FileManager.default.createDirectory(
      atPath: directory.path + "/jobs", withIntermediateDirectories: true)
    let bytes = Array("this is no database at all".utf8)
    try directory.put("jobs/" + Self.day, bytes)
    let store = try JobStore(directory: directory.path + "/jobs")
    #expect(try await store.sequence(of: Given.stream(1)) == 0)
    #expect(
      Self.codes(store) == ["jobs/\(Self.day) database-corrupt"], "it is told when it is read")
    let span = JobStoreTests.span("T0", ended: Given.now, jobs: ["a": 1])
    try await store.append([JobStoreTests.write(1, [span])], nanoseconds: Given.now)
    let found = try await store.spans(of: ["T0"], ended: Self.range)
    #expect(found.spans == [span])
    #expect(found.unreadable.map(\.file) == ["jobs/\(Self.day).damaged"])
    let aside = "\(directory.path)/jobs/\(Self.day).damaged"
    #expect(try DurableFile.read(aside) == bytes)
    // A second one of the same day.
    store.close()
    Self.remove(directory)
    try directory.put("jobs/" + Self.day, bytes)
    let again = try JobStore(directory: directory.path + "/jobs")
    #expect(Self.codes(again) == ["jobs/\(Self.day) database-corrupt"])
    try await again.append([JobStoreTests.write(2, [span])], nanoseconds: Given.now)
    #expect(try DurableFile.read(aside + "2") == bytes)
    try again.removeDays(endedBefore: Given.now + Given.day)
    #expect(try DurableFile.names(in: directory.path + "/jobs").isEmpty)
    #expect(Self.codes(again).isEmpty)
  }

  /// Each page in turn: what can be read is, no number is made up, and the rest is said.
  @Test func ofADamagedFileWhatCanBeReadCounts() async throws {
    let directory = try TemporaryDirectory()
    let spans = (0..<600).map { place in
      JobStoreTests.span(
        "T\(place % 7)", ended: Given.now + Int64(place),
        jobs: Dictionary(uniqueKeysWithValues: (0..<9).map { ("job.\(place).\($0)", 7) }))
    }
    do {
      let store = try JobStore(directory: directory.path + "/jobs")
      try await store.append([JobStoreTests.write(1, spans)], nanoseconds: Given.now)
      store.close()
    }
    let path = "\(directory.path)/jobs/\(Self.day)"
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    let targets = Set(spans.map(\.target))
    var partly = 0
    for page in 1..<whole.count / 16_384 {
      var bytes = whole
      bytes.replaceSubrange(
        page * 16_384..<page * 16_384 + 64, with: [UInt8](repeating: 0xA5, count: 64))
      try bytes.write(to: URL(fileURLWithPath: path))
      let store = try JobStore(directory: directory.path + "/jobs")
      let found = try await store.spans(of: targets, ended: Self.range)
      #expect(Set(found.spans).isSubset(of: spans), "page \(page)")
      #expect(found.spans.count == spans.count || !found.unreadable.isEmpty, "page \(page)")
      if !found.unreadable.isEmpty, !found.spans.isEmpty { partly += 1 }
      store.close()
    }
    #expect(partly > 0)
  }

  /// A folder can be on the way to somewhere else: nothing is done to it.
  @Test func aFolderInAFilesPlaceIsSaid() async throws {
    let directory = try TemporaryDirectory()
    try FileManager.default.createDirectory(
      atPath: "\(directory.path)/jobs/\(Self.day)", withIntermediateDirectories: true)
    let store = try JobStore(directory: directory.path + "/jobs")
    let refused = await #expect(throws: DiagnosticError.self) {
      try await store.append([JobStoreTests.write(1, [])], nanoseconds: Given.now)
    }
    #expect(refused?.diagnostic.reason == "it is no regular file")
    #expect(refused?.diagnostic.remedy.contains("Move what is there away") == true)
  }

  @Test func aListThatIsOfNoUseIsTold() async throws {
    let directory = try TemporaryDirectory()
    try await Self.filled(directory)
    try FileManager.default.removeItem(atPath: directory.path + "/jobs.files")
    #expect(
      try JobStore(directory: directory.path + "/jobs").listTrouble?.reason == "it is not there")
    try directory.put("jobs.files", Array("jobs-2026-11-22.sqlite\nnonsense\n".utf8))
    let store = try JobStore(directory: directory.path + "/jobs")
    #expect(store.listTrouble?.reason.contains("nonsense") == true)
    #expect(
      try JobStore(directory: directory.path + "/jobs").listTrouble == nil, "it was written anew")
  }
}
