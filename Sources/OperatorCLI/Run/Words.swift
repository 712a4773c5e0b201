import ArgumentParser
import ManagerCore

/// The words that the manager knows, without the one that stands for all others.
extension Role: ExpressibleByArgument {
  package init?(argument: String) {
    guard let role = Role(rawValue: argument), role != .unrecognised else { return nil }
    self = role
  }
  package static var allValueStrings: [String] {
    allCases.filter { $0 != .unrecognised }.map(\.rawValue)
  }
}

extension Profile: ExpressibleByArgument {
  package init?(argument: String) {
    guard let profile = Profile(rawValue: argument), profile != .unrecognised else { return nil }
    self = profile
  }
  package static var allValueStrings: [String] {
    allCases.filter { $0 != .unrecognised }.map(\.rawValue)
  }
}

/// A name or id that a route is made with: an empty one would name the whole collection.
struct NameArgument: ExpressibleByArgument, Hashable, Sendable {
  var text: String
  init?(argument: String) {
    guard !argument.isEmpty else { return nil }
    text = argument
  }
}
