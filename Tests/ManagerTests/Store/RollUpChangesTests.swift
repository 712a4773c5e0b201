import ManagerCore
import Protocol
import Testing

@testable import Manager

/// What is told of a file of roll-ups to who read it before.
@Suite struct RollUpChangesTests {
  private let day = HistoryDay(number: 20_000)

  @Test func onlyWhoWroteSinceIsNamed() {
    var changes = RollUpChanges()
    let before = changes.state
    #expect(changes.written(to: day, since: before) == [])
    changes.note(day, of: Given.server(1))
    let between = changes.state
    changes.note(day, of: Given.server(2))
    changes.note(HistoryDay(number: 3), of: Given.server(3))
    #expect(
      changes.written(to: day, since: before) == [Given.server(1).text, Given.server(2).text])
    #expect(changes.written(to: day, since: between) == [Given.server(2).text])
    #expect(changes.written(to: day, since: changes.state) == [])
    #expect(changes.written(to: HistoryDay(number: 4), since: before) == [])
  }

  @Test func ofAFileThatIsGoneNothingHolds() {
    var changes = RollUpChanges()
    changes.note(day, of: Given.server(1))
    let before = changes.state
    changes.noteAll()
    #expect(changes.written(to: day, since: before) == nil)
    #expect(changes.written(to: day, since: changes.state) == [])
  }

  /// The servers of many days would take memory without end.
  @Test func ofADayThatWasForgottenAnythingMayHaveChanged() {
    var changes = RollUpChanges()
    let before = changes.state
    changes.note(day, of: Given.server(1))
    let after = changes.state
    for number in Int64(1)...20 {
      changes.note(HistoryDay(number: number), of: Given.server(1))
      #expect(
        changes.written(to: HistoryDay(number: number), since: after) == [Given.server(1).text])
    }
    #expect(changes.written(to: day, since: before) == nil)
    #expect(changes.written(to: day, since: after) == [])
    #expect(changes.written(to: HistoryDay(number: 1), since: after) == nil)
  }
}
