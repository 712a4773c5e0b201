import AgentCore
import Synchronization

/// What the directories of one cycle hold, each listed once for all collectors. Nobody waits for
/// another's listing: whoever finds none yet makes one.
final class Listings: Sendable {
  private typealias Listing = Result<[HostRoot.Entry], HostError>
  private let known = Mutex<[String: Listing]>([:])
  private let directories = Mutex<[String: [String]]>([:])
  private let absent = Mutex<Set<String>>([])
  private let roots = Mutex<[ParameterRoot: Bool]>([:])

  private static let last = Atomic<UInt64>(0)
  /// No other has it.
  let number = Listings.last.wrappingAdd(1, ordering: .relaxed).newValue

  init() {}

  /// Names of the directories in a directory, sorted; `nil` when the directory above it, if one is
  /// named, does not list it.
  func directories(
    _ path: String, of parent: String?, _ host: HostRoot
  ) throws(HostError) -> [String]? {
    // Of targets, connections and clients; nobody else asks.
    guard let parent else { return try host.directories(path) }
    if let found = directories.withLock({ $0[path] }) { return found }
    // One that can not be listed may still be searched.
    switch listing(parent, host) {
    case .success(let entries):
      let name = path.dropFirst(parent.utf8.count + 1)
      guard entries.contains(where: { $0.name == name }) else { return nil }
    case .failure(let error):
      if error.isAbsence { return nil }
    }
    let found = try host.directories(path)
    directories.withLock { $0[path] = found }
    return found
  }

  /// Whether nothing is at the path, for certain. Where a root of parameters is not there, nothing below
  /// it is looked for.
  func isAbsent(_ path: String, _ host: HostRoot) -> Bool {
    if let root = ParameterRoot(of: path) {
      return isAbsent(root, host) || (try? host.isPresent(path)) == false
    }
    // Several look for the same files of the machine itself.
    if absent.withLock({ $0.contains(path) }) { return true }
    guard (try? host.isPresent(path)) == false else { return false }
    absent.withLock { _ = $0.insert(path) }
    return true
  }

  private func isAbsent(_ root: ParameterRoot, _ host: HostRoot) -> Bool {
    if let known = roots.withLock({ $0[root] }) { return known }
    let isAbsent = (try? host.isPresent(root.rawValue)) == false
    roots.withLock { $0[root] = isAbsent }
    return isAbsent
  }

  private func listing(_ path: String, _ host: HostRoot) -> Listing {
    if let listing = known.withLock({ $0[path] }) { return listing }
    let listing = Listing { () throws(HostError) in try host.entries(path) }
    known.withLock { $0[path] = listing }
    return listing
  }
}
