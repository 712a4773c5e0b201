import ArgumentParser
import ManagerCore
import Protocol

/// `iml job top`
struct JobTopVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "top", abstract: "Show the jobs that did most.",
    discussion: """
      Agents name the jobs that did most on each target by each measure, and count all others \
      exactly: what stands as unnamed belongs to jobs that were never among those that did most.
      """)
  @Option(help: "Rank by read, write, iops or metadata.") var by = JobMeasure.write
  @Option(
    help: ArgumentHelp(
      "Only these targets: labels or ids, or a list such as fs1-OST[0000-0003].",
      valueName: "label"), completion: .live(.targets))
  var target: NameArgument?
  @Option(
    name: .customLong("fs"),
    help: ArgumentHelp("Only the targets of these file systems; a list.", valueName: "name"),
    completion: .live(.fileSystems))
  var fileSystem: NameArgument?
  @Option(
    help: ArgumentHelp(
      "How far back: 90s, 15m, 1h, 2d, 1w. Jobs are kept by the minute: what is shown may begin up to a"
        + " minute earlier, and says so.", valueName: "span"))
  var last = SpanArgument(seconds: 600)
  @Option(help: "At most so many jobs, up to 1000.") var limit = 20
  @OptionGroup var watching: WatchOptions
  @OptionGroup var options: ConnectionOptions

  func validate() throws {
    if target != nil, fileSystem != nil {
      throw ValidationError("--target and --fs exclude each other: a target has one file system.")
    }
    if !(1...1_000).contains(limit) { throw ValidationError("--limit is from 1 to 1000.") }
  }

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let route = Route("jobs", "top")
      .with("by", by.rawValue).with("seconds", String(last.seconds)).with("limit", String(limit))
      .with("target", try names(target)).with("fs", try names(fileSystem))
    let answer = try await manager.get(JobTopView.self, route)
    let hint =
      "No target has told of jobs in this time. Lustre keeps job statistics once jobid_var is set."
    var told = Answer(
      answer, CSVTable(answer), hint: answer.targets == 0 ? hint : nil, table: JobTopPage.render)
    told.lacking = MetricPage.unreadable(answer.view.unreadable)
    return told
  }
}

extension JobTopVerb {
  private func names(_ list: NameArgument?) throws -> String? {
    try list.flatMap { try options.selection([$0]).names?.joined(separator: ",") }
  }
}

extension JobMeasure: ExpressibleByArgument {}
