import Glibc

/// What one piece of work asked of the machine, in order, and what the machine said. A piece of work
/// makes the same of the same answers: while they stay, what it made of them stays, and only the asking
/// has to be done again.
struct ReadTrace: Sendable {
  enum Access: Sendable {
    /// A file; `isKept` when it is one that stays open.
    case contents(path: String, bytes: [UInt8], isKept: Bool)
    /// A file that is there and says by this `errno` that it has no value.
    case refused(path: String, number: Int32)
    /// None of these was there, that often in turn by then.
    case absent([String], looks: Int)
    /// Names of directories in one; `nil` when `parent` does not list it.
    case directories(path: String, parent: String?, names: [String]?)
    /// Names in a directory.
    case names(path: String, [String])

    /// About the memory that it takes.
    var bytes: Int {
      switch self {
      case .contents(let path, let bytes, _): 96 + path.utf8.count + bytes.count
      case .refused(let path, _): 96 + path.utf8.count
      case .absent(let paths, _): paths.reduce(96) { $0 + 32 + $1.utf8.count }
      case .directories(let path, _, let names):
        (names ?? []).reduce(96 + path.utf8.count) { $0 + 16 + $1.utf8.count }
      case .names(let path, let names):
        names.reduce(96 + path.utf8.count) { $0 + 16 + $1.utf8.count }
      }
    }
  }

  var accesses: [Access]

  /// A release of Lustre has a parameter or does not. After so many looks in turn found nothing, each
  /// so many turns look again.
  static let absenceTurns = 8
  /// Of what is looked for each time.
  static let always = Int.min / 2

  /// Asks everything again. `nil` when nothing has changed; else what is known by then, up to the
  /// first contents that differ.
  ///
  /// - Parameters:
  ///   - turn: grows by one each time.
  ///   - age: turns since the trace was made.
  ///   - misses: looks for all that was not there.
  func changed(
    _ host: HostRoot, _ listings: Listings, turn: Int, age: Int, misses: Bool
  ) -> [Access]? {
    // First, so that no other change hides that something has come.
    for (place, access) in accesses.enumerated() {
      guard case .absent(let paths, let looks) = access,
        misses || looks + age < Self.absenceTurns || (turn &+ place) % Self.absenceTurns == 0,
        !paths.allSatisfy({ Self.isAbsent($0, host) })
      else { continue }
      // Whoever left out looking for it looks now.
      host.memory.lookAgain()
      return []
    }
    for (place, access) in accesses.enumerated() {
      switch access {
      case .contents(let path, let before, let isKept):
        guard let bytes = try? isKept ? host.readAgain(path) : host.read(path) else {
          return Array(accesses[..<place])
        }
        guard Self.areEqual(bytes, before) else {
          return accesses[..<place] + [.contents(path: path, bytes: bytes, isKept: isKept)]
        }
      case .refused(let path, let number):
        guard Self.refusal(path, host) == number else { return Array(accesses[..<place]) }
      case .absent: continue
      case .directories(let path, let parent, let names):
        guard let found = Self.directories(path, parent, host, listings), found == names else {
          return Array(accesses[..<place])
        }
      case .names(let path, let names):
        guard (try? host.list(path)) == names else { return Array(accesses[..<place]) }
      }
    }
    return nil
  }

  private static func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count
      && a.withUnsafeBytes { first in
        b.withUnsafeBytes { second in
          guard let first = first.baseAddress, let second = second.baseAddress else { return true }
          return memcmp(first, second, a.count) == 0
        }
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

  private static func isAbsent(_ path: String, _ host: HostRoot) -> Bool {
    (try? host.isPresent(path)) == false
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
