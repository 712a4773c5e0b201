import Glibc
import Platform
import Testing

/// A log that nobody reads for a while.
@Suite struct LineOutputTests {
  @Test func whoSaysSomethingDoesNotWaitForWhoReadsIt() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    defer { close(ends[0]) }
    let output = LineOutput(descriptor: ends[1], limit: 100_000)
    // More than the pipe and what may wait can hold.
    let lines = (0..<5_000).map { "line \($0) \(String(repeating: "x", count: 90))\n" }
    for line in lines { output.add(line) { "left out \($0)\n" } }
    var seen = ""
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while !seen.contains("left out") || !seen.hasSuffix("\n") {
      let count = read(ends[0], &bytes, bytes.count)
      guard count > 0 else { break }
      seen += String(decoding: bytes[..<count], as: UTF8.self)
    }
    let parts = seen.split(separator: "\n").map { "\($0)\n" }
    let kept = parts.filter { $0.hasPrefix("line") }
    let told = parts.filter { $0.hasPrefix("left out") }
    #expect(Set(kept).isSubset(of: lines), "whole lines")
    #expect(told == ["left out \(lines.count - kept.count)\n"])
    #expect(kept.count > 1_000 && kept.count < lines.count)
    output.add("again\n") { "left out \($0)\n" }
    output.drain(milliseconds: 10_000)
    #expect(read(ends[0], &bytes, bytes.count) == 6)
  }
}
