import AgentCore
import Protocol

/// What several collectors need to know of the node, read once a cycle. Gathering it never fails:
/// whoever reports one of these files also reports why it could not be read.
package struct NodeFacts: Hashable, Sendable {
  /// Whether `/proc/fs/lustre` or `/sys/fs/lustre` is there.
  package enum Lustre: Hashable, Sendable {
    case here
    case absent
    /// Neither was found, and of one it can not be told: that is no evidence of absence.
    case unreadable(reason: String)
  }

  package var lustre = Lustre.absent
  package var version: LustreVersion?
  package var mounts: [MountEntry] = []
  /// NIDs in the names of the node's `mgc` devices, `MGC10.0.0.1@tcp` …
  package var mgcNIDs: [String] = []
  /// The node's own, without `0@lo`.
  package var ownNIDs: [String] = []
  /// `ldiskfs` or `zfs` by the name of the target.
  package var backends: [String: String] = [:]

  package init() {}

  init(
    _ host: HostRoot, _ listings: Listings, _ lustre: Lustre, _ recorder: ReadRecorder?
  ) {
    self.lustre = lustre
    var gathering = Gathering("facts", host, listings, recorder: recorder)
    if let table = NodeFacts.mountTable(&gathering) {
      mounts = gathering.take(table.parsed, from: table.path)
    }
    guard lustre == .here else { return }
    if let bytes = gathering.read(.version) { version = LustreVersion(bytes.span) }
    mgcNIDs = (gathering.directories(.managementClients) ?? []).compactMap(NodeFacts.mgcNID)
    if let bytes = gathering.read(.lnetInterfaces) {
      ownNIDs = LNetParser.interfaces(bytes.span).value.map { $0.nid }.filter { $0 != "0@lo" }
    }
    for backend in NodeFacts.backendNames {
      for target in gathering.directories(.storages, backend) ?? [] {
        backends[target] = backends[target] ?? backend
      }
    }
  }

  static func lustre(_ host: HostRoot, _ recorder: ReadRecorder?) -> Lustre {
    var failure: HostError?
    for path in ["/proc/fs/lustre", "/sys/fs/lustre"] {
      do {
        if try host.isPresent(path) {
          recorder?.note(.present(path))
          return .here
        }
        recorder?.note(.absent([path], looks: ReadTrace.always))
      } catch {
        recorder?.giveUp()
        failure = failure ?? error
      }
    }
    return failure.map { .unreadable(reason: "\($0)") } ?? .absent
  }

  /// The answer of a collector that has nothing to read; `nil` where Lustre is.
  var withoutLustre: CollectorAnswer? {
    switch lustre {
    case .here: nil
    case .absent: .notApplicable(reason: noLustre)
    case .unreadable(let reason): .failed(reason: reason)
    }
  }

  /// `osd-wbcfs` (memory, for tests) exists on master only.
  private static let backendNames = ["ldiskfs", "zfs", "wbcfs"]

  /// The NID of `MGC10.0.0.1@tcp`.
  static func mgcNID(_ name: String) -> String? {
    guard name.hasPrefix("MGC"), name.contains("@") else { return nil }
    return String(name.dropFirst(3))
  }

  /// The Lustre lines of the mount table and where they were read; `nil` without any table.
  static func mountTable(
    _ gathering: inout Gathering
  ) -> (path: String, parsed: Parsed<[MountEntry]>)? {
    if let bytes = gathering.read(path: "/proc/self/mountinfo", looks: ReadTrace.always) {
      return ("/proc/self/mountinfo", MountParser.mountinfo(bytes.span))
    }
    for path in ["/proc/self/mounts", "/proc/mounts"] {
      if let bytes = gathering.read(path: path, looks: ReadTrace.always) {
        return (path, MountParser.mounts(bytes.span))
      }
    }
    return nil
  }

  /// The mount of a target: by the name that it was mounted under, else by its device (2.10 shows
  /// no names).
  package func mount(of label: String, device: String?) -> MountEntry? {
    let targets = mounts.filter { $0.role == .target }
    return targets.first { $0.name.map(TargetLabel.registered) == label }
      ?? targets.first { label == "MGS" && $0.options.contains("mgs") }
      ?? targets.first { $0.source == device }
  }

  /// Which MGS a target belongs to: what its mount says, else the node's only `mgc`. The MGT is
  /// known by that `mgc`, else by the node's own NIDs.
  package func reference(_ label: String, mount: MountEntry?) -> TargetReference {
    if label != "MGS", let nids = mount?.mgsNIDs, !nids.isEmpty {
      return TargetReference(label: label, mgs: nids)
    }
    if mgcNIDs.count == 1 { return TargetReference(label: label, mgs: mgcNIDs) }
    return TargetReference(label: label, mgs: label == "MGS" ? ownNIDs : [])
  }
}
