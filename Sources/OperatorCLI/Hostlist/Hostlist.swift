/// Names as administrators write many of them: `oss[01-16,20].site`, `r[1-2]n[1-4]`, `oss[1-9]!oss5`,
/// `@group`. The grammar is the one of ClusterShell's NodeSet, of its operators `,` and `!`, which
/// hold from left to right.
struct Hostlist: Hashable, Sendable {
  /// Each name once, in the order in which it was named first.
  private(set) var names: [String]

  /// More than any site has servers or targets; a mistyped range must not eat the memory.
  static let namesMax = 65_536
  /// As long a name as the API takes.
  static let nameBytesMax = 512

  /// No name.
  init() { names = [] }

  /// What a list says that can not be meant.
  struct Malformed: Error, Hashable, Sendable {
    /// Of the first character that can not stand there; the first of all is 1.
    var position: Int
    var reason: String
  }

  /// `groups` gives the list behind a group's name, or says why there is none.
  init(
    _ text: String,
    groups: @escaping (String) throws -> String = { _ in throw Malformed.noGroups }
  ) throws {
    var expansion = HostlistExpansion(groups: groups)
    names = try expansion.names(of: text)
  }

  /// Without the names of `other`.
  mutating func subtract(_ other: Hostlist) {
    let gone = Set(other.names)
    names.removeAll { gone.contains($0) }
  }

  mutating func add(_ other: Hostlist) {
    var known = Set(names)
    names += other.names.filter { known.insert($0).inserted }
  }

  /// Whether a text is one name and no list.
  static func isPlain(_ text: String) -> Bool {
    text.first != "@" && !text.contains { "[],!".contains($0) }
  }
}

extension Hostlist.Malformed {
  static let noGroups = Hostlist.Malformed(position: 1, reason: "no groups can stand here")
}

/// The names of one text and of the groups in it, within one budget.
struct HostlistExpansion {
  private let groups: (String) throws -> String
  /// Names that may still be expanded; those that `!` takes away have cost as much.
  private var budget = Hostlist.namesMax * 2
  private var open: [String] = []

  /// Deeper than anyone nests groups; each level is a frame of the stack.
  private static let depthMax = 8

  init(groups: @escaping (String) throws -> String) { self.groups = groups }

  mutating func names(of text: String) throws -> [String] {
    var names: [String] = []
    var known: Set<String> = []
    var parser = HostlistParser(text)
    for term in try parser.terms() {
      let found: [String]
      switch term.what {
      case .pattern(let pattern):
        let count = try pattern.count(at: term.position)
        try spend(count, at: term.position)
        found = pattern.names
      case .group(let name): found = try members(of: name, at: term.position)
      }
      if term.isExcluded {
        let gone = Set(found)
        names.removeAll { gone.contains($0) }
        known.subtract(gone)
      } else {
        names += found.filter { known.insert($0).inserted }
      }
      guard names.count <= Hostlist.namesMax else { throw tooMany(at: term.position) }
    }
    return names
  }

  private mutating func spend(_ count: Int, at position: Int) throws {
    guard count <= budget else { throw tooMany(at: position) }
    budget -= count
  }

  private func tooMany(at position: Int) -> Hostlist.Malformed {
    Hostlist.Malformed(
      position: position, reason: "with this they are more than \(Hostlist.namesMax) names")
  }

  private mutating func members(of group: String, at position: Int) throws -> [String] {
    guard !open.contains(group) else {
      throw Hostlist.Malformed(position: position, reason: "the group '\(group)' contains itself")
    }
    guard open.count < HostlistExpansion.depthMax else {
      throw Hostlist.Malformed(
        position: position,
        reason: "groups are in groups more than \(HostlistExpansion.depthMax) deep")
    }
    let text = try groups(group)
    open.append(group)
    defer { open.removeLast() }
    do {
      let found = try names(of: text)
      // A group costs at least one, so that none can be named without end.
      try spend(max(1, found.count), at: position)
      return found
    } catch let inner as Hostlist.Malformed {
      throw Hostlist.Malformed(
        position: position,
        reason: "in the group '\(group)', at character \(inner.position): \(inner.reason)")
    }
  }
}
