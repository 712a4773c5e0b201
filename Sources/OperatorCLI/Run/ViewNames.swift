import ManagerCore
import Protocol

/// What each thing goes by, where the operator names it.
extension ServerSummary {
  var names: [String] { [hostname, id.text] }
}

extension TargetSummary {
  var names: [String] { [label, id] }
}

extension FileSystemSummary {
  var names: [String] { [name, id, "\(mgs)/\(name)"] }
}
