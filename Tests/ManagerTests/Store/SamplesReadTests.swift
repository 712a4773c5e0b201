import ManagerCore
import Protocol
import Testing

@testable import Manager

/// What queries keep of blocks, so that the newest hours are not read with each look at a panel.
@Suite struct SamplesReadTests {
  private func key(_ id: Int64) -> RawDay.BlockKey {
    RawDay.BlockKey(
      day: HistoryDay(number: 1), id: id, stream: 1, first: id, last: id, from: id, through: id)
  }

  private func samples(_ count: Int) -> RawDay.Samples {
    [(7, (0..<count).map { HistoryPoint(nanoseconds: Int64($0), source: 1, bits: 2) })]
  }

  @Test func ofEachQuestionTheBlocksOfItsLastAnswerAreKept() {
    let read = SamplesRead()
    read.keep([key(1): samples(3), key(2): samples(4)], of: [7])
    #expect(read.recall([7])[key(2)]?.first?.points.count == 4)
    #expect(read.recall([7, 8]).isEmpty)
    read.keep([key(2): samples(4), key(3): samples(5)], of: [7])
    #expect(Set(read.recall([7]).keys) == [key(2), key(3)])
    read.keep([:], of: [7])
    #expect(read.recall([7]).isEmpty)
    #expect(read.bytes == 0)
  }

  @Test func whatWasNotAskedForTheLongestGoesFirstAndABoundHolds() {
    let read = SamplesRead()
    let third = SamplesRead.byteLimit / 3 / MemoryLayout<HistoryPoint>.stride - 100
    for series in SeriesID(1)...3 { read.keep([key(1): samples(third)], of: [series]) }
    #expect(read.bytes <= SamplesRead.byteLimit)
    read.keep([key(1): samples(third)], of: [1])
    read.keep([key(1): samples(third)], of: [4])
    #expect(read.recall([2]).isEmpty)
    for series in [SeriesID(1), 3, 4] { #expect(!read.recall([series]).isEmpty) }
    #expect(read.bytes <= SamplesRead.byteLimit)
    // One that is too large by itself takes nothing from the others.
    read.keep([key(1): samples(4 * third)], of: [5])
    #expect(read.recall([5]).isEmpty)
    #expect(!read.recall([4]).isEmpty)
  }
}
