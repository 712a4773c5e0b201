import Glibc

/// `iml-bench NAME [--option value …]`: one measurement, as lines of `key value`. `scripts/bench`
/// runs them, takes medians and compares with the goals.
@main
struct Entry {
  static func main() async {
    signal(SIGPIPE, SIG_IGN)
    let words = Array(CommandLine.arguments.dropFirst())
    guard let name = words.first, let chosen = allMeasurements.first(where: { $0.name == name })
    else {
      print("usage: iml-bench NAME [--option value …]")
      for known in allMeasurements { print("  \(known.name): \(known.summary)") }
      Glibc.exit(2)
    }
    do {
      try await chosen.run(Options(words.dropFirst()))
    } catch {
      print("failed: \(error)")
      Glibc.exit(1)
    }
  }
}
