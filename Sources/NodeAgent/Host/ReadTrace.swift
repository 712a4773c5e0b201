import AgentCore

/// What one piece of work asked of the machine, in order, and what the machine said. A piece of work
/// makes the same of the same answers: while they stay, what it made of them stays, and only the asking
/// has to be done again.
struct ReadTrace: Sendable {
  enum Access: Sendable {
    /// A file; `isKept` when it is one that stays open.
    case contents(path: String, bytes: [UInt8], isKept: Bool)
    /// A file that is there and says by this `errno` that it has no value.
    case refused(path: String, number: Int32)
    /// Something was there, whatever it was.
    case present(String)
    /// None of these was there, that often in turn by then.
    case absent([String], looks: Int)
    /// Names of directories in one; `nil` when `parent` does not list it.
    case directories(path: String, parent: String?, names: [String]?)
    /// Names in a directory.
    case names(path: String, [String])

    var isAbsence: Bool { if case .absent = self { true } else { false } }

    /// About the memory that it takes; contents twice, once they are kept.
    var bytes: Int {
      switch self {
      case .contents(let path, let bytes, _): 96 + path.utf8.count + 2 * bytes.count
      case .refused(let path, _), .present(let path): 96 + path.utf8.count
      case .absent(let paths, _): paths.reduce(96) { $0 + 32 + $1.utf8.count }
      case .directories(let path, _, let names):
        (names ?? []).reduce(96 + path.utf8.count) { $0 + 16 + $1.utf8.count }
      case .names(let path, let names):
        names.reduce(96 + path.utf8.count) { $0 + 16 + $1.utf8.count }
      }
    }
  }

  var accesses: [Access]
  /// Of contents, by place, in which only numbers may change.
  var counted: [Int: CountedText] = [:]

  /// A release of Lustre has a parameter or does not. After so many looks in turn found nothing, each
  /// so many turns look again.
  static let absenceTurns = 8
  /// Of a file of the machine itself, that is there as long as its kernel runs or not at all.
  static let seldom = 0
  /// Of what is looked for each time.
  static let always = Int.min / 2

  /// What asking once more gave.
  enum Again {
    case same
    /// A file says this instead.
    case says([UInt8])
    case other
  }
}

extension ReadTrace.Access {
  /// Asks it again. What was not there counts as before: that is looked at apart.
  func again(_ host: HostRoot, _ listings: Listings) -> ReadTrace.Again {
    switch self {
    case .contents(let path, let before, let isKept):
      guard let bytes = try? isKept ? host.readAgain(path) : host.read(path) else { return .other }
      return bytes == before ? .same : .says(bytes)
    case .refused(let path, let number):
      return Self.refusal(path, host) == number ? .same : .other
    case .present(let path): return (try? host.isPresent(path)) == true ? .same : .other
    case .absent: return .same
    case .directories(let path, nil, nil) where listings.isAbsent(path, host): return .same
    case .directories(let path, let parent, let names):
      guard let found = Self.directories(path, parent, host, listings), found == names else {
        return .other
      }
      return .same
    case .names(let path, let names):
      return (try? host.list(path)) == names ? .same : .other
    }
  }

  private static func refusal(_ path: String, _ host: HostRoot) -> Int32? {
    do {
      _ = try host.readAgain(path)
      return nil
    } catch {
      return error.number
    }
  }

  /// The outer `nil`: they can not be listed.
  private static func directories(
    _ path: String, _ parent: String?, _ host: HostRoot, _ listings: Listings
  ) -> [String]?? {
    do {
      return .some(try listings.directories(path, of: parent, host))
    } catch {
      return error.isAbsence ? .some(nil) : nil
    }
  }
}
