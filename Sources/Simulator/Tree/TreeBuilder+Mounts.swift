import Protocol

extension TreeBuilder {
  private struct Line {
    var source: String
    var mountPoint: String
    var type: String
    var access: String
    var options: String
  }

  /// The mount table in its three copies.
  mutating func addMounts() {
    var lines = [
      Line(source: "sysfs", mountPoint: "/sys", type: "sysfs", access: "rw", options: ""),
      Line(source: "proc", mountPoint: "/proc", type: "proc", access: "rw", options: ""),
      Line(
        source: "debugfs", mountPoint: "/sys/kernel/debug", type: "debugfs", access: "rw",
        options: ""),
      Line(
        source: "/dev/mapper/system-root", mountPoint: "/", type: "xfs", access: "rw",
        options: "attr2,inode64,noquota"),
    ]
    for active in activeTargets {
      lines.append(
        Line(
          source: active.target.source, mountPoint: active.target.mountPoint,
          type: layout.mountType, access: layout.mountAccess, options: options(active.target)))
    }
    var mounts = ""
    var mountinfo = ""
    for (place, line) in lines.enumerated() {
      let options = line.options.isEmpty ? "" : "," + line.options
      mounts += "\(line.source) \(line.mountPoint) \(line.type) \(line.access)\(options) 0 0\n"
      mountinfo +=
        "\(22 + place) 1 0:\(20 + place) / \(line.mountPoint) rw,relatime shared:\(place + 2) - "
        + "\(line.type) \(line.source) \(line.access)\(options)\n"
    }
    add("proc/mounts", mounts)
    add("proc/self/mounts", mounts)
    add("proc/self/mountinfo", mountinfo)
  }

  private func options(_ target: SitePlan.Target) -> String {
    let nids = site.plan.nids(of: site.plan.targets[site.plan.mgs]).joined(separator: ":")
    let management = target.kind == .mgt ? "mgs" : "mgsnode=" + nids
    let backend = target.backend == .ldiskfs ? ",user_xattr,errors=remount-ro" : ""
    return "svname=\(target.label),\(management),osd=\(target.osdName)\(backend)"
  }
}
