import AgentCore
import Protocol
import Synchronization

/// What earlier cycles found out and this one need not work out again: where a parameter lies, and
/// how a section that has not changed is encoded. It never changes what is read, nor what comes of it.
final class HostMemory: Sendable {
  /// Enough for the parameters and sections of a server with 100 targets, some 300 bytes each. What
  /// comes after is worked out each time, as the files of each client are.
  private static let limit = 4_096

  /// A parameter with its holes filled.
  struct Name: Hashable, Sendable {
    var parameter: Parameter
    var values: [String]

    static func == (a: Name, b: Name) -> Bool {
      a.parameter.pattern == b.parameter.pattern && a.values == b.values
        && a.parameter.roots == b.parameter.roots
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(parameter.pattern)
      for value in values { hasher.combine(value) }
    }
  }

  /// The paths of a parameter in trying order, and which of them was there last.
  struct Paths: Sendable {
    var all: [String]
    var last: Int?
    /// How often in turn it was looked for and not there.
    var absences = 0
    /// How often it need not be looked for.
    var pause = 0
  }

  /// A release of Lustre has a parameter or does not. After so many looks in turn found nothing, each
  /// so many calls look again.
  private static let looks = ReadTrace.absenceTurns

  private struct Known: Sendable {
    var body: any SectionBody
    var section: Section
  }

  private struct Key: Hashable {
    var name: String
    var subject: String
    var collector: String
  }

  private let paths = Mutex<[Name: Paths]>([:])
  private let sections = Mutex<[Key: Known]>([:])

  /// One buffer that is read into in pieces, when nobody does.
  private let buffer = Mutex<[UInt8]>([])

  /// `HostRoot.streamBytes` of them; whoever takes it gives it back.
  func takeBuffer() -> [UInt8] {
    let kept = buffer.withLock { kept in
      defer { kept = [] }
      return kept
    }
    return kept.isEmpty ? [UInt8](repeating: 0, count: HostRoot.streamBytes) : kept
  }

  func giveBuffer(_ used: [UInt8]) { buffer.withLock { $0 = used } }

  /// Files that stay open.
  let files: KeptFiles

  /// What was made of what was read.
  let answers = KnownAnswers()

  /// Directories that stay open.
  let directories = KeptDirectories()

  init(_ files: KeptFiles = KeptFiles()) { self.files = files }

  func paths(of name: Name) -> Paths {
    paths.withLock { $0[name] ?? Self.new(name, &$0) }
  }

  /// The file was at that one of its paths.
  func found(_ name: Name, at index: Int) {
    paths.withLock { known in
      known[name]?.last = index
      known[name]?.absences = 0
    }
  }

  /// The paths to look at; `nil` when so many looks found nothing that this one is left out.
  func look(for name: Name) -> Paths? {
    paths.withLock { known in
      guard let index = known.index(forKey: name) else { return Self.new(name, &known) }
      let paths = known.values[index]
      guard paths.pause > 0 else { return paths }
      known.values[index].pause -= 1
      return nil
    }
  }

  private static func new(_ name: Name, _ known: inout [Name: Paths]) -> Paths {
    let paths = Paths(all: name.parameter.paths(name.values), last: nil)
    if known.count < Self.limit { known[name] = paths }
    return paths
  }

  /// The parameter is under none of its roots.
  ///
  /// - Returns: how often in turn it was looked for by now.
  @discardableResult
  func absent(_ name: Name) -> Int {
    paths.withLock { known in
      guard var paths = known[name] else { return ReadTrace.always }
      paths.last = nil
      paths.absences += 1
      if paths.absences == Self.looks {
        // Not all of them in the same cycle.
        paths.pause = Int(UInt(bitPattern: name.hashValue) % UInt(Self.looks))
      } else if paths.absences > Self.looks {
        paths.pause = Self.looks - 1
      }
      known[name] = paths
      return paths.absences
    }
  }

  /// Grows whenever all that was not there is to be looked for.
  private let looked = Atomic<Int>(0)
  var epoch: Int { looked.load(ordering: .relaxed) }

  /// Something was taken away, so that other things may be there now.
  func lookAgain() {
    looked.wrappingAdd(1, ordering: .relaxed)
    paths.withLock { known in
      for name in known.keys {
        known[name]?.absences = 0
        known[name]?.pause = 0
      }
    }
  }

  /// The section that a body makes.
  func section<Body: SectionBody>(_ body: Body, subject: String, collector: String) throws
    -> Section
  {
    let key = Key(name: Body.sectionName, subject: subject, collector: collector)
    let known = sections.withLock { $0[key] }
    if let known, let before = known.body as? Body, before == body { return known.section }
    let section = try body.section(subject: subject, collector: collector)
    sections.withLock { known in
      if known[key] != nil || known.count < Self.limit {
        known[key] = Known(body: body, section: section)
      }
    }
    return section
  }
}
