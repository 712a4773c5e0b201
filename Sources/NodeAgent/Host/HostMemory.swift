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
  }

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

  init() {}

  func paths(of name: Name) -> Paths {
    paths.withLock { known in
      if let paths = known[name] { return paths }
      let paths = Paths(all: name.parameter.paths(name.values), last: nil)
      if known.count < Self.limit { known[name] = paths }
      return paths
    }
  }

  /// The file was at that one of its paths.
  func found(_ name: Name, at index: Int) {
    paths.withLock { $0[name]?.last = index }
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
