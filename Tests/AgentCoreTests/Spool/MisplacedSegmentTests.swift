import AgentCore
import Protocol
import Testing

/// Segments that were copied, renamed or removed by hand, or restored from a backup: what is on the disk is
/// sent once, and what is not is lost and told.
@Suite struct MisplacedSegmentTests {
  private func spooled() throws -> [UInt64: [UInt8]] {
    var limits = Spool.Limits(bytes: 1 << 20)
    limits.segmentBytes = 400
    limits.writeBytes = 300
    var first = try SpoolBench(limits: limits)
    first.collect(30)
    try #require(first.files.count > 3)
    return first.files
  }

  /// What the next life says: of each order its value, and what it calls lost.
  private func told(
    _ files: [UInt64: [UInt8]]
  ) throws -> (values: [UInt64: UInt64], lost: [LostBatches], damages: [String]) {
    var second = try SpoolBench(life: "i2", files: files)
    second.tend()
    let hello = try second.connect()
    second.welcome(lives: [0])
    let messages = try second.written()
    let count = messages.reduce(0) { if case .lifeSamples = $1 { $0 + 1 } else { $0 } }
    let values = try SpoolBench.replayed(messages)[0] ?? [:]
    #expect(count == values.count, "each of them once")
    var lost = hello.lives?.first?.lost ?? []
    for case .lifeDropped(0, let range) in messages { lost.append(range) }
    return (values, lost, second.link.spoolReport?.damages ?? [])
  }

  private static let all = Dictionary(uniqueKeysWithValues: (UInt64(1)...30).map { ($0, 100 + $0) })

  @Test func aCopyOfASegmentTakesNothingAway() throws {
    let files = try spooled()
    for number in files.keys {
      var copied = files
      copied[255] = files[number]
      let told = try told(copied)
      #expect(told.values == Self.all, "\(number)")
      #expect(told.lost.isEmpty)
    }
  }

  @Test func segmentsInAnotherOrderAreTheSame() throws {
    let files = try spooled()
    let numbers = files.keys.sorted()
    for (one, other) in zip(numbers, numbers.dropFirst()) {
      var swapped = files
      swapped[one] = files[other]
      swapped[other] = files[one]
      let told = try told(swapped)
      #expect(told.values == Self.all, "\(one) and \(other)")
      #expect(told.lost.isEmpty && told.damages.isEmpty)
    }
    let backwards = Dictionary(
      uniqueKeysWithValues: zip(numbers, numbers.reversed().map { files[$0] ?? [] }))
    #expect(try told(backwards).values == Self.all)
  }

  /// The manager takes the time between one life and the next for a pause.
  @Test func livesOfABootAreToldInTheirOrder() throws {
    var first = try SpoolBench()
    first.collect(3)
    var second = try SpoolBench(life: "i2", files: first.files)
    second.now = first.now + 10 * SpoolBench.second
    second.tend()
    second.collect(3)
    #expect(second.files.count == 2)
    var renamed = second.files
    let number = try #require(first.files.keys.first)
    renamed[255] = renamed.removeValue(forKey: number)
    var third = try SpoolBench(life: "i3", files: renamed)
    third.tend()
    #expect(try third.connect().lives?.map(\.incarnation) == ["i1", "i2"])
  }

  /// An older state of a segment, from a backup, as the newest one.
  @Test func anOlderStateOfASegmentIsFilledUp() throws {
    let files = try spooled()
    let second = try #require(files.keys.sorted().dropFirst().first)
    for cut in stride(from: 20, to: files[second]?.count ?? 0, by: 20) {
      var restored = files
      restored[255] = files[second].map { Array($0.prefix(cut)) }
      #expect(try told(restored).values == Self.all, "\(cut)")
    }
  }

  @Test func aSegmentThatIsGoneIsLostAndTold() throws {
    let files = try spooled()
    for number in files.keys.sorted().dropFirst().dropLast() {
      var fewer = files
      // Whatever its neighbours are called.
      fewer[255] = fewer[number + 1]
      fewer[number] = nil
      fewer[number + 1] = nil
      let told = try told(fewer)
      let missing = Set(Self.all.keys).subtracting(told.values.keys)
      #expect(!missing.isEmpty)
      #expect(Set(told.lost.flatMap { $0.from...$0.through }) == missing, "\(number)")
    }
  }
}
