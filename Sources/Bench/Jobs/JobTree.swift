extension Measurement {
  /// A server's tree with so many OSTs, each with so many jobs, for the agent to read.
  static let jobTree = Measurement(
    name: "job-tree", summary: "write a tree: --dir DIR --targets N --jobs N [--reading N]"
  ) { options in
    let directory = try options.text("dir")
    let targets = try options.number("targets", or: 20)
    let jobs = try options.number("jobs", or: 25_000)
    let reading = try options.number("reading", or: 0)
    let text = JobText(grammar: .lustre2_15)
    for target in 0..<targets {
      let index = String(target, radix: 16)
      let label = "bench-OST" + String(repeating: "0", count: 4 - index.utf8.count) + index
      let folder = "\(directory)/proc/fs/lustre/obdfilter/\(label)"
      try FileText.makeFolder(folder)
      try FileText.write(Array("\(label)_UUID\n".utf8), to: "\(folder)/uuid")
      let file = text.file(jobs: 0..<jobs, reading: reading)
      try FileText.write(file, to: "\(folder)/job_stats")
    }
    try FileText.makeFolder("\(directory)/sys/fs/lustre")
    try FileText.write(Array("2.15.5\n".utf8), to: "\(directory)/sys/fs/lustre/version")
    try FileText.makeFolder("\(directory)/proc/sys/kernel")
    try FileText.write(Array("bench\n".utf8), to: "\(directory)/proc/sys/kernel/hostname")
  }
}
