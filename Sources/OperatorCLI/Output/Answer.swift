import ArgumentParser
import Protocol

/// What a verb has to tell, in every shape: all are made from one reply of the manager.
struct Answer: Sendable {
  /// The whole document, as the manager sent it.
  var document: JSONValue
  /// Its items, one a line of NDJSON; those of a document that is no list are itself.
  var items: [JSONValue]
  var csv: CSVTable
  var table: @Sendable (Style) -> String
  /// A word to the person at a table, beside what is printed.
  var hint: String?
  /// The next step when it could not be written.
  var ifUnwritten = ""
  /// What CSV has no place for and must not be missed: beside it, a line each.
  var lacking: [String] = []
  /// False makes the exit code 5.
  var isSound = true

  /// One thing.
  init<View: CSVColumns & Sendable>(
    _ reply: Reply<View>, hint: String? = nil, isSound: Bool = true,
    table: @escaping @Sendable (Reply<View>, Style) -> String
  ) {
    self.init(
      reply, CSVTable([reply.raw], members: View.csvMembers), hint: hint, isSound: isSound,
      table: table)
  }

  /// A list.
  init<View: CSVColumns & Sendable>(
    list: [Reply<View>], hint: String? = nil,
    table: @escaping @Sendable ([Reply<View>], Style) -> String
  ) {
    items = list.map(\.raw)
    document = .array(items)
    csv = CSVTable(items, members: View.csvMembers)
    self.table = { table(list, $0) }
    self.hint = list.isEmpty ? hint : nil
  }

  /// One thing with columns of its own.
  init<View: Sendable>(
    _ reply: Reply<View>, _ csv: CSVTable, hint: String? = nil, isSound: Bool = true,
    table: @escaping @Sendable (Reply<View>, Style) -> String
  ) {
    document = reply.raw
    items = [reply.raw]
    self.csv = csv
    self.table = { table(reply, $0) }
    self.hint = hint
    self.isSound = isSound
  }

  /// Several of the same kind, which the operator asked for as a list.
  init(joining all: [Answer]) {
    items = all.flatMap(\.items)
    document = .array(items)
    csv = CSVTable(header: all.first?.csv.header ?? [], rows: all.flatMap(\.csv.rows))
    table = { style in page(all.map { $0.table(style) }) }
    isSound = all.allSatisfy(\.isSound)
  }

  /// What a change left behind, told in a sentence.
  init(change: Reply<JSONValue>, hint: String? = nil, _ sentence: String) {
    let line = printable(sentence) + "\n"
    self.init(change, CSVTable(members: change.raw), hint: hint) { _, _ in line }
  }

  /// In a shape; what a terminal shows has no control characters of strangers.
  func text(_ format: OutputFormat, _ style: Style, isTerminal: Bool) throws -> String {
    switch format {
    case .table: table(style)
    case .json: try Answer.line(document)
    case .ndjson: try items.map(Answer.line).joined()
    case .yaml: YAMLText.document(document)
    case .csv: (isTerminal ? csv.spelled : csv).text
    }
  }

  static func line(_ value: JSONValue) throws -> String {
    safeJSON(String(decoding: try CanonicalJSON.encode(value), as: UTF8.self)) + "\n"
  }
}

/// The same JSON with what a terminal would obey, or reorder its text by, as escapes: in JSON such
/// characters stand in strings only.
func safeJSON(_ text: String) -> String {
  guard text.unicodeScalars.contains(where: isControl) else { return text }
  return text.unicodeScalars.reduce(into: "") { result, scalar in
    guard isControl(scalar) else { return result.unicodeScalars.append(scalar) }
    let digits = String(scalar.value, radix: 16)
    result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
  }
}

/// A verb that asks and changes nothing.
protocol ReadingVerb: AsyncParsableCommand {
  var options: ConnectionOptions { get }
  var watching: WatchOptions { get }
  /// Asks the manager once.
  func ask(_ manager: ManagerClient) async throws -> Answer
}

extension ReadingVerb {
  mutating func run() async throws {
    if let interval = watching.interval {
      return try await Watch(interval: interval, options: options, ask: ask).run()
    }
    let answer = try await ask(options.client())
    try options.show(answer)
    if !answer.isSound { throw Outcome.unhealthy.exitCode }
  }
}
