import Testing

@testable import Protocol

@Suite struct DeclarationTests {
  @Test func randomDeclarationsComeBackAsTheyWere() throws {
    var random = SplitMix(seed: 8)
    for _ in 0..<100 {
      var declarations: [UInt32: SeriesDeclaration] = [:]
      for _ in 0..<random.below(30) {
        declarations[UInt32(random.below(WireLimits.seriesPerSession))] = randomSeries(&random)
      }
      let bytes = DeclarationCodec.encode(declarations)
      #expect(try DeclarationCodec.decode(bytes.span) == declarations)
    }
  }

  private func randomSeries(_ random: inout SplitMix) -> SeriesDeclaration {
    func text(_ random: inout SplitMix) -> String {
      let alphabet = ["a", "é", "\u{0}", "🙂", "\""]
      return (0..<random.below(6)).map { _ in alphabet[random.below(5)] }.joined()
    }
    var labels: [String: String] = [:]
    for _ in 0..<random.below(WireLimits.labels) { labels[text(&random)] = text(&random) }
    let mgs = (0..<random.below(4)).map { _ in text(&random) }
    let subject: SeriesSubject =
      random.below(2) == 0 ? .server : .target(TargetReference(label: text(&random), mgs: mgs))
    return SeriesDeclaration(
      key: SeriesKey(subject: subject, metric: text(&random), labels: labels),
      kind: random.below(2) == 0 ? .counter : .gauge, unit: text(&random),
      decimals: UInt8(random.below(10)), width: random.below(2) == 0 ? 32 : 64,
      source: text(&random))
  }

  @Test func everyLimitIsTheLastThatIsServed() throws {
    let longest = String(repeating: "x", count: WireLimits.textBytes)
    let mostLabels = (0..<WireLimits.labels).map { ("l\($0)", "v") }
    let mostNIDs = (0..<WireLimits.mgsNIDs).map { "\($0)@tcp" }
    #expect(try back(target(longest)).key.metric == "m")
    #expect(refusal(target(longest + "x")) == tooLong("a target's label", 1_025, 1_024))
    #expect(try back(gauge(longest)).key.metric == longest)
    #expect(refusal(gauge(longest + "x")) == tooLong("a metric's name", 1_025, 1_024))
    let labels = Dictionary(uniqueKeysWithValues: mostLabels)
    #expect(try back(gauge(labels: labels)).key.labels.count == WireLimits.labels)
    #expect(
      refusal(gauge(labels: labels.merging(["y": ""]) { a, _ in a })) == tooLong("labels", 17, 16))
    #expect(refusal(gauge(labels: ["n": longest + "x"])) != nil)
    #expect(refusal(gauge(labels: [longest + "x": "v"])) != nil)
    #expect(refusal(target("t", mgs: mostNIDs)) == nil)
    #expect(refusal(target("t", mgs: mostNIDs + ["y"])) == tooLong("MGS NIDs", 65, 64))
    var series = gauge()
    series.decimals = 10
    #expect(refusal(series) == .malformed("10 decimals, at most 9"))
    series = gauge()
    series.width = 63
    #expect(refusal(series) == .malformed("a counter of 63 bits"))
  }

  @Test func idsAreBoundedAndGivenOnce() throws {
    let last = UInt32(WireLimits.seriesPerSession - 1)
    #expect(try DeclarationCodec.decode(DeclarationCodec.encode([last: gauge()]).span).count == 1)
    #expect(refusal(of: DeclarationCodec.encode([last + 1: gauge()])) != nil)
    #expect(refusal(of: DeclarationCodec.encode([0: gauge(), last + 1: gauge()])) != nil)
    let one = "00 01 6d 00 01 01 31 00 40 00"
    #expect(refusal(of: unhex("02 00 \(one) 01 \(one)")) == nil)
    #expect(
      refusal(of: unhex("02 00 \(one) 00 \(one)")) == .malformed("a series id declared twice"))
    #expect(refusal(of: unhex("02 00 \(one) ffffffffffffffffff01 \(one)")) != nil)
    #expect(
      refusal(of: unhex("c1843d")) == tooLong("declared series", 1_000_001, 1_000_000))
    #expect(
      refusal(of: unhex("01 00 \(one) 00")) == .malformed("bytes after the last declaration"))
    #expect(refusal(of: unhex("01 00 02")) == .malformed("series subject 2"))
  }

  @Test func aLabelGivenTwiceIsRefused() {
    #expect(
      refusal(of: unhex("01 00 00 01 6d 02 0161 0162 0161 0163 01 01 31 00 40 00"))
        == .malformed("a label given twice"))
  }

  private func target(_ label: String, mgs: [String] = []) -> SeriesDeclaration {
    var series = gauge()
    series.key.subject = .target(TargetReference(label: label, mgs: mgs))
    return series
  }

  private func tooLong(_ what: String, _ length: Int, _ limit: Int) -> WireError {
    .tooLong(what: what, length: length, limit: limit)
  }

  private func back(_ series: SeriesDeclaration) throws -> SeriesDeclaration {
    let decoded = try DeclarationCodec.decode(DeclarationCodec.encode([3: series]).span)
    return try #require(decoded[3])
  }

  private func refusal(_ series: SeriesDeclaration) -> WireError? {
    refusal(of: DeclarationCodec.encode([3: series]))
  }

  private func refusal(of bytes: [UInt8]) -> WireError? {
    do {
      _ = try DeclarationCodec.decode(bytes.span)
      return nil
    } catch {
      return error
    }
  }
}
