import ManagerCore
import Synchronization

/// What questions were answered from, so that a panel which is looked at again and again is not read anew
/// each time. Of each question only those parts are kept that its last answer was made of.
final class Remembered<
  Question: Hashable & Sendable, Place: Hashable & Sendable, Part: Sendable
>: Sendable {
  private struct Answer {
    var question: Question
    var parts: [Place: Part]
    var bytes: Int
  }

  let byteLimit: Int
  private let size: @Sendable (Question, [Place: Part]) -> Int
  /// The one that was asked for last is the last.
  private let answers = Mutex<[Answer]>([])

  /// - Parameter size: what all of an answer takes, about.
  init(byteLimit: Int, size: @escaping @Sendable (Question, [Place: Part]) -> Int) {
    self.byteLimit = byteLimit
    self.size = size
  }

  /// What is known of this question.
  func recall(_ question: Question) -> [Place: Part] {
    answers.withLock { $0.last { $0.question == question }?.parts ?? [:] }
  }

  /// Instead of what was known of this question.
  func keep(_ parts: [Place: Part], of question: Question) {
    let answer = Answer(question: question, parts: parts, bytes: size(question, parts))
    answers.withLock { answers in
      answers.removeAll { $0.question == question }
      guard !parts.isEmpty, answer.bytes <= byteLimit else { return }
      answers.append(answer)
      var sum = answers.reduce(0) { $0 + $1.bytes }
      while sum > byteLimit { sum -= answers.removeFirst().bytes }
    }
  }

  /// Bytes of all that is kept.
  var bytes: Int { answers.withLock { $0.reduce(0) { $0 + $1.bytes } } }
}

/// The samples that queries took out of blocks. Those of the newest hours are asked for with every look
/// at a panel, and a block has to be read and checked as a whole for a single series of it. Blocks never
/// change.
typealias SamplesRead = Remembered<[SeriesID], RawDay.BlockKey, RawDay.Samples>

extension SamplesRead {
  /// A panel of a hundred series takes some 2 MB: two hours of samples a server.
  static var byteLimit: Int { 8 << 20 }

  convenience init() {
    self.init(byteLimit: Self.byteLimit) { series, blocks in
      // Arrays and entries of tables take some bytes beside what is in them.
      blocks.values.reduce(series.count * MemoryLayout<SeriesID>.stride) { size, samples in
        samples.reduce(size + 160) {
          $0 + 64 + $1.points.count * MemoryLayout<HistoryPoint>.stride
        }
      }
    }
  }
}

/// The roll-ups that queries took out of files, a day of a file each. What is read of a server's day
/// holds until something is written to it (`RollUpChanges`).
typealias RollUpsRead = Remembered<RollUpRows.Question, RollUpRows.Place, RollUpRows.Day>

extension RollUpsRead {
  /// A panel of a hundred series over a day takes some 8 MB.
  static var byteLimit: Int { 32 << 20 }

  convenience init() {
    self.init(byteLimit: Self.byteLimit) { question, days in
      let size = question.series.count * MemoryLayout<SeriesID>.stride
      return days.values.reduce(size) { $0 + $1.bytes }
    }
  }
}
