/// Where `@group` is looked up: the first of these files that there is.
struct GroupsFile: Sendable {
  let paths: [String]
  static let defaultPath = "/etc/iml/groups"

  /// The list behind a name. Throws a complaint that says what to write where.
  func list(of group: String) throws -> String {
    let (path, groups) = try read(for: group)
    guard let list = groups.lists[group] else {
      let known = groups.lists.keys.sorted()
      throw Complaint(
        .usage, subject: "@\(group)", reason: "\(path) has no such group",
        // As many as fit a few lines.
        remedy: known.isEmpty
          ? "It has no group at all." : "It has \(known.prefix(40).joined(separator: ", ")).")
    }
    return list
  }

  /// The groups that there are; none where the file can not be read.
  var names: [String] { (try? read(for: "").1.lists.keys.sorted()) ?? [] }

  private func read(for group: String) throws -> (String, NodeGroups) {
    for path in paths {
      do {
        return (path, try NodeGroups(try BoundedFile(path: path, mayBePipe: false).read().text))
      } catch let error as BoundedFile.Unreadable {
        if error.isMissing { continue }
        throw Complaint(.failed, subject: path, reason: "can not be read: \(error.reason)")
      } catch let error as NodeGroups.Malformed {
        throw Complaint(
          .failed, subject: path, reason: "line \(error.line): \(error.reason)",
          remedy: "Write lines such as `oss: oss[01-16]`.")
      }
    }
    throw Complaint(
      .usage, subject: "@\(group)",
      reason: "there is no groups file (\(paths.joined(separator: ", ")))",
      remedy: "Write lines such as `oss: oss[01-16]` into \(GroupsFile.defaultPath).")
  }
}
