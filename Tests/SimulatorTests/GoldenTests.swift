import Simulator
import Testing

/// A few files of each layout, whole, as a person reviewed them.
@Suite struct GoldenTests {
  /// One client under the steady load, three seconds in, `oss01` just lost and back on `oss02`.
  private func excerpt(_ layout: Layout) throws -> String {
    var site = Reading.site(
      try .steady(servers: 4, clients: 1, layouts: .uniform(layout)), seed: 3, at: 3)
    var text = ""
    func show(_ server: String, _ suffix: String, only part: String = "") {
      let tree = site.tree(of: server)
      for path in Reading.paths(tree, endingIn: suffix) {
        text += "== \(server):\(path)\n"
        let lines = String(decoding: tree[path] ?? [], as: UTF8.self).split(separator: "\n")
        text += lines.filter { part.isEmpty || $0.contains(part) }.map { $0 + "\n" }.joined()
      }
    }
    show("oss01", "scratch-OST0001/stats")
    show("oss01", "home-OST0000/job_stats")
    show("mds01", "scratch-MDT0000/exports/10.73.20.1@tcp/uuid")
    show("oss01", "proc/self/mounts", only: "svname=")
    try site.apply(.powerLoss(server: "oss01"))
    site.advance(to: 36 * Reading.second)
    show("oss02", "scratch-OST0000/recovery_status")
    return text
  }

  @Test(arguments: Layout.allCases) func filesReadAsReviewed(layout: Layout) throws {
    let expected = try #require(goldenTexts[layout]).split(
      separator: "\n", omittingEmptySubsequences: false)
    let found = try excerpt(layout).split(separator: "\n", omittingEmptySubsequences: false)
    for (place, line) in found.enumerated() {
      #expect(place < expected.count && line == expected[place], "line \(place + 1)")
    }
    #expect(found.count == expected.count)
  }
}
