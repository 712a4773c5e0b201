import AgentCore
import Glibc
import NodeAgent
import Protocol
import Synchronization
import Testing

/// Trees captured on real servers. `FIXTURES` names the directory of their archives, which are
/// unpacked for these tests; or `FIXTURES_UNPACKED` one that holds them unpacked.
enum Fixtures {
  static let directory: String? = {
    if let value = getenv("FIXTURES_UNPACKED") { return String(cString: value) }
    guard let value = getenv("FIXTURES") else {
      print("FIXTURES is not set: the tests over captured trees are LEFT OUT")
      return nil
    }
    return unpack(String(cString: value))
  }()

  private static func unpack(_ archives: String) -> String? {
    guard let tree = try? TemporaryTree() else { return nil }
    unpacked.withLock { $0 = tree }
    // A static is never deinitialised: the copies go when the process does.
    atexit { Fixtures.unpacked.withLock { $0 = nil } }
    let names = (try? HostRoot(archives).list("/")) ?? []
    for name in names where name.hasSuffix(".tar.gz") {
      let directory = tree.path + "/" + name.dropLast(7)
      mkdir(directory, 0o700)
      let words = ["tar", "-xzf", "\(archives)/\(name)", "-C", directory]
      var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
      defer { for argument in arguments { free(argument) } }
      var process: pid_t = 0
      var status: Int32 = 0
      guard posix_spawnp(&process, "tar", nil, nil, &arguments, environ) == 0,
        waitpid(process, &status, 0) == process, status == 0
      else {
        print("\(name) could not be unpacked")
        continue
      }
    }
    return tree.path
  }

  private static let unpacked = Mutex<TemporaryTree?>(nil)

  /// Below each archive, every directory that holds a `proc` of its own.
  static let roots: [String] = {
    guard let directory else { return [] }
    var roots: [String] = []
    func search(_ path: String, _ depth: Int) {
      guard depth < 12, let names = try? HostRoot(path).directories("/") else { return }
      if names.contains("proc") || names.contains("sys") {
        roots.append(path)
      } else {
        for name in names { search("\(path)/\(name)", depth + 1) }
      }
    }
    search(directory, 0)
    return roots
  }()
}

/// What the files say, read here in another way than the collectors do: by `String` and `split`.
private struct Truth {
  let root: String

  func text(_ path: String) -> String? {
    (try? HostRoot(root).read(path)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// A parameter under any root of Lustre.
  func parameter(_ path: String) -> String? {
    for root in ["/sys/fs/lustre/", "/proc/fs/lustre/", "/sys/kernel/debug/lustre/"] {
      if let text = text(root + path) { return text }
    }
    return nil
  }

  func number(_ path: String) -> String? {
    parameter(path).map { String($0.split(whereSeparator: \.isWhitespace).first ?? "") }
  }

  func targets(_ kind: String) -> Set<String> {
    var names: Set<String> = []
    for top in ["/sys/fs/lustre/", "/proc/fs/lustre/", "/sys/kernel/debug/lustre/"] {
      names.formUnion((try? HostRoot(root).directories(top + kind)) ?? [])
    }
    return names
  }
}

@Suite(.enabled(if: Fixtures.directory != nil, "FIXTURES is not set"))
struct FixtureTests {
  private static let kinds = [("obdfilter", "ost"), ("mdt", "mdt"), ("mgs", "mgt")]

  @Test func thereAreCapturedTrees() {
    #expect(Fixtures.roots.count >= 3)
  }

  @Test(arguments: Fixtures.roots) func nothingFailsAndNothingIsLeftOver(root: String) throws {
    let look = Look(try inspect(root: root))
    #expect(look.failures.isEmpty)
    // Names that are no labels are told; anything else would be a line that no parser knows.
    #expect(look.leftovers.allSatisfy { ["obdfilter", "mdt"].contains($0.source) })
  }

  @Test(arguments: Fixtures.roots) func everyTargetIsShown(root: String) throws {
    let look = Look(try inspect(root: root, only: ["target"]))
    let shown = try look.sections.filter { $0.key.name == "target" }.map { try TargetSection($0) }
    let truth = Truth(root: root)
    for (directory, component) in Self.kinds {
      let labels = shown.filter { $0.kind.rawValue.lowercased() == component }
        .map { $0.reference.label }
      #expect(Set(labels) == truth.targets(directory) && Set(labels).count == labels.count)
    }
    let nids = ((try? HostRoot(root).list("/proc/fs/lustre/mgc")) ?? []).map {
      String($0.dropFirst(3))
    }
    #expect(shown.allSatisfy { $0.reference.mgs == nids })
    for target in shown where target.reference.label.contains("-") {
      #expect(target.fileSystem == "lustrefs" || target.fileSystem == "fs")
    }
  }

  @Test(arguments: Fixtures.roots) func everyPlainNumberIsExact(root: String) throws {
    let look = Look(try inspect(root: root))
    let truth = Truth(root: root)
    let plain = [
      ("num_exports", "lustre_exports"), ("tot_dirty", "lustre_exports_dirty_bytes"),
      ("tot_granted", "lustre_exports_granted_bytes"),
      ("tot_pending", "lustre_exports_pending_bytes"), ("degraded", "lustre_degraded"),
      ("eviction_count", "lustre_evictions_total"),
    ]
    var compared = 0
    for (directory, component) in Self.kinds {
      for target in truth.targets(directory) {
        for (file, metric) in plain {
          let value = look.value(metric, ["component": component, "target": target])
          #expect(value == truth.number("\(directory)/\(target)/\(file)"), "\(target) \(file)")
          if value != nil { compared += 1 }
        }
      }
    }
    // A tree of single files may hold none of them.
    if truth.targets("mgs").count + truth.targets("obdfilter").count > 1 { #expect(compared > 0) }
  }

  @Test(arguments: Fixtures.roots) func spaceIsExactInBytes(root: String) throws {
    let look = Look(try inspect(root: root))
    let truth = Truth(root: root)
    let files = [
      ("kbytestotal", "lustre_capacity_bytes", UInt64(1_024)),
      ("kbytesfree", "lustre_free_bytes", 1_024),
      ("kbytesavail", "lustre_available_bytes", 1_024), ("filestotal", "lustre_inodes_maximum", 1),
      ("filesfree", "lustre_inodes_free", 1), ("blocksize", "lustre_blocksize_bytes", 1),
    ]
    for (directory, component) in Self.kinds {
      for target in truth.targets(directory) {
        for (file, metric, factor) in files {
          let own = component == "ost" ? truth.number("\(directory)/\(target)/\(file)") : nil
          let expected =
            own ?? truth.number("osd-zfs/\(target)/\(file)")
            ?? truth.number("osd-ldiskfs/\(target)/\(file)")
          #expect(
            look.value(metric, ["component": component, "target": target])
              == expected.flatMap { UInt64($0) }.map { String($0 * factor) }, "\(target) \(file)")
        }
      }
    }
  }

  @Test(arguments: Fixtures.roots) func everyCounterIsExact(root: String) throws {
    let look = Look(try inspect(root: root, only: ["mdt", "ost"]))
    let truth = Truth(root: root)
    var lines = 0
    for (directory, component, file) in [("obdfilter", "ost", "stats"), ("mdt", "mdt", "md_stats")]
    {
      for target in truth.targets(directory) {
        guard let text = truth.parameter("\(directory)/\(target)/\(file)") else { continue }
        var seen: [String: Int] = [:]
        for line in text.split(separator: "\n") where line.contains(" samples ") {
          let words = line.split(separator: " ").map(String.init)
          let name = words[0]
          seen[name, default: 0] += 1
          let labels = ["component": component, "target": target]
          lines += 1
          if name == "read_bytes" || name == "write_bytes" {
            let verb = String(name.dropLast(6))
            let metrics = [
              ("lustre_\(verb)_samples_total", words[1]),
              ("lustre_\(verb)_minimum_size_bytes", words[4]),
              ("lustre_\(verb)_maximum_size_bytes", words[5]),
              ("lustre_\(verb)_bytes_total", words[6]),
            ]
            for (metric, value) in metrics { #expect(look.value(metric, labels) == value) }
          } else {
            let found = look.samples.filter { sample in
              let key = sample.declaration.key
              guard case .target(let reference) = key.subject else { return false }
              return key.metric == "lustre_stats_total" && reference.label == target
                && key.labels["component"] == component && key.labels["operation"] == name
                && key.labels["occurrence"] == (seen[name] == 1 ? nil : String(seen[name] ?? 0))
            }
            #expect(found.map { $0.valueText } == [words[1]], "\(target) \(line)")
          }
        }
      }
    }
    if !truth.targets("mdt").isEmpty, truth.text("/proc/fs/lustre/mdt") == nil {
      #expect(lines > 0)
    }
  }

  @Test(arguments: Fixtures.roots) func recoveryIsExact(root: String) throws {
    let look = Look(try inspect(root: root, only: ["target"]))
    let truth = Truth(root: root)
    let codes = [
      "COMPLETE": "0", "INACTIVE": "1", "WAITING": "2", "WAITING_FOR_CLIENTS": "3",
      "RECOVERING": "4",
    ]
    for (directory, component) in Self.kinds {
      for target in truth.targets(directory) {
        let labels = ["component": component, "target": target]
        var fields: [String: String] = [:]
        for line in (truth.parameter("\(directory)/\(target)/recovery_status") ?? "")
          .split(separator: "\n")
        {
          let parts = line.split(separator: ":")
          if parts.count == 2 {
            fields[String(parts[0])] = String(parts[1].drop { $0 == " " })
          }
        }
        #expect(look.value("recovery_status", labels) == fields["status"].flatMap { codes[$0] })
        #expect(
          look.value("recovery_status_duration_seconds", labels) == fields["recovery_duration"])
        #expect(
          look.value("lustre_recovery_replayed_requests", labels) == fields["replayed_requests"])
        #expect(
          look.value("recovery_status_start_time_seconds", labels) == fields["recovery_start"])
        #expect(look.value("lustre_recovery_last_transaction", labels) == fields["last_transno"])
        let share = fields["completed_clients"]?.split(separator: "/").map(String.init) ?? []
        #expect(look.value("recovery_status_completed_clients", labels) == share.first)
        #expect(
          look.value("recovery_status_total_clients", labels)
            == (share.count == 2 ? share[1] : nil))
      }
    }
  }

  @Test(arguments: Fixtures.roots) func clientsAreThoseOfTheFiles(root: String) throws {
    let look = Look(try inspect(root: root, only: ["exports"]))
    let truth = Truth(root: root)
    for (directory, component) in Self.kinds {
      for target in truth.targets(directory) {
        var clients: [String] = []
        var servers = 0
        var files = 0
        for top in ["/proc/fs/lustre/", "/sys/kernel/debug/lustre/"] {
          let exports = "\(top)\(directory)/\(target)/exports"
          for nid in (try? HostRoot(root).directories(exports)) ?? [] {
            guard let text = truth.text("\(exports)/\(nid)/uuid") else { continue }
            files += 1
            for line in text.split(separator: "\n") {
              if line.hasSuffix("_UUID") { servers += 1 } else { clients.append("\(line) \(nid)") }
            }
          }
        }
        let labels = ["component": component, "target": target]
        #expect(
          look.value("lustre_connected_clients", labels)
            == (files > 0 ? String(clients.count) : nil), "\(target)")
        guard files > 0 else { continue }
        let section: ExportsSection = try look.section(target)
        #expect(section.clients.map { "\($0.uuid) \($0.nid)" }.sorted() == clients.sorted())
        #expect(section.serverConnections == servers)
      }
    }
  }

  @Test(arguments: Fixtures.roots) func nodeNumbersAreExact(root: String) throws {
    let look = Look(try inspect(root: root))
    let truth = Truth(root: root)
    #expect(look.value("lustre_mem_used", [:]) == truth.number("memused"))
    #expect(look.value("lustre_mem_used_max", [:]) == truth.number("memused_max"))
    let health = truth.parameter("health_check").map { $0.hasPrefix("healthy") ? "1" : "0" }
    #expect(look.value("lustre_health_healthy", [:]) == health)
    let lnet = truth.text("/proc/sys/lnet/stats") ?? truth.text("/sys/kernel/debug/lnet/stats")
    let numbers = lnet?.split(whereSeparator: \.isWhitespace).map(String.init)
    let names = [
      "lustre_allocated", "lustre_maximum", "lustre_errors_total", "lustre_send_count_total",
      "lustre_receive_count_total", "lustre_route_count_total", "lustre_drop_count_total",
      "lustre_send_bytes_total", "lustre_receive_bytes_total", "lustre_route_bytes_total",
      "lustre_drop_bytes_total",
    ]
    for (place, name) in names.enumerated() {
      #expect(look.value(name, [:]) == numbers.map { $0[place] }, "\(name)")
    }
    let lustre: LustreSection = try look.section("")
    #expect(
      lustre.version == truth.parameter("version")?.split(separator: "\n").first.map(String.init))
  }

  @Test(arguments: Fixtures.roots) func importsAndRegistrationsAreShown(root: String) throws {
    let look = Look(try inspect(root: root))
    let truth = Truth(root: root)
    let connections = ["mgc", "lwp", "osp"].flatMap { truth.targets($0) }
    if !connections.isEmpty {
      let section: ImportsSection = try look.section("")
      #expect(Set(section.imports.map { $0.name }) == Set(connections))
      for item in section.imports where !item.name.contains("-lwp-") {
        let kind = item.name.hasPrefix("MGC") ? "mgc" : "osp"
        let text = truth.parameter("\(kind)/\(item.name)/import") ?? ""
        #expect(text.contains("state: \(item.state ?? "?")\n"))
        #expect(text.contains("current_connection: \(item.currentConnection ?? "?")\n"))
        #expect(
          text.contains("failover_nids: [ \(item.failoverNIDs.joined(separator: ", ")) ]"))
      }
    }
    if let live = truth.text("/proc/fs/lustre/mgs/MGS/live/lustrefs") {
      let section: MGSSection = try look.section("")
      let labels = live.split(separator: "\n").map(String.init).filter {
        $0.hasPrefix("lustrefs-")
      }
      #expect(section.fileSystems.first?.targets == labels)
    }
  }

  @Test(arguments: Fixtures.roots) func theWholeOfItRendersToJSONAndText(root: String) throws {
    let inspection = try inspect(root: root)
    let text = try inspection.json()
    let value = try CanonicalJSON.decode(JSONValue.self, from: Array(text.utf8))
    guard case .array(let series)? = value["series"] else {
      Issue.record("series is an array")
      return
    }
    #expect(series.count == Look(inspection).samples.count && !series.isEmpty)
    #expect(inspection.text().contains("Series"))
  }
}
