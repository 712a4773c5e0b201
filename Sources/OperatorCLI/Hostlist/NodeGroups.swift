/// The groups of a file: `name: list` a line, `#` begins a comment.
struct NodeGroups: Hashable, Sendable {
  private(set) var lists: [String: String] = [:]

  struct Malformed: Error, Hashable, Sendable {
    var line: Int
    var reason: String
  }

  init(_ text: String) throws(Malformed) {
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() {
      let words = NodeGroups.trimmed(line.prefix { $0 != "#" })
      guard !words.isEmpty else { continue }
      guard let colon = words.firstIndex(of: ":") else {
        throw Malformed(line: index + 1, reason: "no colon after the group's name")
      }
      let name = String(NodeGroups.trimmed(words[..<colon]))
      let list = String(NodeGroups.trimmed(words[words.index(after: colon)...]))
      guard !name.isEmpty, name.allSatisfy(NodeGroups.mayStand) else {
        throw Malformed(
          line: index + 1, reason: "a group's name has letters, digits, '.', '_' and '-'")
      }
      guard !list.isEmpty else {
        throw Malformed(line: index + 1, reason: "the group '\(name)' has no members")
      }
      guard lists.updateValue(list, forKey: name) == nil else {
        throw Malformed(line: index + 1, reason: "the group '\(name)' stands here again")
      }
    }
  }

  private static func mayStand(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || "._-".contains(character)
  }

  private static func trimmed(_ text: Substring) -> Substring {
    let start = text.drop { $0.isWhitespace }
    guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return start[...end]
  }
}
