import AgentCore
import Protocol
import Testing

@Suite struct SeriesTableTests {
  private static func declaration(_ number: Int) -> SeriesDeclaration {
    SeriesDeclaration(
      key: SeriesKey(subject: .server, metric: "m", labels: ["n": String(number)]),
      kind: .counter, unit: "1")
  }

  /// Whatever the order in which series come, leave and return, a guess gives the number that a
  /// search gives.
  @Test func aGuessedNumberIsTheNumberOfTheSeries() throws {
    var guessing = SeriesTable()
    var searching = SeriesTable()
    var objects: [Int: DeclaredSeries] = [:]
    var random = SystemRandomNumberGenerator()
    for cycle in 0..<200 {
      var numbers = Array(0..<(20 + cycle % 7))
      if cycle % 3 == 0 { numbers.removeAll { _ in Int.random(in: 0..<4, using: &random) == 0 } }
      if cycle % 5 == 0 { numbers.shuffle(using: &random) }
      var previous: UInt32?
      for number in numbers {
        let declaration = Self.declaration(number)
        // Every second time as another object, every second time as the one before.
        if cycle % 2 == 0 { objects[number] = DeclaredSeries(declaration) }
        let series = objects[number] ?? DeclaredSeries(declaration)
        let guessed = guessing.id(of: series, after: previous)
        #expect(guessed == searching.id(of: DeclaredSeries(declaration), after: nil))
        let id = try #require(guessed)
        #expect(guessing[id] == declaration)
        previous = id
      }
    }
  }
}
