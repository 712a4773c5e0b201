import Protocol

/// What the manager exposes of itself, its servers and its targets.
package struct ManagerFigures: Sendable {
  /// Of all names that are the manager's own word: no agent may report under them.
  package static let namePrefix = "iml_"

  package var version: String
  package var startedNanoseconds: Int64
  package var batchesIngested: UInt64 = 0
  package var samplesIngested: UInt64 = 0
  /// Samples that agents gave up, as far as they told how many.
  package var samplesLost: UInt64 = 0
  /// Series that agents declared under the manager's names.
  package var seriesRefused: UInt64 = 0
  package var blocksStored: UInt64 = 0
  /// Bytes of samples that are not yet in the store.
  package var heldBytes: Int = 0
  /// Bytes of history's files, and of those that were removed because of their age or size.
  package var historyBytes: Int64 = 0
  package var historyRemovedBytes: UInt64 = 0
  /// Hours of servers of which queries read samples, because they are not rolled up.
  package var hoursToRollUp: Int = 0
  /// Days of servers of which queries read hours.
  package var daysToJoin: Int = 0
  package var seriesKnown: Int = 0
  package var servers: [ServerSummary] = []
  package var targets: [TargetSummary] = []
  package var findings: [Finding] = []

  package init(version: String, startedNanoseconds: Int64) {
    self.version = version
    self.startedNanoseconds = startedNanoseconds
  }

  /// The families, to be rendered with those of `LatestValues`.
  package var families: [MetricFamily] {
    own + serverFamilies + [targetFamily, findingFamily]
  }

  /// The value of the label `server` for each server: its host name, or its id when two share
  /// the name.
  package static func serverLabels(_ servers: [ServerSummary]) -> [ServerID: String] {
    serverLabels(
      hostnames: Dictionary(servers.map { ($0.id, $0.hostname) }) { first, _ in first })
  }

  /// The same by the servers' host names.
  package static func serverLabels(hostnames: [ServerID: String]) -> [ServerID: String] {
    let counts = hostnames.values.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    return hostnames.reduce(into: [:]) { labels, server in
      let isUnique = counts[server.value] == 1 && !server.value.isEmpty
      labels[server.key] = isUnique ? server.value : server.key.text
    }
  }

  private var own: [MetricFamily] {
    [
      one(
        "iml_manager_build_info", .gauge, "1, labelled with the version of the manager",
        .unsigned(1), ["version": version]),
      one(
        "iml_manager_start_time_seconds", .gauge, "Start of the manager, since the epoch",
        .scaled(Int128(startedNanoseconds), decimals: 9)),
      one(
        "iml_manager_connected_agents", .gauge, "Agents that are heard now",
        .unsigned(UInt64(servers.count { $0.contact == .connected }))),
      one(
        "iml_manager_batches_ingested_total", .counter, "Sample batches taken from agents",
        .unsigned(batchesIngested)),
      one(
        "iml_manager_samples_ingested_total", .counter, "Samples taken from agents",
        .unsigned(samplesIngested)),
      one(
        "iml_manager_samples_lost_total", .counter,
        "Samples that agents had to give up before they were stored", .unsigned(samplesLost)),
      one(
        "iml_manager_series_refused_total", .counter,
        "Series that agents declared under the manager's own names", .unsigned(seriesRefused)),
      one(
        "iml_manager_blocks_stored_total", .counter, "History blocks written",
        .unsigned(blocksStored)),
      one(
        "iml_manager_history_held_bytes", .gauge, "Memory of samples that wait to be stored",
        .unsigned(UInt64(max(0, heldBytes)))),
      one(
        "iml_manager_history_bytes", .gauge, "Size of the files of history",
        .unsigned(UInt64(max(0, historyBytes)))),
      one(
        "iml_manager_history_awaiting_roll_up", .gauge,
        "Hours of servers that are not yet rolled up, the hour under way included",
        .unsigned(UInt64(max(0, hoursToRollUp)))),
      one(
        "iml_manager_history_awaiting_join", .gauge,
        "Days of servers whose hours are not yet put together, the day under way included",
        .unsigned(UInt64(max(0, daysToJoin)))),
      one(
        "iml_manager_history_removed_bytes_total", .counter,
        "Size of the files of history that were removed because of age or size",
        .unsigned(historyRemovedBytes)),
      one(
        "iml_manager_series_known", .gauge, "Series in the catalogue",
        .unsigned(UInt64(max(0, seriesKnown)))),
    ]
  }

  private var serverFamilies: [MetricFamily] {
    let labels = ManagerFigures.serverLabels(servers)
    func samples(_ value: (ServerSummary) -> MetricValue?) -> [MetricFamily.Sample] {
      servers.compactMap { server in
        value(server).map {
          MetricFamily.Sample($0, ["server": labels[server.id] ?? server.id.text])
        }
      }
    }
    return [
      MetricFamily(
        "iml_server_connected", .gauge, help: "1 while the server's agent is heard, else 0",
        samples: samples { .unsigned($0.contact == .connected ? 1 : 0) }),
      MetricFamily(
        "iml_server_heard_seconds_ago", .gauge,
        help: "Time since a byte was last heard of the server's agent",
        samples: samples { $0.heardSecondsAgo.map(MetricValue.number) }),
      MetricFamily(
        "iml_server_healthy", .gauge,
        help: "1 when the server is healthy by current evidence, 0 when not or unknown",
        samples: samples { .unsigned($0.health == .healthy ? 1 : 0) }),
    ]
  }

  /// One sample for each state, of which one is 1: a change of state never hides the old series.
  private var targetFamily: MetricFamily {
    let states = TargetState.allCases.filter { $0 != .unrecognised }
    let samples = targets.flatMap { target in
      states.map { state in
        MetricFamily.Sample(
          .unsigned(target.state == state ? 1 : 0),
          [
            "target": target.label, "fs": target.fileSystem ?? "", "mgs": target.mgs,
            "state": state.rawValue,
          ])
      }
    }
    return MetricFamily(
      "iml_target_state", .gauge, help: "1 for the state that the target is in, 0 for the others",
      samples: samples)
  }

  private var findingFamily: MetricFamily {
    let severities = Severity.allCases.filter { $0 != .unrecognised }
    return MetricFamily(
      "iml_findings", .gauge, help: "Diagnostics that hold now, by severity",
      samples: severities.map { severity in
        MetricFamily.Sample(
          .unsigned(UInt64(findings.count { $0.diagnostic.severity == severity })),
          ["severity": severity.rawValue])
      })
  }

  private func one(
    _ name: String, _ kind: SeriesKind, _ help: String, _ value: MetricValue,
    _ labels: [String: String] = [:]
  ) -> MetricFamily {
    MetricFamily(name, kind, help: help, samples: [MetricFamily.Sample(value, labels)])
  }
}
