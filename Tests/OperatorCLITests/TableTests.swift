import Testing

@testable import OperatorCLI

@Suite struct TableTests {
  private func table(_ rows: [[Cell]]) -> Table {
    Table(
      columns: [.init("NAME"), .init("COUNT", .number), .init("NOTE", .flow)], rows: rows)
  }

  @Test func numbersAreRightAlignedAndEmptyNotesLeaveNoColumn() {
    #expect(
      table([["a", "1", ""], ["long-name", "1000", ""]]).render(Style()) == """
        NAME       COUNT
        a              1
        long-name   1000

        """)
  }

  @Test func identifiersAreNeverCut() {
    let name = String(repeating: "x", count: 150)
    let text = table([[Cell(name), "1", Cell("see \(name)")]]).render(Style(width: 60))
    #expect(text.split { $0 == " " || $0 == "\n" }.count { $0 == name } == 2)
  }

  @Test func notesGoBelowWhereNoRoomIsLeft() {
    let name = Cell(String(repeating: "x", count: 40))
    #expect(
      table([[name, "1", "five words of a note"]]).render(Style(width: 60)) == """
        NAME                                      COUNT
        xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx      1
            five words of a note

        """)
  }

  @Test func colourDoesNotCountAsWidth() {
    let row: [Cell] = [Cell(state: "healthy"), "1", "n"]
    let text = Table(
      columns: [.init("STATE-OF-IT"), .init("COUNT", .number), .init("NOTE", .flow)], rows: [row]
    ).render(Style(hasColour: true))
    #expect(text.hasSuffix("\u{1b}[32mhealthy\u{1b}[0m          1  n\n"))
  }

  @Test func wordsWrapAtTheWidthAndNotBefore() {
    #expect(wrap("aa bb cc", to: 5) == ["aa bb", "cc"])
    #expect(wrap("aa bbbbbbbb cc", to: 5) == ["aa", "bbbbbbbb", "cc"])
    #expect(wrap("", to: 5) == [""])
  }

  @Test func wordOfANewerManagerIsShownAsUncertain() {
    #expect(Tone(word: "frozen") == .uncertain)
    #expect(Tone(word: "unknown") == .uncertain)
    #expect(Tone(word: "healthy") == .good)
  }

  @Test func narrowTerminalLosesSpareColumnsOnly() {
    let table = Table(
      columns: [.init("A"), .init("B", .number, isSpare: true), .init("C", isSpare: true)],
      rows: [
        [Cell(String(repeating: "a", count: 50)), "b", Cell(String(repeating: "c", count: 9))]
      ])
    let whole = "\(String(repeating: "a", count: 50))  b  ccccccccc\n"
    func last(_ width: Int) -> String {
      table.render(Style(width: width)).split(separator: "\n").last.map { "\($0)\n" } ?? ""
    }
    #expect(last(100) == whole && last(64) == whole)
    #expect(last(63) == "\(String(repeating: "a", count: 50))  b\n")
    #expect(last(52) == "\(String(repeating: "a", count: 50))\n")
    #expect(last(10) == "\(String(repeating: "a", count: 50))\n")
  }
}
