import Protocol

/// Asks again and again. A manager that does not answer is no end: what was known stays in sight,
/// marked with its age, until there is news.
struct Watch {
  let interval: SpanArgument
  let options: ConnectionOptions
  let ask: (ManagerClient) async throws -> Answer

  /// A request that takes longer is told as no answer; the screen must not stand still for it.
  private static let patience = Duration.seconds(5)

  /// The last answer and when it came, nanoseconds of the wall clock.
  private struct Known {
    var answer: Answer
    var at: Int64
  }

  /// Ends with cancellation, with a reader that went away, with a refusal (a token that was revoked), or at once
  /// when the first answer is an error or a mistake of the operator's.
  func run() async throws {
    let console = Console.current
    try check(console)
    let manager = try options.client(within: Watch.patience)
    let isScreen = options.output == .table
    if isScreen { console.fullScreen(true) }
    defer { if isScreen { console.fullScreen(false) } }
    var known: Known?
    while console.hasReader() {
      var trouble: Complaint?
      do {
        known = Known(answer: try await ask(manager), at: console.now())
      } catch let complaint as Complaint
        where complaint.outcome == .unreachable
        || known != nil && complaint.outcome != .usage && complaint.outcome != .refused
      {
        trouble = complaint
      } catch is CancellationError {
        return
      }
      console.write(try isScreen ? screen(known, trouble, console) : line(known, trouble, console))
      do {
        try await console.pause(.seconds(interval.seconds))
      } catch {
        return
      }
    }
  }

  private func check(_ console: Console) throws {
    let ndjson = "Use -o ndjson: it prints one document each time, on a line of its own."
    switch options.output {
    case .ndjson: return
    case .table:
      guard !console.isOutputTerminal else { return }
      throw Complaint(
        .usage, subject: "--watch", reason: "a table is redrawn on a terminal only",
        remedy: ndjson)
    case .json, .yaml, .csv:
      throw Complaint(
        .usage, subject: "--watch", reason: "-o \(options.output.rawValue) is one document",
        remedy: ndjson)
    }
  }

  /// One document: the answer, or what went wrong, with the time.
  private func line(_ known: Known?, _ trouble: Complaint?, _ console: Console) throws -> String {
    var members = ["nanoseconds": JSONValue.integer(console.now())]
    if let trouble {
      members["error"] = try CanonicalJSON.value(trouble.document)
    } else {
      members["document"] = known?.answer.document
    }
    return try Answer.line(.object(members))
  }

  private func screen(_ known: Known?, _ trouble: Complaint?, _ console: Console) -> String {
    let size = console.size()
    var style = options.style
    if let size { style.width = Style.bounded(size.columns) }
    var lines = title(known, trouble, console, style) + [""]
    if let known {
      // What is not news must not look like it: no colour of health, only faint.
      let plain = Style(hasColour: false, hasBlocks: style.hasBlocks, width: style.width)
      let text = known.answer.table(trouble == nil ? style : plain)
      var body = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      if body.last == "" { body.removeLast() }
      if let hint = known.answer.hint { body += wrap(printable(hint), to: style.width) }
      lines += trouble == nil ? body : body.map { style.faint($0) }
    }
    if let rows = size?.rows, lines.count > rows {
      let rest = lines.count - rows + 1
      lines = lines.prefix(max(rows - 1, 1)) + ["and \(plural(rest, "line")) more"]
    }
    // From the corner, each line cleared to its end, then all below: no flicker, no remains.
    return "\u{1b}[H" + lines.map { $0 + "\u{1b}[K" }.joined(separator: "\r\n") + "\u{1b}[J"
  }

  private func title(
    _ known: Known?, _ trouble: Complaint?, _ console: Console, _ style: Style
  ) -> [String] {
    let pace = "every \(Quantities.span(Double(interval.seconds))), Ctrl-C ends it"
    guard let trouble else {
      return ["Answered \(Quantities.moment(known?.at)); \(pace)."]
    }
    let what = trouble.subject.isEmpty ? trouble.reason : "\(trouble.subject): \(trouble.reason)"
    let words: String
    if let known {
      let age = Double(console.now() - known.at) / 1e9
      words =
        "NO ANSWER for \(Quantities.span(age)): \(what). Below is what was known at"
        + " \(Quantities.moment(known.at)); \(pace)."
    } else {
      words = "NO ANSWER yet: \(what). Asked \(pace)."
    }
    return wrap(printable(words), to: style.width).map { style.paint($0, .bad) }
  }
}
