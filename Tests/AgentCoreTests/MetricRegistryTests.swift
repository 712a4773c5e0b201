import Glibc
import Protocol
import Testing

@Suite struct MetricRegistryTests {
  @Test func everyMetricIsThereOnce() {
    let names = MetricRegistry.all.map { $0.name }
    #expect(Set(names).count == names.count)
    #expect(names.allSatisfy { MetricRegistry.metric(named: $0)?.name == $0 })
    #expect(MetricRegistry.metric(named: "lustre_nothing") == nil)
  }

  /// The rules of `promtool check metrics`, as far as names, kinds and help can break them.
  @Test(arguments: MetricRegistry.all) func namesPassTheLintOfPrometheus(metric: Metric) {
    let parts = metric.name.split(separator: "_")
    #expect(!metric.help.isEmpty && !metric.help.contains("\n") && !metric.help.contains("|"))
    #expect(!metric.help.hasSuffix("."))
    #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter))
    #expect(
      metric.name.utf8.allSatisfy {
        $0 == 0x5f || (0x30...0x39).contains($0) || (0x61...0x7a).contains($0)
      })
    for suffix in ["_count", "_sum", "_bucket", "_info"] { #expect(!metric.name.hasSuffix(suffix)) }
    for word in [
      "kilobytes", "kibibytes", "megabytes", "milliseconds", "microseconds", "minutes", "gauge",
      "counter", "ms", "us", "ns", "sec", "kb", "mb", "gb",
    ] { #expect(!parts.contains(Substring(word))) }
    #expect(!metric.labels.contains("target") && !metric.labels.contains("server"))
    #expect(metric.width == 64 || metric.kind == .counter)
    #expect(metric.decimals <= 9 && !metric.sources.isEmpty)
    #expect(metric.name.contains("bytes") == false || metric.unit == "bytes")
  }

  @Test func thePageIsMadeFromTheRegistry() throws {
    let made = MetricRegistry.markdown()
    // Printed for whoever changed the registry to take over.
    if readPage() != made { print(made) }
    let page = try #require(readPage(), "docs/metrics.md is missing")
    #expect(page == made, "docs/metrics.md differs from the registry; the right page is above")
  }

  /// `docs/metrics.md` of the repository that this file really lies in.
  private func readPage() -> String? {
    guard let resolved = realpath(#filePath, nil) else { return nil }
    defer { free(resolved) }
    let parts = String(cString: resolved).split(separator: "/").dropLast(3)
    guard let file = fopen("/" + parts.joined(separator: "/") + "/docs/metrics.md", "r") else {
      return nil
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
