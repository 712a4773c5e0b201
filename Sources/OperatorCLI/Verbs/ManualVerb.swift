import ArgumentParser
import Glibc

/// `iml manual`
struct ManualVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manual", abstract: "Write the manual pages of all verbs.",
    discussion: """
      One file a verb, of section 1, for example `iml-server-show.1`. Their date is that of \
      $SOURCE_DATE_EPOCH where it is set, so that a package can be built again bit for bit.
      """)
  @Option(
    help: ArgumentHelp("The directory; made when it is not there.", valueName: "dir"),
    completion: .directory)
  var output: String

  mutating func run() async throws {
    guard let root = Program.root else {
      throw Complaint(.failed, subject: "manual", reason: "it belongs to no program")
    }
    let pages = ManualPage.all(
      try await CommandDump.of(root), version: root.configuration.version, date: date)
    guard mkdir(output, 0o755) == 0 || errno == EEXIST else { throw unwritable(output) }
    for page in pages { try write(page.text, to: "\(output)/\(page.name).1") }
    Console.current.write("\(plural(pages.count, "page")) in \(printable(output))\n")
  }

  private var date: String {
    let console = Console.current
    let epoch = console.environment["SOURCE_DATE_EPOCH"].flatMap { Int64($0) }
    // Years of four digits; what is beyond them is a mistake.
    let seconds = epoch.map { min(max($0, 0), 253_402_300_799) } ?? console.now() / 1_000_000_000
    return String(Quantities.moment(seconds: seconds).prefix(10))
  }

  private func write(_ text: String, to path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw unwritable(path) }
    defer { close(descriptor) }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 || errno == EINTR else { throw unwritable(path) }
      rest = rest.dropFirst(max(count, 0))
    }
  }

  private func unwritable(_ path: String) -> Complaint {
    Complaint(
      .failed, subject: path, reason: "can not be written: \(String(cString: strerror(errno)))")
  }
}
