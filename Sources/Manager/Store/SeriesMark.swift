import ManagerCore
import Platform
import Protocol
import Synchronization

/// The highest number that a series was ever given, outside of the database: history holds numbers alone, so
/// one that is given twice makes one series of two. After an older `state.sqlite` was put in place its own
/// highest number is not enough. Each day's file of history says too which number was the highest when it was
/// written last.
///
/// The file `history.series` beside the folder of history: two decimal numbers and a line end. The first is
/// written before series are stored, the second afterwards. Without it numbers go on behind the database's.
package final class SeriesMark: Sendable {
  private let path: String
  private let state: Mutex<(given: SeriesID, stored: SeriesID)?>

  package init(path: String) {
    self.path = path
    let bytes = (try? DurableFile.readIfPresent(path)).flatMap { $0 } ?? []
    let numbers = String(decoding: bytes, as: UTF8.self).split { $0 == " " || $0 == "\n" }
      .map { SeriesID($0) }
    state = Mutex(
      numbers.count == 2
        ? numbers[0].flatMap { given in numbers[1].map { (given, $0) } }
        : nil)
  }

  /// No number up to this one may be given any more; `nil` when none is known.
  package var given: SeriesID? { state.withLock { $0?.given } }

  /// Series up to this number were stored; a database that has fewer is an older one.
  package var stored: SeriesID? { state.withLock { $0?.stored } }

  /// What the files of history tell by themselves, whatever became of this one.
  package func raise(to highest: SeriesID) {
    state.withLock { state in
      state = state.map { (max($0.given, highest), max($0.stored, highest)) } ?? (highest, highest)
    }
  }

  /// Before series are stored. On disk when it returns.
  package func give(_ last: SeriesID) throws(DiagnosticError) {
    try write { ($0.map { max($0.given, last) } ?? last, $0?.stored ?? 0) }
  }

  /// After they were. That it is not noted costs nothing but that an older database is not recognised.
  package func wasStored(_ last: SeriesID) {
    try? write { ($0.map { max($0.given, last) } ?? last, $0.map { max($0.stored, last) } ?? last) }
  }

  private func write(
    _ change: ((given: SeriesID, stored: SeriesID)?) -> (SeriesID, SeriesID)
  ) throws(DiagnosticError) {
    let failure: FileError? = state.withLock { state in
      let next = change(state)
      do throws(FileError) {
        try DurableFile.write(Array("\(next.0) \(next.1)\n".utf8), to: path)
      } catch {
        return error
      }
      state = next
      return nil
    }
    if let failure { throw StoreFailure.diagnose(failure, path: path) }
  }
}
