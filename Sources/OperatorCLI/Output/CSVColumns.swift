import ManagerCore
import Protocol

/// A view whose columns in CSV are fixed: also of an empty list, and where a value is missing.
/// Members are named as in JSON, where the unit is part of the name.
protocol CSVColumns {
  static var csvMembers: [String] { get }
}

extension ServerSummary: CSVColumns {
  static let csvMembers = [
    "id", "hostname", "profile", "contact", "heardSecondsAgo", "health", "reason", "lustreVersion",
    "targets", "bootID", "readsTree", "isRevoked",
  ]
}

extension ServerDetail: CSVColumns {
  static let csvMembers =
    ServerSummary.csvMembers.map { "summary.\($0)" } + [
      "agentVersion", "address", "certificateSerial", "certificateExpiresNanoseconds",
      "sessionSeconds", "clockOffsetSeconds", "batchesReceived", "samplesReceived",
    ]
}

extension FileSystemSummary: CSVColumns {
  static let csvMembers = [
    "id", "name", "mgs", "state", "reason", "mdts", "osts", "targetsActive", "bytesTotal",
    "bytesFree", "bytesAvailable", "bytesTargets", "inodesTotal", "inodesFree", "inodesTargets",
    "clients", "clientsTargets", "evidenceSecondsAgo",
  ]
}

extension FileSystemDetail: CSVColumns {
  static let csvMembers =
    FileSystemSummary.csvMembers.map { "summary.\($0)" } + ["mgsNIDs", "mgsActiveOn"]
}

extension TargetSummary: CSVColumns {
  static let csvMembers = [
    "id", "label", "kind", "fileSystem", "mgs", "state", "reason", "activeOn", "activeServers",
    "lastActiveOn", "failoverServers", "evidenceSecondsAgo", "bytesTotal", "bytesFree",
    "bytesAvailable",
    "inodesTotal", "inodesFree", "capacitySecondsAgo", "clients", "backend", "recovery",
  ]
}

extension TargetDetail: CSVColumns {
  static let csvMembers =
    TargetSummary.csvMembers.map { "summary.\($0)" } + ["device", "mountPoint", "uuid"]
}

extension SiteStatus: CSVColumns {
  static let csvMembers = ["managerVersion", "upSeconds", "health"]
}

extension MetricListing: CSVColumns {
  static let csvMembers = ["name", "unit", "kind", "help"]
}

extension EnrolmentTokenView: CSVColumns {
  static let csvMembers = [
    "id", "profile", "usesLeft", "expiresNanoseconds", "isRevoked", "createdBy", "secret",
  ]
}

extension APITokenView: CSVColumns {
  static let csvMembers = ["id", "name", "role", "expiresNanoseconds", "isRevoked", "secret"]
}

extension CSVTable {
  /// Of a metric's history one row a group, without its points; what is measured in the metric's
  /// unit has that in the column's name.
  init(_ answer: Reply<MetricAnswer>) {
    let labels = Set(answer.groups.flatMap(\.labels.keys)).sorted()
    let unit = CSVTable.suffix(unit: answer.unit, isRate: answer.isRate)
    let ofAnswer = [
      "metric", "kind", "unit", "isRate", "fromNanoseconds", "throughNanoseconds",
    ]
    let before = ["series", "silentSeries"]
    let measured = ["value", "minimum", "maximum"]
    // Last, so that the columns of before stay where they were.
    let peak = answer.isRate ? ["peak"] : []
    let after = ["samples", "resets", "lastSecondsAgo"]
    header =
      ofAnswer + labels.map { "labels.\($0)" } + before + measured.map { $0 + unit } + after
      + peak.map { $0 + unit }
    rows = answer.list("groups", answer.groups).map { group in
      ofAnswer.map { CSVTable.text(answer.raw[$0] ?? .null) }
        + labels.map { group.labels[$0] ?? "" }
        + (before + measured + after + peak).map { CSVTable.text(group.raw[$0] ?? .null) }
    }
  }

  /// A row a job, and one each for the other jobs, for what no job is known for, and for all: the
  /// column `row` tells which.
  init(_ answer: Reply<JobTopView>) {
    let measures = ["readBytes", "writtenBytes", "ioOperations", "metadataOperations"]
    let ofAnswer = [
      "by", "fromNanoseconds", "throughNanoseconds", "beganNanoseconds", "coveredSeconds",
      "coverage",
    ]
    header = ["row", "job"] + measures + ["targets"] + ofAnswer
    let tail = ofAnswer.map { CSVTable.text(answer.raw[$0] ?? .null) }
    func row(_ kind: String, _ job: String, _ increase: JSONValue?, _ targets: String) -> [String] {
      [kind, job] + measures.map { CSVTable.text(increase?[$0] ?? .null) } + [targets] + tail
    }
    rows =
      answer.list("jobs", answer.jobs).map { job in
        row("job", job.job, job.raw["increase"], CSVTable.text(job.raw["targets"] ?? .null))
      }
      + [("others", "others"), ("unnamed", "unnamed"), ("all", "total")].map { kind, member in
        row(kind, "", answer.raw[member], "")
      }
  }

  /// `_bytes_per_second`
  private static func suffix(unit: String, isRate: Bool) -> String {
    let word = unit == "1" || unit.isEmpty ? "" : "_\(unit)"
    return word + (isRate ? "_per_second" : "")
  }
}
